/* stix.json: what was observed, STIX 2.1. No threat actor: who it was is not in a snapshot. */
#include "reports/stix.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/digest.h"
#include "reports/ids.h"

enum { SEED_MAX = 64 << 10 };

/* An id of an object that is not an observable: of the seal and what it is about. */
static void id_of(char id[KAN_STIX_ID], const struct kan_stix *x, const char *type,
		  const char *about)
{
	char uuid[KAN_UUID_TEXT];
	kan_auto_buf struct kan_buf seed = KAN_BUF(SEED_MAX);
	/* Marked otherwise it is another object: of one id there is one content. */
	if (*kan_json_str(x->m->doc, "tlp"))
		kan_buf_addf(&seed, "%s ", kan_json_str(x->m->doc, "tlp"));
	kan_buf_adds(&seed, json_object_get(x->m->doc, "redacted") ? "redacted " : "");
	kan_buf_addf(&seed, "%s %s ", kan_json_str(x->m->doc, "seal"), type);
	kan_buf_adds(&seed, about);
	kan_uuid_of(uuid, kan_buf_bytes(&seed));
	(void)snprintf(id, KAN_STIX_ID, "%.60s--%s", type, uuid);
}

json_t *kan_stix_object(char id[KAN_STIX_ID], struct kan_stix *x, const char *type,
			const char *about)
{
	id_of(id, x, type, about);
	return json_pack("{s:s,s:s,s:s,s:s,s:s}", "type", type, "spec_version", "2.1", "id", id,
			 "created", x->now, "modified", x->now);
}

static bool known(const struct kan_stix *x, const char *id)
{
	return json_object_get(x->ids, id) != NULL;
}

void kan_stix_add(struct kan_stix *x, json_t *object)
{
	const char *id = kan_json_str(object, "id");
	if (known(x, id)) {
		json_decref(object);
		return;
	}
	json_object_set_new(x->ids, id, json_true());
	json_array_append_new(x->objects, object);
}

static json_t *technique_object(struct kan_stix *x, char id[KAN_STIX_ID], const json_t *t)
{
	const char *code = kan_json_str(t, "id");
	json_t *o = kan_stix_object(id, x, "attack-pattern", code);
	json_object_set(o, "name", json_object_get(t, "name"));
	json_object_set_new(
		o, "external_references",
		json_pack("[{s:s,s:s}]", "source_name", "mitre-attack", "external_id", code));
	return o;
}

static const json_t *technique_of(const struct kan_stix *x, const char *code)
{
	size_t i = 0;
	json_t *t = NULL;
	json_array_foreach (json_object_get(x->m->doc, "techniques"), i, t)
		if (strcmp(kan_json_str(t, "id"), code) == 0)
			return t;
	return NULL;
}

static void relate(struct kan_stix *x, const char *from, const char *word, const char *to)
{
	char id[KAN_STIX_ID], about[2 * KAN_STIX_ID + 32];
	(void)snprintf(about, sizeof about, "%s %s %s", from, word, to);
	json_t *o = kan_stix_object(id, x, "relationship", about);
	json_object_set_new(o, "relationship_type", json_string(word));
	json_object_set_new(o, "source_ref", json_string(from));
	json_object_set_new(o, "target_ref", json_string(to));
	kan_stix_add(x, o);
}

static void techniques(struct kan_stix *x, const json_t *finding, const char *indicator)
{
	size_t i = 0;
	json_t *code = NULL;
	json_array_foreach (json_object_get(finding, "attack"), i, code) {
		char id[KAN_STIX_ID];
		const json_t *t = technique_of(x, json_string_value(code));
		if (!t)
			continue;
		kan_stix_add(x, technique_object(x, id, t));
		if (indicator)
			relate(x, indicator, "indicates", id);
	}
}

/* What was seen, as one observation of one finding. */
static bool observation(struct kan_stix *x, char id[KAN_STIX_ID], const json_t *finding)
{
	json_t *refs = json_array(), *object = NULL;
	size_t i = 0;
	json_array_foreach (json_object_get(finding, "objects"), i, object)
		kan_stix_observe(x, refs, object);
	if (json_array_size(refs) == 0) {
		json_decref(refs);
		return false;
	}
	json_t *o = kan_stix_object(id, x, "observed-data", kan_json_str(finding, "id"));
	json_object_set_new(o, "first_observed", json_string(x->now));
	json_object_set_new(o, "last_observed", json_string(x->now));
	json_object_set_new(o, "number_observed", json_integer(1));
	json_object_set_new(o, "object_refs", refs);
	kan_stix_add(x, o);
	return true;
}

/* A digest or a public address of a finding of medium or more is worth looking for. */
static bool pattern_of(char *text, size_t size, const json_t *finding)
{
	size_t i = 0;
	json_t *o = NULL;
	if (strcmp(kan_json_str(finding, "severity"), "low") == 0)
		return false;
	json_array_foreach (json_object_get(finding, "objects"), i, o) {
		const char *digest = kan_json_str(o, "exe_sha256");
		digest = *digest ? digest : kan_json_str(o, "sha256");
		const char *at = kan_json_str(o, "raddr");
		if (kan_is_sha256_hex(digest)) {
			(void)snprintf(text, size, "[file:hashes.'SHA-256' = '%s']", digest);
			return true;
		}
		if (strcmp(kan_json_str(o, "peer_scope"), "public") == 0 && kan_ip_version(at)) {
			(void)snprintf(text, size, "[ipv%d-addr:value = '%.64s']",
				       kan_ip_version(at), at);
			return true;
		}
	}
	return false;
}

