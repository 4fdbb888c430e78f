/* doc.posture: what the container may reach and how the engine is set up: exposure, not intrusion.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analyze/kinds.h"
#include "analyze/mask.h"
#include "analyze/object.h"
#include "analyze/posture.h"

#define INSPECT "data/engine/inspect.json"
#define FACTS "data/posture/facts.ndjson"
#define FILES "data/posture/files.ndjson"

enum { PERMISSIONS = 07777, OCTAL = 8 };

static json_t *cis_of(const struct kan_exposure *p, const struct kan_exposed *t)
{
	static const char begin[] = "CIS ";
	json_t *list = json_array(), *v = NULL;
	size_t i = 0;
	for (size_t k = 0; t->rule && k < p->rules->n; k++) {
		if (strcmp(p->rules->rules[k].id, t->rule) != 0)
			continue;
		json_array_foreach (json_object_get(p->rules->rules[k].doc, "references"), i, v) {
			const char *text = json_string_value(v),
				   *last = text ? strrchr(text, ' ') : NULL;
			if (last && strncmp(text, begin, sizeof begin - 1) == 0 &&
			    (!t->cis || strcmp(last + 1, t->cis) == 0))
				json_array_append(list, v);
		}
	}
	return list;
}

static bool has_evidence(const json_t *finding, const struct kan_exposed *t)
{
	size_t i = 0;
	json_t *e = NULL;
	json_array_foreach (json_object_get(finding, "evidence"), i, e)
		if (strcmp(kan_json_str(e, "artefact"), t->artefact) == 0 &&
		    kan_get_int(e, "row", 0) == (int64_t)t->line)
			return true;
	return false;
}

/* Of a document any finding of the rule; of a line the one that is about it, when there are more
 * than one. */
static void number(json_t *o, const struct kan_exposure *p, const struct kan_exposed *t)
{
	size_t i = 0;
	json_t *f = NULL, *any = NULL;
	json_array_foreach ((json_t *)(uintptr_t)p->findings, i, f) {
		if (!t->rule || strcmp(kan_json_str(f, "rule"), t->rule) != 0)
			continue;
		if (has_evidence(f, t)) {
			json_object_set(o, "n", json_object_get(f, "n"));
			return;
		}
		any = f;
	}
	if (any && t->found)
		json_object_set(o, "n", json_object_get(any, "n"));
}

json_t *kan_exposure_begin(struct kan_exposure *p, const struct kan_exposed *t)
{
	json_t *o = json_pack("{s:s,s:s,s:o}", "subject", t->subject, "artefact", t->artefact,
			      "cis", cis_of(p, t));
	/* A word of a bundle that nobody made as we do may be anything. */
	kan_object_bytes(o, "id", kan_bytes_of(t->id));
	kan_object_bytes(o, "what", kan_bytes_of(t->what));
	if (t->line)
		json_object_set_new(o, "row", json_integer((json_int_t)t->line));
	if (t->rule)
		json_object_set_new(o, "rule", json_string(t->rule));
	return o;
}

void kan_exposure_end(struct kan_exposure *p, json_t *o)
{
	if (p->n++ < KAN_LIST_POSTURE)
		json_array_append_new(p->rows, o);
	else
		json_decref(o);
}

void kan_exposure_say(struct kan_exposure *p, const struct kan_exposed *t, struct kan_bytes value)
{
	json_t *o = kan_exposure_begin(p, t);
	kan_object_bytes(o, "value", value);
	if (t->found)
		number(o, p, t);
	kan_exposure_end(p, o);
}

void kan_exposure_lacks(struct kan_exposure *p, const struct kan_exposed *t, const char *collector)
{
	json_t *o = kan_exposure_begin(p, t);
	json_object_set_new(o, "missing", kan_cover_why(p->f->cover, collector, t->artefact));
	kan_exposure_end(p, o);
}

