/* The analysis document: one bundle, joined and judged by rules. */
#include "analyze/analyze.h"

#include <inttypes.h>
#include <string.h>

#include "analyze/after.h"
#include "analyze/contradictions.h"
#include "analyze/integrity.h"
#include "analyze/object.h"
#include "analyze/packages.h"
#include "analyze/verdict.h"
#include "analyze/yararows.h"
#include "analyze/yarascan.h"
#include "base/clock.h"
#include "base/row.h"
#include "base/self.h"

enum { NAME_TEXT = 256 };

/* Keys of one object that go over as they are, twins too. */
static void copy(json_t *to, const json_t *from, const char *const *keys)
{
	for (; *keys; keys++) {
		char twin[NAME_TEXT];
		json_t *v = json_object_get(from, *keys);
		if (v)
			json_object_set(to, *keys, v);
		(void)snprintf(twin, sizeof twin, "%s_b64", *keys);
		v = json_object_get(from, twin);
		if (v)
			json_object_set(to, twin, v);
	}
}

static json_t *container(const struct kan_facts *f)
{
	static const char *const keys[] = {"id",  "name",    "image", "image_id",
					   "pid", "storage", NULL};
	json_t *o = json_object();
	copy(o, json_object_get(f->capture, "target"), keys);
	const char *name = kan_json_str(f->inspect, "Name");
	if (!json_object_get(o, "id") && f->inspect)
		kan_object_bytes(o, "id", kan_bytes_of(kan_json_str(f->inspect, "Id")));
	if (!json_object_get(o, "name") && *name)
		kan_object_bytes(o, "name", kan_bytes_of(name + (*name == '/')));
	if (!json_object_get(o, "image") && f->inspect)
		kan_object_bytes(
			o, "image",
			kan_bytes_of(kan_json_str(json_object_get(f->inspect, "Config"), "Image")));
	json_t *state = json_object_get(json_object_get(f->inspect, "State"), "Status");
	if (json_is_string(state))
		kan_object_bytes(o, "state", kan_bytes_of(json_string_value(state)));
	return o;
}

/* Who took it, when, with what, and what taking it did. */
static json_t *record(const struct kan_facts *f)
{
	static const char *const keys[] = {"started_ns", "depth", "freeze", "collectors", "impact",
					   "operator",   "host",  "status", "case",       NULL};
	static const char *const tool[] = {"tool", "version", "commit", NULL};
	json_t *o = json_object(), *t = json_object();
	copy(o, f->capture, keys);
	copy(t, json_object_get(f->capture, "tool"), tool);
	json_object_set_new(o, "tool", t);
	int64_t started = kan_get_int(f->capture, "started_ns", 0);
	if (started) {
		char when[KAN_RFC3339];
		kan_rfc3339_s(when, started);
		json_object_set_new(o, "started", json_string(when));
	}
	json_object_set_new(o, "gaps", json_integer((json_int_t)f->cover->n_gaps));
	json_object_set_new(o, "partial", json_boolean(f->cover->partial));
	json_object_set_new(o, "self_check", kan_after(f));
	return o;
}

/* Nothing of what was not read to its end is no answer: "0 changed" would be a claim. */
static bool seen(const struct kan_facts *f, const char *artefact, uint64_t n)
{
	char collector[NAME_TEXT];
	const char *name = artefact + strlen("data/");
	(void)snprintf(collector, sizeof collector, "%.*s", (int)strcspn(name, "/"), name);
	enum kan_coverage c = kan_cover_of(f->cover, f->source, collector, artefact);
	return c == KAN_COVER_WHOLE || (c == KAN_COVER_CUT && n > 0);
}

json_t *kan_listed(json_t *rows, uint64_t n, const char *artefact, const struct kan_facts *f)
{
	json_t *o = json_pack("{s:I,s:O,s:s}", "count", (json_int_t)n, "rows", rows, "artefact",
			      artefact);
	if (n > json_array_size(rows))
		json_object_set_new(o, "left_out",
				    json_integer((json_int_t)(n - json_array_size(rows))));
	json_object_set_new(o, "seen", json_boolean(seen(f, artefact, n)));
	return o;
}

static json_t *changes(const struct kan_lists *l, const struct kan_facts *f)
{
	json_t *o = kan_listed(l->changes, l->n_changes, "data/filesystem/changes.ndjson", f);
	json_object_set(o, "counts", l->counts);
	if (l->n_explained)
		json_object_set_new(o, "explained", json_integer((json_int_t)l->n_explained));
	json_t *hidden =
		json_pack("{s:I,s:O}", "count", (json_int_t)l->n_hidden, "rows", l->hidden);
	json_object_set_new(hidden, "compared", json_boolean(f->have_engine_list));
	json_object_set_new(o, "hidden_from_engine", hidden);
	return o;
}

