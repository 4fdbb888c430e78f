/* What a hunt found, a line each; what it could not search is never passed over. */
#include <string.h>

#include "base/row.h"
#include "cli/hunt.h"

static void print_part(const json_t *o, const char *key, const char *before)
{
	kan_auto_buf struct kan_buf v = KAN_BUF(KAN_HUNT_DOC);
	if (kan_json_bytes(&v, o, key, NULL) < 0 || !v.len)
		return;
	(void)fputs(before, stdout);
	kan_print(stdout, kan_buf_bytes(&v));
}

static void line(json_t *doc)
{
	struct kan_err err = {0};
	json_object_set_new(doc, "schema", json_string("kanshiki.hunt/1"));
	(void)kan_print_line(doc, true, &err); /* main looks whether it was written */
	json_decref(doc);
}

/* A child may be in the hands of who made the bundle: the index is checked. */
static const struct kan_ioc *ioc_of(const struct kan_hunt_job *j, const json_t *hit)
{
	json_int_t i = kan_json_int(hit, "ioc");
	return i >= 0 && (size_t)i < j->iocs.n ? &j->iocs.v[i] : NULL;
}

static void name_ioc(json_t *o, const struct kan_ioc *ioc)
{
	json_object_set_new(o, "kind", json_string(kan_ioc_kinds[ioc->kind]));
	kan_json_set_bytes(o, "ioc", kan_bytes_of(ioc->word));
}

static void print_text(const struct kan_ioc *ioc, const char *name, const json_t *answer,
		       const json_t *hit)
{
	kan_print(stdout, kan_bytes_of(name));
	print_part(json_object_get(answer, "container"), "name", "  ");
	print_part(hit, "artefact", "  ");
	if (json_object_get(hit, "row"))
		(void)printf(":%lld", (long long)kan_json_int(hit, "row"));
	print_part(hit, "where", "  ");
	print_part(hit, "finding", "  ");
	print_part(hit, "severity", " ");
	print_part(hit, "says", "  ");
	print_part(hit, "matched", "  ");
	if (json_object_get(hit, "pid"))
		(void)printf("  pid %lld", (long long)kan_json_int(hit, "pid"));
	print_part(hit, "object", "  of ");
	(void)printf("  [%s:", kan_ioc_kinds[ioc->kind]);
	kan_print(stdout, kan_bytes_of(ioc->word));
	(void)puts("]");
}

static void print_json(const struct kan_ioc *ioc, const char *name, const json_t *answer,
		       const json_t *hit)
{
	static const char *const keys[] = {"seal", "case", "case_b64", "container", "recorded"};
	json_t *o = json_copy((json_t *)(uintptr_t)hit);
	name_ioc(o, ioc);
	json_object_set_new(o, "type", json_string("hit"));
	kan_json_set_bytes(o, "bundle", kan_bytes_of(name));
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
		if (json_object_get(answer, keys[i]))
			json_object_set(o, keys[i], json_object_get(answer, keys[i]));
	line(o);
}

/* One sentence on stderr, one line with --json, one entry of the summary. */
static void told(struct kan_hunt_job *j, const char *name, const char *code, const char *why)
{
	bool altered = strcmp(code, "altered") == 0;
	json_t *o = json_object();
	kan_json_set_bytes(o, "bundle", kan_bytes_of(name));
	json_object_set_new(o, "code", json_string(code));
	kan_json_set_bytes(o, "why", kan_bytes_of(why));
	if (json_array_size(j->skipped) < KAN_HUNT_DOC / KAN_HUNT_SHOWN)
		json_array_append(j->skipped, o);
	json_decref(o);
	kan_say("%s: %s: %s", name, code, why);
	j->status = kan_status_worst(j->status, altered ? KAN_EXIT_TAMPERED : KAN_EXIT_MISSING);
}

static void tell_faults(struct kan_hunt_job *j, const char *name, const json_t *answer)
{
	size_t i = 0;
	json_t *f = NULL;
	json_array_foreach (json_object_get(answer, "faults"), i, f) {
		char why[KAN_HUNT_SHOWN];
		(void)snprintf(why, sizeof why, "%.220s: %.700s", kan_json_str(f, "artefact"),
			       kan_json_str(f, "why"));
		told(j, name,
		     json_is_true(json_object_get(f, "altered")) ? "altered" : "unreadable", why);
	}
	if (json_is_true(json_object_get(answer, "partial")))
		told(j, name, "partial", "searched, and it is a part of what was to be taken");
	if (json_object_get(answer, "no_rules"))
		told(j, name,
		     json_is_true(json_object_get(answer, "no_rules_altered")) ? "altered"
									       : "no-rules",
		     kan_json_str(answer, "no_rules"));
	json_array_foreach (json_object_get(answer, "not_judged"), i, f) {
		char why[KAN_HUNT_SHOWN];
		(void)snprintf(why, sizeof why, "%.120s: %.700s", kan_json_str(f, "id"),
			       kan_json_str(f, "why"));
		told(j, name, "not-judged", why);
	}
}