/* What the configuration says in one word. */
static const struct {
	const char *key, *what, *rule, *cis, *yes, *no;
} flags[] = {
	{"privileged", "privileged", "posture.privileged", NULL,
	 "yes: all capabilities, all devices, no filter of system calls", "no"},
	{"seccomp_unconfined", "filter of system calls, by configuration", "posture.unconfined",
	 "5.21", "none: unconfined", "not turned off"},
	{"lsm_unconfined", "AppArmor or SELinux, by configuration", "posture.unconfined", "5.1",
	 "none: unconfined", "not turned off"},
	{"no_new_privileges", "no-new-privileges", NULL, NULL, "yes", "not set"},
	{"readonly_root", "root file system", NULL, NULL, "read-only",
	 "it may write its own layer"},
	{"host_network", "network namespace", "posture.host-namespace", "5.9", "the host's",
	 "not the host's"},
	{"host_pid", "process namespace", "posture.host-namespace", "5.15", "the host's",
	 "not the host's"},
	{"host_ipc", "IPC namespace", "posture.host-namespace", "5.16", "the host's",
	 "not the host's"},
	{"host_users", "user namespace, by configuration", "posture.host-namespace", "5.30",
	 "opted out of the engine's map", "as the engine has it"},
	{"engine_socket", "engine's socket", "posture.engine-mounted", NULL, "mounted",
	 "not mounted"},
};

void kan_exposure_strings(struct kan_buf *out, const json_t *list, const char *none)
{
	size_t i = 0;
	json_t *v = NULL;
	json_array_foreach ((json_t *)(uintptr_t)list, i, v)
		if (json_is_string(v))
			kan_buf_addf(out, "%s%s", i ? ", " : "", json_string_value(v));
	if (!i)
		kan_buf_adds(out, none);
}

static void given(struct kan_exposure *p, const json_t *host)
{
	kan_auto_buf struct kan_buf text = KAN_BUF(KAN_EXPOSURE_TEXT);
	kan_buf_adds(&text, "added: ");
	kan_exposure_strings(&text, json_object_get(host, "CapAdd"), "none");
	kan_buf_adds(&text, "; dropped: ");
	kan_exposure_strings(&text, json_object_get(host, "CapDrop"), "none");
	const struct kan_exposed t = {"container",
				      "caps.given",
				      "capabilities, by configuration",
				      "posture.caps",
				      NULL,
				      INSPECT,
				      0,
				      json_array_size(json_object_get(host, "CapAdd")) > 0};
	kan_exposure_say(p, &t, kan_buf_bytes(&text));
}

static void host_mounts(struct kan_exposure *p)
{
	size_t i = 0, n = 0;
	json_t *m = NULL;
	struct kan_exposed t = {
		"container", "host-mount", "mount of the host", "posture.host-mount", NULL, INSPECT,
		0,           true};
	json_array_foreach (json_object_get(p->f->inspect, "Mounts"), i, m) {
		kan_auto_buf struct kan_buf text = KAN_BUF(KAN_EXPOSURE_TEXT);
		if (strcmp(kan_json_str(m, "Type"), "bind") != 0)
			continue;
		kan_buf_addf(&text, "%s at %s, %s", kan_json_str(m, "Source"),
			     kan_json_str(m, "Destination"),
			     json_is_true(json_object_get(m, "RW")) ? "it may write" : "read-only");
		kan_exposure_say(p, &t, kan_buf_bytes(&text));
		n++;
	}
	t.found = false;
	if (!n)
		kan_exposure_say(p, &t, KAN_LIT("none"));
}

static int from_target(const json_t *row, uint64_t line, void *arg, struct kan_err *err)
{
	struct kan_exposure *p = arg;
	const char *user = kan_json_str(row, "user");
	(void)line;
	(void)err;
	for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
		bool yes = json_is_true(json_object_get(row, flags[i].key));
		const struct kan_exposed t = {"container",
					      flags[i].key,
					      flags[i].what,
					      flags[i].rule,
					      flags[i].cis,
					      INSPECT,
					      0,
					      yes};
		kan_exposure_say(p, &t, kan_bytes_of(yes ? flags[i].yes : flags[i].no));
	}
	const struct kan_exposed as = {"container", "user", "user", NULL, NULL, INSPECT, 0, false};
	kan_exposure_say(p, &as, kan_bytes_of(*user ? user : "none set: root, or the image's"));
	given(p, json_object_get(p->f->inspect, "HostConfig"));
	host_mounts(p);
	return 0;
}