static json_t *counts_of(const json_t *findings)
{
	json_t *o = json_object();
	for (size_t s = 0; s < 4; s++)
		json_object_set_new(o, kan_severity_names[s], json_integer(0));
	size_t i = 0;
	json_t *f = NULL;
	json_array_foreach ((json_t *)(uintptr_t)findings, i, f) {
		json_t *n = json_object_get(o, kan_json_str(f, "severity"));
		json_integer_set(n, json_integer_value(n) + 1);
	}
	return o;
}

static json_t *rules_of(const struct kan_rules *r, const struct kan_run *run)
{
	json_t *list = json_array();
	for (size_t i = 0; i < r->n; i++) {
		json_t *o =
			json_pack("{s:s,s:O,s:s,s:I}", "id", r->rules[i].id, "version",
				  json_object_get(r->rules[i].doc, "version"), "sha256",
				  r->rules[i].sha256, "findings",
				  (json_int_t)(run->rules[i].findings - run->rules[i].suppressed));
		if (run->rules[i].over)
			json_object_set_new(o, "left_out",
					    json_integer((json_int_t)run->rules[i].over));
		json_array_append_new(list, o);
	}
	return list;
}

/* The techniques that findings name, with their names and tactics, each once, by id. */
static json_t *techniques_of(const struct kan_rules *r, const json_t *findings)
{
	json_t *list = json_array(), *used = json_object(), *f = NULL, *v = NULL;
	size_t i = 0, k = 0;
	json_array_foreach ((json_t *)(uintptr_t)findings, i, f)
		json_array_foreach (json_object_get(f, "attack"), k, v)
			json_object_set_new(used, json_string_value(v), json_true());
	json_array_foreach (json_object_get(r->attack, "techniques"), i, v)
		if (json_object_get(used, kan_json_str(v, "id")))
			json_array_append(list, v);
	json_decref(used);
	return list;
}

/* Reach: what the configuration lets the container touch of its host. Facts; rules judge. */
static json_t *reach_of(const struct kan_facts *f)
{
	json_t *o = json_object();
	if (!f->inspect)
		return o;
	const json_t *host = json_object_get(f->inspect, "HostConfig");
	bool engine_socket = false;
	int64_t binds = 0;
	size_t i = 0;
	json_t *m = NULL;
	json_array_foreach (json_object_get(f->inspect, "Mounts"), i, m) {
		const char *source = kan_json_str(m, "Source");
		engine_socket |= strstr(source, "docker.sock") || strstr(source, "podman.sock");
		binds += strcmp(kan_json_str(m, "Type"), "bind") == 0;
	}
	json_object_set_new(o, "engine_socket", json_boolean(engine_socket));
	json_object_set_new(o, "host_mounts", json_integer(binds));
	if (!host) /* its file could not be read: nothing is known, and not that it has none */
		return o;
	json_object_set_new(o, "privileged",
			    json_boolean(json_is_true(json_object_get(host, "Privileged"))));
	json_object_set_new(o, "host_network",
			    json_boolean(strcmp(kan_json_str(host, "NetworkMode"), "host") == 0));
	json_object_set_new(o, "host_pid",
			    json_boolean(strcmp(kan_json_str(host, "PidMode"), "host") == 0));
	return o;
}

static int judged(json_t *doc, struct kan_run *run, const struct kan_rules *r,
		  const struct kan_facts *f, struct kan_err *err)
{
	uint64_t left_out = 0;
	json_t *suppressed = NULL, *findings = kan_run_findings(&suppressed, run);
	json_t *not_seen = kan_cover_not_seen(f->cover);
	json_object_set_new(doc, "findings", findings);
	json_t *stories = kan_stories(findings, f);
	json_object_set_new(doc, "stories", stories);
	json_object_set_new(doc, "verdict", kan_verdict(run, findings, stories));
	json_object_set_new(doc, "counts", counts_of(findings));
	json_object_set_new(doc, "not_assessed", kan_run_not_assessed(run));
	json_t *events = kan_events_unseen(f);
	if (events)
		json_array_append_new(not_seen, events);
	kan_packages_not_seen(not_seen, f->packages);
	kan_yara_not_seen(not_seen, f);
	while (json_array_size(not_seen) > KAN_LIST_NOT_SEEN)
		json_array_remove(not_seen, json_array_size(not_seen) - 1);
	json_object_set_new(doc, "not_seen", not_seen);
	json_object_set_new(doc, "suppressed", suppressed);
	json_object_set_new(doc, "timeline", kan_timeline(f, findings, &left_out));
	if (left_out)
		json_object_set_new(doc, "timeline_left_out", json_integer((json_int_t)left_out));
	json_object_set_new(doc, "rules", rules_of(r, run));
	json_t *changed = kan_rules_changed(r);
	if (changed)
		json_object_set_new(doc, "rules_changed", changed);
	json_object_set_new(doc, "techniques", techniques_of(r, findings));
	json_t *posture = kan_posture_document(f, r, findings, err);
	if (!posture)
		return -1;
	json_object_set_new(doc, "posture", posture);
	return 0;
}