/* Hits that are not listed are counted all the same. */
static void count(struct kan_hunt_job *j, const char *name, const json_t *answer)
{
	uint64_t here = 0, listed = json_array_size(json_object_get(answer, "hits"));
	for (size_t i = 0; i < j->iocs.n; i++) {
		json_int_t n =
			json_integer_value(json_array_get(json_object_get(answer, "found"), i));
		j->total[i] += n > 0 ? (uint64_t)n : 0;
		here += n > 0 ? (uint64_t)n : 0;
	}
	if (here > listed) {
		char why[KAN_HUNT_SHOWN];
		(void)snprintf(why, sizeof why, "%llu hits more than are listed",
			       (unsigned long long)(here - listed));
		told(j, name, "limit", why);
	}
	j->hits += here;
	j->with_hits += here > 0;
	j->searched++;
	j->artefacts += (uint64_t)kan_json_int(answer, "artefacts");
	j->octets += (uint64_t)kan_json_int(answer, "octets");
	j->not_text += (uint64_t)kan_json_int(answer, "not_text");
	j->not_text_octets += (uint64_t)kan_json_int(answer, "not_text_octets");
}

void kan_hunt_take(size_t i, const json_t *answer, const char *why, void *job)
{
	struct kan_hunt_job *j = job;
	const char *name = j->home.names[i];
	size_t k = 0;
	json_t *hit = NULL;
	if (!answer || json_object_get(answer, "why")) {
		told(j, name, answer ? kan_json_str(answer, "code") : "unreadable",
		     answer ? kan_json_str(answer, "why") : why);
		return;
	}
	json_array_foreach (json_object_get(answer, "hits"), k, hit) {
		const struct kan_ioc *ioc = ioc_of(j, hit);
		if (ioc && j->json)
			print_json(ioc, name, answer, hit);
		else if (ioc)
			print_text(ioc, name, answer, hit);
	}
	tell_faults(j, name, answer);
	count(j, name, answer);
}

static void print_end(const struct kan_hunt_job *j, size_t not_searched)
{
	json_t *iocs = json_array();
	for (size_t i = 0; i < j->iocs.n; i++) {
		json_t *o = json_object();
		name_ioc(o, &j->iocs.v[i]);
		json_object_set_new(o, "hits", json_integer((json_int_t)j->total[i]));
		json_array_append_new(iocs, o);
	}
	line(json_pack("{s:s,s:o,s:I,s:I,s:I,s:I,s:O,s:I,s:I,s:I,s:I,s:b}", "type", "end", "iocs",
		       iocs, "hits", (json_int_t)j->hits, "bundles_with_hits",
		       (json_int_t)j->with_hits, "searched", (json_int_t)j->searched,
		       "not_searched", (json_int_t)not_searched, "faults", j->skipped, "artefacts",
		       (json_int_t)j->artefacts, "octets", (json_int_t)j->octets, "by_digest_only",
		       (json_int_t)j->not_text, "by_digest_only_octets",
		       (json_int_t)j->not_text_octets, "seals_compared", j->recorded != NULL));
}

void kan_hunt_summary(struct kan_hunt_job *j)
{
	size_t i = 0;
	json_t *name = NULL;
	json_array_foreach (j->gone, i, name)
		told(j, json_string_value(name), "gone",
		     "the case has it, and it is not among the bundles of this home");
	size_t not_searched = j->home.n + json_array_size(j->gone) - j->searched;
	if (j->json)
		print_end(j, not_searched);
	kan_say("%llu hits in %llu of %llu bundles%s", (unsigned long long)j->hits,
		(unsigned long long)j->with_hits, (unsigned long long)j->searched,
		not_searched ? "; NOT ALL WERE SEARCHED" : "");
	if (j->not_text && j->iocs.rows && !j->json)
		kan_say("%llu artefacts (tars, carved bytes, packed logs) were compared by their "
			"digest only",
			(unsigned long long)j->not_text);
}