static int container(struct kan_exposure *p, struct kan_err *err)
{
	if (json_is_object(json_object_get(p->f->inspect, "HostConfig")))
		return kan_derive_target(p->f, from_target, p, err);
	for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
		const struct kan_exposed t = {"container",
					      flags[i].key,
					      flags[i].what,
					      flags[i].rule,
					      flags[i].cis,
					      INSPECT,
					      0,
					      false};
		kan_exposure_lacks(p, &t, "engine");
	}
	return 0;
}

/* Facts whose name says what they are about; of the others the name itself is shown. */
static const struct {
	const char *id, *what, *rule;
} known[] = {
	{"engine.host", "it listens on", "posture.engine-tcp"},
	{"daemon-json.hosts", "it listens on", "posture.engine-tcp"},
	{"engine.uid", "runs as user", "posture.userns-off"},
	{"engine.icc", "containers reach each other (icc)", "posture.icc"},
	{"daemon-json.icc", "containers reach each other (icc)", "posture.icc"},
	{"engine.userns-remap", "user namespaces", "posture.userns-off"},
	{"daemon-json.userns-remap", "user namespaces", "posture.userns-off"},
	{"engine.tls", "TLS", NULL},
	{"daemon-json.tls", "TLS", NULL},
	{"engine.tlsverify", "TLS, clients are verified", NULL},
	{"daemon-json.tlsverify", "TLS, clients are verified", NULL},
	{"engine.live-restore", "live restore", NULL},
	{"engine.seccomp-profile", "filter of system calls, by default", NULL},
	{"engine.insecure-registry", "registry without TLS", NULL},
	{"content-trust.env", "content trust", "posture.content-trust"},
};

static int on_fact(const json_t *row, uint64_t line, void *arg, struct kan_err *err)
{
	struct kan_exposure *p = arg;
	const char *id = kan_json_str(row, "id");
	kan_auto_buf struct kan_buf value = KAN_BUF(KAN_EXPOSURE_TEXT),
				    safe = KAN_BUF(KAN_EXPOSURE_TEXT);
	struct kan_exposed t = {"engine", id, id, NULL, NULL, FACTS, line, true};
	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (strcmp(known[i].id, id) == 0) {
			t.what = known[i].what;
			t.rule = known[i].rule;
		}
	p->icc |= strstr(id, ".icc") != NULL;
	p->userns |= strstr(id, ".userns-remap") != NULL;
	if (strcmp(id, "engine.uid") == 0) {
		p->engine_line = line;
		t.rule = NULL; /* it is told with the namespaces */
	}
	if (kan_json_bytes(&value, row, "value", err) < 0)
		return 0;
	(void)kan_mask_text(&safe, kan_buf_bytes(&value));
	json_t *o = kan_exposure_begin(p, &t);
	kan_object_bytes(o, "value", kan_buf_bytes(&safe));
	kan_auto_buf struct kan_buf source = KAN_BUF(KAN_EXPOSURE_TEXT);
	struct kan_err ignored = {0};
	if (kan_json_bytes(&source, row, "source", &ignored) == 0)
		kan_object_bytes(o, "source", kan_buf_bytes(&source));
	t.found = false;
	number(o, p, &t);
	kan_exposure_end(p, o);
	return 0;
}

