/* The journal: any bytes, and any keys in an unbroken chain; what follows from it is rows again. */
#include "evidence/journalread.h"

#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "base/row.h"
#include "evidence/past.h"

enum { CHAIN_MAX = 1 << 20 };

static void rows_are_rows(struct kan_bytes rows)
{
	while (rows.n) {
		json_t *row = NULL;
		const uint8_t *lf = memchr(rows.p, '\n', rows.n);
		if (!lf || kan_row_parse(&row, (struct kan_bytes){rows.p, (size_t)(lf - rows.p)},
					 NULL) < 0)
			abort();
		json_decref(row);
		rows.n -= (size_t)(lf + 1 - rows.p);
		rows.p = lf + 1;
	}
}

static void read_all(struct kan_bytes text)
{
	struct kan_journal_end end;
	struct kan_past past = {0};
	json_t *records = NULL;
	kan_auto_buf struct kan_buf rows = KAN_BUF(CHAIN_MAX * 2);
	if (kan_journal_read(&end, text, NULL, NULL, NULL) < 0)
		return;
	if (kan_journal_artefacts(&records, text, NULL) == 0)
		json_decref(records);
	if (kan_past_read(&past, text, NULL) == 0)
		json_decref(kan_past_document(&past, "b"));
	kan_past_free(&past);
	if (kan_journal_gap_rows(&rows, text, "b", NULL) == 0)
		rows_are_rows(kan_buf_bytes(&rows));
}

/* Each line of the input is the keys of one record. */
static void chain(struct kan_buf *out, struct kan_bytes keys)
{
	char prev[KAN_SHA256_HEX];
	memset(prev, '0', sizeof(prev) - 1);
	prev[sizeof(prev) - 1] = 0;
	for (unsigned seq = 1; keys.n && !out->failed; seq++) {
		const uint8_t *lf = memchr(keys.p, '\n', keys.n);
		size_t n = lf ? (size_t)(lf - keys.p) : keys.n, at = out->len;
		kan_buf_addf(out, "{\"seq\":%u,\"prev\":\"%s\",\"t_ns\":%u,", seq, prev, seq);
		if (seq == 1)
			kan_buf_adds(out, "\"schema\":\"kanshiki.journal/1\",\"bundle\":\"b\","
					  "\"collector\":\"conductor\",");
		kan_buf_add(out, keys.p, n);
		kan_buf_adds(out, "}\n");
		kan_sha256_hex(prev, (struct kan_bytes){out->data + at, out->len - at});
		keys.p += n + (lf != NULL);
		keys.n -= n + (lf != NULL);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct kan_bytes v = {data, size};
	kan_auto_buf struct kan_buf text = KAN_BUF(CHAIN_MAX);
	read_all(v);
	chain(&text, v);
	if (!text.failed)
		read_all(kan_buf_bytes(&text));
	return 0;
}
