/* Escapes: no active character of its sink is left. */
#include "base/escape.h"

#include <stdlib.h>
#include <string.h>

#include "base/row.h"

static void clean(struct kan_bytes v)
{
	kan_auto_buf struct kan_buf probe = KAN_BUF(v.n * 3 + 1);
	if (!kan_text_clean(&probe, v))
		abort();
}

static void markdown(struct kan_bytes v)
{
	size_t fence = 0, run = 0;
	while (fence < v.n && v.p[fence] == '`')
		fence++;
	for (size_t i = fence; i + fence < v.n; i++) {
		run = v.p[i] == '`' ? run + 1 : 0;
		if (run == fence)
			abort();
	}
}

static void csv(struct kan_bytes v)
{
	if (v.n < 2 || v.p[0] != '"' || v.p[v.n - 1] != '"' || memchr("=+-@\t\r", v.p[1], 6))
		abort();
	for (size_t i = 1; i + 1 < v.n; i++)
		if (v.p[i] == '"' && v.p[++i] != '"')
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct kan_bytes v = {data, size};
	kan_auto_buf struct kan_buf out = KAN_BUF(size * 8 + 64), cut = KAN_BUF(size * 8 + 64);
	kan_escape_html(&out, v);
	clean(kan_buf_bytes(&out));
	if (out.failed || strpbrk(kan_buf_str(&out), "<>\"'"))
		abort();
	kan_buf_reset(&out);
	kan_escape_markdown(&out, v);
	clean(kan_buf_bytes(&out));
	markdown(kan_buf_bytes(&out));
	kan_buf_reset(&out);
	kan_escape_csv(&out, v);
	csv(kan_buf_bytes(&out));
	kan_buf_reset(&out);
	kan_escape_terminal(&out, v);
	clean(kan_buf_bytes(&out));
	kan_cut_columns(&cut, kan_buf_bytes(&out), 40);
	clean(kan_buf_bytes(&cut));
	if (kan_columns(kan_buf_bytes(&cut)) > 40)
		abort();
	return 0;
}