static bool indicator(struct kan_stix *x, char id[KAN_STIX_ID], const json_t *finding)
{
	char pattern[256];
	if (!pattern_of(pattern, sizeof pattern, finding))
		return false;
	/* Who wrote the rule of a hit, and under which licence, goes with it. */
	const json_t *first = json_array_get(json_object_get(finding, "objects"), 0);
	bool yara = strcmp(kan_json_str(first, "kind"), "yara") == 0;
	json_t *o =
		kan_stix_object(id, x, "indicator", yara ? kan_json_str(finding, "id") : pattern);
	json_object_set(o, "name", json_object_get(finding, "title"));
	json_object_set(o, "description", json_object_get(finding, yara ? "says" : "why"));
	json_object_set_new(o, "pattern", json_string(pattern));
	json_object_set_new(o, "pattern_type", json_string("stix"));
	json_object_set_new(o, "valid_from", json_string(x->now));
	kan_stix_add(x, o);
	return true;
}

static void sighting(struct kan_stix *x, const char *of, const char *observed)
{
	char id[KAN_STIX_ID], about[2 * KAN_STIX_ID + 1];
	(void)snprintf(about, sizeof about, "%s %s", of, observed);
	json_t *o = kan_stix_object(id, x, "sighting", about);
	json_object_set_new(o, "sighting_of_ref", json_string(of));
	json_object_set_new(o, "observed_data_refs", json_pack("[s]", observed));
	kan_stix_add(x, o);
}

static void finding_objects(struct kan_stix *x, const json_t *finding)
{
	char seen[KAN_STIX_ID], shape[KAN_STIX_ID];
	bool observed = observation(x, seen, finding), worth = indicator(x, shape, finding);
	techniques(x, finding, worth ? shape : NULL);
	if (worth && observed)
		sighting(x, shape, seen);
}

/* The report refers to everything before it. */
static void report_object(struct kan_stix *x)
{
	char id[KAN_STIX_ID];
	const char *bundle = kan_json_str(x->m->doc, "bundle");
	json_t *o = kan_stix_object(id, x, "report", bundle), *refs = json_array(), *v = NULL;
	size_t i = 0;
	json_array_foreach (x->objects, i, v)
		json_array_append(refs, json_object_get(v, "id"));
	json_object_set_new(o, "name", json_string(bundle));
	json_object_set_new(o, "published", json_string(x->now));
	json_object_set_new(o, "object_refs", refs);
	kan_stix_add(x, o);
}

static void now_of(char text[KAN_STIX_TIME], const struct kan_model *m)
{
	char when[KAN_RFC3339];
	kan_rfc3339_s(when, kan_json_int(json_object_get(m->doc, "record"), "started_ns"));
	(void)snprintf(text, KAN_STIX_TIME, "%.19s.000Z", when);
}

/* The objects that OASIS publishes for TLP 2.0: extension-definition--60a3c5c5.., with these ids.
 */
static const char *const markings[][3] = {
	{"TLP:CLEAR", "clear", "marking-definition--94868c89-83c2-464b-929b-a1a8aa3c8487"},
	{"TLP:GREEN", "green", "marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb"},
	{"TLP:AMBER", "amber", "marking-definition--55d920b0-5e8b-4f79-9ee9-91f868d9b421"},
	{"TLP:AMBER+STRICT", "amber+strict",
	 "marking-definition--939a9414-2ddd-4d32-a0cd-375ea402b003"},
	{"TLP:RED", "red", "marking-definition--e828b379-4e03-4974-9ac4-e53a884c97c1"},
};

static void mark_all(json_t *objects, const char *const marking[3])
{
	size_t i = 0;
	json_t *o = NULL;
	json_array_foreach (objects, i, o)
		json_object_set_new(o, "object_marking_refs", json_pack("[s]", marking[2]));
	json_array_append_new(
		objects,
		json_pack("{s:s,s:s,s:s,s:s,s:s,s:{s:{s:s,s:s}}}", "type", "marking-definition",
			  "spec_version", "2.1", "id", marking[2], "created",
			  "2022-10-01T00:00:00.000Z", "name", marking[0], "extensions",
			  "extension-definition--60a3c5c5-0d10-413e-aab3-9e08dde9e88d",
			  "extension_type", "property-extension", "tlp_2_0", marking[1]));
}

static void mark(const struct kan_stix *x)
{
	for (size_t i = 0; i < sizeof markings / sizeof *markings; i++)
		if (strcmp(kan_json_str(x->m->doc, "tlp"), markings[i][0]) == 0)
			mark_all(x->objects, markings[i]);
}

static int render(struct kan_buf *out, const struct kan_model *m, struct kan_err *err)
{
	char id[KAN_STIX_ID];
	struct kan_stix x = {.m = m, .objects = json_array(), .ids = json_object()};
	size_t i = 0;
	json_t *f = NULL;
	now_of(x.now, m);
	json_array_foreach (json_object_get(m->doc, "findings"), i, f)
		if (strcmp(kan_json_str(f, "class"), "posture") != 0)
			finding_objects(&x, f);
	if (json_array_size(x.objects))
		report_object(&x);
	mark(&x);
	id_of(id, &x, "bundle", kan_json_str(m->doc, "bundle"));
	json_t *doc = json_pack("{s:s,s:s,s:o}", "type", "bundle", "id", id, "objects", x.objects);
	int rc = kan_json_dump(out, doc, err);
	json_decref(doc);
	json_decref(x.ids);
	return rc;
}

extern const struct kan_report kan_report_stix;
const struct kan_report kan_report_stix = {
	.name = "stix",
	.file = "stix.json",
	.summary = "observations and indicators, STIX 2.1",
	.render = render,
};
