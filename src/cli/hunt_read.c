/* One bundle of a hunt, in a child in the readers' sandbox. */
#include <fcntl.h>
#include <string.h>

#include <kanshiki/rule.h>

#include "base/digest.h"
#include "base/file.h"
#include "base/row.h"
#include "cli/hunt.h"

enum { REPORT_MAX = 64 << 20, REPORT_DEPTH = 32 };

static void skip(json_t *answer, const char *code, const char *why)
{
	json_object_set_new(answer, "code", json_string(code));
	kan_json_set_bytes(answer, "why", kan_bytes_of(why));
}

/* A report that the repository has as made from this bundle; NULL: there is none, and why says so.
 * Anybody who can write in the home can write a report.json. */
static json_t *committed_report(const struct kan_hunt_job *j, const struct kan_bundle *b,
				struct kan_err *why)
{
	char sha256[KAN_SHA256_HEX];
	const json_t *of = json_object_get(j->recorded, kan_bundle_name(b));
	json_t *doc = NULL;
	if (!j->home.reports)
		return (void)kan_fail(why, KAN_ENOTFOUND, "there is no report of it"), NULL;
	kan_auto_free char *dir = kan_path(j->home.reports, kan_bundle_name(b));
	kan_auto_free char *path = kan_path(dir, "report.json");
	kan_auto_buf struct kan_buf text = KAN_BUF(REPORT_MAX);
	if (kan_read_file(&text, AT_FDCWD, path, why) < 0)
		return NULL;
	kan_sha256_hex(sha256, kan_buf_bytes(&text));
	if (!kan_json_has_word(json_object_get(of, "derived"), sha256))
		return (void)kan_fail(why, KAN_ENOTFOUND,
				      "its report.json is none that the repository knows"),
		       NULL;
	if (kan_json_parse(&doc, kan_buf_bytes(&text), REPORT_MAX, REPORT_DEPTH, why) < 0)
		return NULL;
	if (strcmp(kan_json_str(doc, "seal"), kan_bundle_seal(b)) == 0)
		return doc;
	json_decref(doc);
	return (void)kan_fail(why, KAN_EFORMAT, "its report.json is of another seal"), NULL;
}

static const json_t *entry_of(const json_t *list, const char *key, const char *id)
{
	size_t i = 0;
	json_t *o = NULL;
	json_array_foreach ((json_t *)(uintptr_t)list, i, o)
		if (strcmp(kan_json_str(o, key), id) == 0)
			return o;
	return NULL;
}

/* A rule that was not asked, or could not be judged, and why. */
static void tell_rules(json_t *answer, const struct kan_hunt_job *j, const json_t *doc)
{
	json_t *lacks = json_array();
	for (size_t i = 0; i < j->iocs.n; i++) {
		const char *id = j->iocs.v[i].word;
		if (j->iocs.v[i].kind != KAN_IOC_RULE)
			continue;
		const json_t *r = entry_of(json_object_get(doc, "rules"), "id", id);
		const json_t *gap = json_object_get(
			entry_of(json_object_get(doc, "not_assessed"), "rule", id), "gap");
		if (!r || gap)
			json_array_append_new(
				lacks, json_pack("{s:s,s:s}", "id", id, "why",
						 r ? kan_json_str(gap, "why")
						   : "the report was made without this rule"));
	}
	json_object_set_new(answer, "not_judged", lacks);
}

static void by_rules(json_t *answer, struct kan_hunt *h, const struct kan_hunt_job *j,
		     const struct kan_bundle *b)
{
	struct kan_err why = {0};
	const char *source = "report";
	json_t *doc = committed_report(j, b, &why);
	if (!doc && j->analyze) {
		why = (struct kan_err){0};
		source = "analysis";
		if (kan_analyze(&doc, b, j->rules, &why) < 0)
			doc = NULL;
	}
	if (doc) {
		kan_hunt_findings(h, doc, source);
		tell_rules(answer, j, doc);
	} else {
		kan_json_set_bytes(answer, "no_rules", kan_bytes_of(why.text));
		json_object_set_new(answer, "no_rules_altered",
				    json_boolean(why.code == KAN_ETAMPER));
	}
	json_decref(doc);
}

static void tell_hunt(json_t *answer, const struct kan_hunt *h)
{
	json_t *found = json_array();
	for (size_t i = 0; i < h->iocs->n; i++)
		json_array_append_new(found, json_integer((json_int_t)h->found[i]));
	json_object_set_new(answer, "found", found);
	json_object_set(answer, "hits", h->hits);
	json_object_set(answer, "faults", h->faults);
	json_object_set_new(answer, "artefacts", json_integer((json_int_t)h->searched));
	json_object_set_new(answer, "octets", json_integer((json_int_t)h->octets));
	json_object_set_new(answer, "not_text", json_integer((json_int_t)h->not_text));
	json_object_set_new(answer, "not_text_octets",
			    json_integer((json_int_t)h->not_text_octets));
}

static void search(json_t *answer, const struct kan_hunt_job *j, const struct kan_bundle *b)
{
	struct kan_hunt h;
	const json_t *capture = kan_bundle_capture(b);
	const json_t *seals =
		json_object_get(json_object_get(j->recorded, kan_bundle_name(b)), "seals");
	json_object_set_new(answer, "seal", json_string(kan_bundle_seal(b)));
	json_object_set_new(answer, "container", kan_home_container(b));
	kan_json_set_bytes(answer, "case", kan_bytes_of(kan_json_str(capture, "case")));
	if (j->recorded)
		json_object_set_new(answer, "recorded", json_boolean(seals));
	if (seals && !kan_json_has_word(seals, kan_bundle_seal(b))) {
		skip(answer, "altered", "its seal is not the one that the repository recorded");
		return;
	}
	json_object_set_new(answer, "partial", json_boolean(kan_bundle_partial(b)));
	kan_hunt_begin(&h, &j->iocs, j->sieve);
	kan_hunt_bundle(&h, b);
	if (j->iocs.rules)
		by_rules(answer, &h, j, b);
	tell_hunt(answer, &h);
	kan_hunt_end(&h);
}

json_t *kan_hunt_read(size_t i, void *job)
{
	const struct kan_hunt_job *j = job;
	struct kan_err err = {0};
	struct kan_bundle *b = NULL;
	const char *code = NULL;
	json_t *answer = json_object();
	if (kan_home_bundle(&b, &code, &j->home, j->home.names[i], &err) < 0)
		skip(answer, code, err.text);
	else
		search(answer, j, b);
	kan_bundle_free(b);
	return answer;
}