/* What the engine does when nothing is said. */
static void unsaid(struct kan_exposure *p)
{
	struct kan_exposed icc = {"engine",       "icc", "containers reach each other (icc)",
				  "posture.icc",  NULL,  FACTS,
				  p->engine_line, true};
	struct kan_exposed users = {
		"engine", "userns-remap", "user namespaces", "posture.userns-off",
		NULL,     FACTS,          p->engine_line,    true};
	if (!p->icc)
		kan_exposure_say(p, &icc, KAN_LIT("not set: they do"));
	if (!p->userns)
		kan_exposure_say(p, &users, KAN_LIT("not set: users are not remapped"));
}

static int on_file(const json_t *row, uint64_t line, void *arg, struct kan_err *err)
{
	struct kan_exposure *p = arg;
	kan_auto_buf struct kan_buf path = KAN_BUF(KAN_EXPOSURE_TEXT);
	struct kan_err ignored = {0};
	const struct kan_exposed t = {
		"engine", "socket", "socket, who may use it", "posture.socket-open", NULL, FILES,
		line,     true};
	(void)err;
	if (strcmp(kan_json_str(row, "type"), "socket") != 0 ||
	    kan_json_bytes(&path, row, "path", &ignored) < 0)
		return 0;
	kan_buf_addf(&path, ": mode %04lo, user %" PRId64 ", group %" PRId64,
		     strtoul(kan_json_str(row, "mode"), NULL, OCTAL) & PERMISSIONS,
		     kan_get_int(row, "uid", -1), kan_get_int(row, "gid", -1));
	json_t *o = kan_exposure_begin(p, &t);
	kan_object_bytes(o, "value", kan_buf_bytes(&path));
	number(o, p, &(struct kan_exposed){.rule = t.rule, .artefact = FILES, .line = line});
	kan_exposure_end(p, o);
	return 0;
}

static int engine(struct kan_exposure *p, struct kan_err *err)
{
	const struct kan_facts *f = p->f;
	static const struct kan_exposed none = {
		"engine", "engine", "how the engine is set up", NULL, NULL, FACTS, 0, false};
	if (kan_source_has(f->source, FACTS) &&
	    kan_source_rows(f->source, FACTS, on_fact, p, err) < 0)
		return -1;
	if (p->engine_line &&
	    kan_cover_of(f->cover, f->source, "posture", FACTS) == KAN_COVER_WHOLE)
		unsaid(p);
	if (!p->engine_line)
		kan_exposure_lacks(p, &none, "posture");
	return kan_source_has(f->source, FILES) ? kan_source_rows(f->source, FILES, on_file, p, err)
						: 0;
}

/* Gaps of the collector, each once. */
static void gaps(struct kan_exposure *p)
{
	size_t i = 0;
	json_t *g = NULL;
	json_array_foreach (p->f->cover->gaps, i, g)
		if (strcmp(kan_json_str(g, "collector"), "posture") == 0 &&
		    json_array_size(p->missing) < KAN_LIST_POSTURE)
			json_array_append_new(p->missing, kan_cover_reason(g));
}

json_t *kan_posture_document(const struct kan_facts *f, const struct kan_rules *r,
			     const json_t *findings, struct kan_err *err)
{
	struct kan_exposure p = {.f = f, .rules = r, .findings = findings};
	struct kan_err why = {0};
	p.rows = json_array();
	p.missing = json_array();
	int rc = container(&p, &why);
	if (rc == 0)
		rc = kan_exposure_kernel(&p, &why);
	if (rc == 0)
		rc = engine(&p, &why);
	gaps(&p);
	/* Rows that cannot be read are as those that are not there; altered ones are not. */
	if (rc < 0 && why.code == KAN_ETAMPER)
		(void)kan_fail(err, why.code, "%s", why.text);
	else
		rc = 0;
	json_t *doc = json_pack("{s:I,s:o,s:o}", "count", (json_int_t)p.n, "rows", p.rows,
				"missing", p.missing);
	if (p.n > json_array_size(p.rows))
		json_object_set_new(doc, "left_out",
				    json_integer((json_int_t)(p.n - json_array_size(p.rows))));
	json_decref(p.init);
	if (rc < 0) {
		json_decref(doc);
		return NULL;
	}
	return doc;
}
