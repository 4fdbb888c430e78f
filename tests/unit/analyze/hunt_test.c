/* Indicators in a sealed bundle: in whatever form they are written, and nothing that was altered.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../evidence/world.h"
#include "analyze/hunt.h"
#include "base/row.h"

enum { LONG = (5 << 20) + 123, AT = (1 << 20) - 7 };

static void put_long(struct kan_sink *s)
{
	struct kan_err err = {0};
	kan_auto_buf struct kan_buf text = KAN_BUF(LONG + 1);
	for (size_t i = 0; i < LONG; i++)
		kan_buf_addc(&text, ' ');
	memcpy(text.data + AT, "over-the-border", 15);
	memcpy(text.data + LONG - 9, "\nlast-one", 9);
	cr_assert_eq(kan_sink_put(s, "long.txt", kan_buf_bytes(&text), &err), 0, "%s", err.text);
}

static void put_rows(struct kan_sink *s)
{
	struct kan_rows *rows = NULL;
	cr_assert_eq(kan_rows_open(&rows, s, "things.ndjson", NULL), 0);
	for (unsigned i = 0; i < 3; i++) {
		struct kan_row *r = kan_rows_begin(rows);
		kan_row_int(r, "pid", 40 + i);
		kan_row_bytes(r, "comm", i == 1 ? KAN_LIT("e\xffvil \"q\"") : KAN_LIT("plain"));
		kan_row_str(r, "raddr", i == 2 ? "192.0.2.7" : "192.0.2.8");
		kan_row_int(r, "rport", 4444);
		cr_assert_eq(kan_rows_end(rows, NULL), 0);
	}
	cr_assert_eq(kan_rows_close(rows, NULL), 0);
}

static void fill(struct world *w)
{
	static const char *const artefacts[] = {"*", NULL};
	static const char document[] = "{\"a\":[{\"b\":\"x \\u0068idden\\/way\"},\"cut\"]}";
	static const char lines[] = "{\"n\":1}\n{\"n\":\"se\\u0063ond\"}\n{\"n\":\"brok\\u0065n\n";
	struct kan_err err = {0};
	char seal[65];
	world_begin(w);
	struct kan_sink *s = world_sink(w, "engine", artefacts);
	world_collector(w, "engine", "begin", NULL);
	cr_assert_eq(kan_sink_put(s, "one.json", KAN_LIT(document), &err), 0, "%s", err.text);
	cr_assert_eq(kan_sink_put(s, "lines.json", KAN_LIT(lines), &err), 0, "%s", err.text);
	put_long(s);
	put_rows(s);
	kan_sink_free(s);
	world_record(w);
	world_collector(w, "engine", "end", "ok");
	cr_assert_eq(world_seal(w, seal, NULL, &err), 0, "%s", err.text);
	world_crash(w);
}

struct searched {
	struct kan_iocs iocs;
	struct kan_ioc_sieve *sieve;
	struct kan_hunt hunt;
};

static struct searched search(const struct world *w, const char *word)
{
	struct searched s = {0};
	struct kan_err err = {0};
	struct kan_bundle *b = NULL;
	cr_assert_eq(kan_iocs_add(&s.iocs, kan_bytes_of(word), NULL, &err), 0, "%s", err.text);
	cr_assert_eq(kan_bundle_open(&b, w->final, false, &err), 0, "%s", err.text);
	s.sieve = kan_ioc_sieve_new(&s.iocs);
	kan_hunt_begin(&s.hunt, &s.iocs, s.sieve);
	kan_hunt_bundle(&s.hunt, b);
	kan_bundle_free(b);
	return s;
}

static void free_search(struct searched *s)
{
	kan_hunt_end(&s->hunt);
	kan_ioc_sieve_free(s->sieve);
	kan_iocs_free(&s->iocs);
}

/* The one hit: "artefact:row where". "": there is none. */
static void found(const struct world *w, const char *word, const char *want)
{
	char is[256] = "";
	struct searched s = search(w, word);
	const json_t *hit = json_array_get(s.hunt.hits, 0);
	cr_assert_leq(json_array_size(s.hunt.hits), 1, "%s", word);
	if (hit)
		(void)snprintf(is, sizeof is, "%s:%d %s", kan_json_str(hit, "artefact") + 12,
			       (int)kan_json_int(hit, "row"), kan_json_str(hit, "where"));
	cr_assert_str_eq(is, want, "%s: %s", word, is);
	cr_assert_eq(s.hunt.found[0], json_array_size(s.hunt.hits));
	free_search(&s);
}

Test(analyze_hunt, a_value_is_found_in_whatever_form_it_is_written)
{
	struct world w;
	fill(&w);
	found(&w, "hidden", "one.json:0 a[0].b");
	found(&w, "hidden/way", "one.json:0 a[0].b");
	found(&w, "cut", "one.json:0 a[1]");
	found(&w, "second", "lines.json:2 n");
	found(&w, "e\\xffvil", "things.ndjson:3 comm");
	found(&w, "name:e\xffvil \"q\"", "things.ndjson:3 comm");
	found(&w, "192.0.2.7:4444", "things.ndjson:4 raddr");
	found(&w, "192.0.2.7:443", "");
	found(&w, "last-one", "long.txt:2 ");
	found(&w, "things", "");
	world_free(&w);
}

Test(analyze_hunt, a_line_of_any_length_is_searched_over_its_cuts)
{
	struct world w;
	fill(&w);
	found(&w, "over-the-border", "long.txt:1 ");
	world_free(&w);
}

Test(analyze_hunt, a_line_that_cannot_be_parsed_is_told)
{
	struct world w;
	fill(&w);
	struct searched s = search(&w, "broken");
	const json_t *fault = json_array_get(s.hunt.faults, 0);
	cr_assert_eq(json_array_size(s.hunt.faults), 1);
	cr_assert_str_eq(kan_json_str(fault, "artefact"), "data/engine/lines.json");
	cr_assert(json_is_false(json_object_get(fault, "altered")));
	cr_assert(strstr(kan_json_str(fault, "why"), "line 3"), "%s", kan_json_str(fault, "why"));
	free_search(&s);
	world_free(&w);
}

Test(analyze_hunt, nothing_of_an_altered_artefact_is_a_hit)
{
	struct world w;
	fill(&w);
	world_shell(w.final, 0, "f=data/engine/one.json; chmod u+w $f; sed -i s/cut/kut/ $f");
	found(&w, "kut", "");
	struct searched s = search(&w, "kut");
	const json_t *fault = json_array_get(s.hunt.faults, 0);
	cr_assert_eq(json_array_size(s.hunt.faults), 1);
	cr_assert_str_eq(kan_json_str(fault, "artefact"), "data/engine/one.json");
	cr_assert(json_is_true(json_object_get(fault, "altered")));
	free_search(&s);
	found(&w, "second", "lines.json:2 n");
	world_free(&w);
}

Test(analyze_hunt, an_artefact_is_found_by_its_digest_and_its_bytes_need_not_be_read)
{
	struct world w;
	char digest[KAN_SHA256_HEX];
	fill(&w);
	kan_sha256_hex(digest, KAN_LIT("{\"a\":[{\"b\":\"x \\u0068idden\\/way\"},\"cut\"]}"));
	found(&w, digest, "one.json:0 the artefact itself");
	world_free(&w);
}