static json_t *document(const struct kan_source *s, const struct kan_facts *f,
			const struct kan_lists *l, json_t *image)
{
	json_t *doc =
		json_pack("{s:s,s:s}", "schema", "kanshiki.report/1", "bundle", kan_source_name(s));
	if (*kan_source_seal(s))
		json_object_set_new(doc, "seal", json_string(kan_source_seal(s)));
	json_object_set_new(doc, "generator",
			    json_pack("{s:s,s:s}", "tool", KAN_NAME, "version", kan_version()));
	json_object_set_new(doc, "container", container(f));
	json_object_set_new(doc, "record", record(f));
	json_object_set_new(doc, "changes", changes(l, f));
	json_object_set_new(
		doc, "processes",
		kan_listed(l->processes, l->n_processes, "data/processes/processes.ndjson", f));
	json_t *sockets = kan_listed(l->sockets, l->n_sockets, "data/network/sockets.ndjson", f);
	json_object_set_new(sockets, "unix", json_integer((json_int_t)l->n_unix));
	json_object_set_new(doc, "sockets", sockets);
	json_object_set_new(
		doc, "secrets",
		kan_listed(l->secrets, l->n_secrets, "data/processes/environ.ndjson", f));
	json_object_set_new(doc, "reach", reach_of(f));
	json_object_set_new(doc, "image", kan_image_document(l, image, f));
	json_object_set_new(doc, "packages", kan_packages_document(f->packages));
	json_object_set_new(doc, "contradictions", kan_contradictions(f, l));
	if (image)
		json_object_set(doc, "image_integrity", image);
	json_t *yara = kan_yara_document(f);
	if (yara)
		json_object_set_new(doc, "yara", yara);
	return doc;
}

/* What is asked of a source. */
struct asked {
	json_t **out;
	const struct kan_rules *rules;
};

static int analyze(const struct kan_facts *f, void *arg, struct kan_err *err)
{
	const struct asked *a = arg;
	struct kan_run *run = NULL;
	struct kan_lists lists;
	json_t *image = NULL;
	kan_lists_begin(&lists);
	const struct kan_observer o = {kan_lists_wants, kan_lists_see, &lists};
	int rc = kan_run_new(&run, f, a->rules, &o, err);
	if (rc == 0)
		rc = kan_image_integrity(&image, f, err);
	if (rc == 0) {
		json_t *doc = document(f->source, f, &lists, image);
		rc = judged(doc, run, a->rules, f, err);
		if (rc == 0)
			*a->out = json_incref(doc);
		json_decref(doc);
	}
	json_decref(image);
	kan_run_free(run);
	kan_lists_free(&lists);
	return rc;
}

/* A document that does not parse is a gap of its collector; one that was altered ends it all. */
static int intact(const struct kan_source *s, struct kan_err *err)
{
	static const char *const documents[] = {"capture.json",
						"data/engine/inspect.json",
						"data/engine/image-inspect.json",
						"data/engine/networks.json",
						"data/engine/events.json",
						"data/engine/image-history.json",
						"data/image/config.json",
						"data/image/layers.ndjson",
						"data/engine-after/changes.json"};
	for (size_t i = 0; i < sizeof documents / sizeof *documents; i++)
		if (kan_source_intact(s, documents[i], err) < 0)
			return -1;
	return 0;
}

int kan_facts_of(const struct kan_source *s, kan_facts_fn *fn, void *arg, struct kan_err *err)
{
	json_t *capture = NULL;
	struct kan_err ignored = {0};
	struct kan_cover *cover = NULL;
	struct kan_facts *facts = NULL;
	if (intact(s, err) < 0)
		return -1;
	if (kan_source_json(&capture, s, "capture.json", KAN_FACTS_DOCUMENT, &ignored) < 0)
		capture = NULL; /* an unsealed bundle has none yet */
	int rc = kan_cover_new(&cover, s, capture, err);
	if (rc == 0)
		rc = kan_facts_new(&facts, s, cover, err);
	if (rc == 0)
		rc = fn(facts, arg, err);
	kan_facts_free(facts);
	kan_cover_free(cover);
	json_decref(capture);
	return rc;
}

int kan_analyze_source(json_t **out, const struct kan_source *s, const struct kan_rules *r,
		       struct kan_err *err)
{
	struct asked a = {out, r};
	return kan_facts_of(s, analyze, &a, err);
}

int kan_analyze(json_t **out, const struct kan_bundle *b, const struct kan_rules *r,
		struct kan_err *err)
{
	return kan_analyze_with(out, b, r, (struct kan_bytes){0}, err);
}

int kan_analyze_with(json_t **out, const struct kan_bundle *b, const struct kan_rules *r,
		     struct kan_bytes yara, struct kan_err *err)
{
	struct kan_source *s = kan_source_bundle(b);
	if (yara.n)
		kan_source_extra(s, KAN_YARA_ROWS, yara);
	int rc = kan_analyze_source(out, s, r, err);
	kan_source_free(s);
	return rc;
}
