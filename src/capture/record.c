/* What the conductor writes down: journal records, and the document capture.json. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/row.h"
#include "base/self.h"
#include "capture/conductor.h"
#include "kernel/cgroup.h"

enum { RECORDS_MAX = 10000 };

/* A journal that cannot be written is the end of the capture: nothing may be sealed without its
 * record. */
static void end_record(struct kan_conductor *c)
{
	struct kan_err err = {0};
	if (kan_journal_end(c->journal, &err) < 0)
		kan_fatal(c, &err);
}

void kan_record_sync(struct kan_conductor *c)
{
	struct kan_err err = {0};
	if (!c->closed && kan_journal_sync(c->journal, &err) < 0)
		kan_fatal(c, &err);
}

static void list_gap(struct kan_conductor *c, const char *collector, const char *what,
		     const char *code, const char *why)
{
	json_t *o = json_object();
	kan_json_set_bytes(o, "collector", kan_bytes_of(collector));
	kan_json_set_bytes(o, "what", kan_bytes_of(what));
	kan_json_set_bytes(o, "code", kan_bytes_of(code));
	kan_json_set_bytes(o, "why", kan_bytes_of(why));
	json_array_append_new(c->gaps, o);
}

void kan_record_gap(struct kan_conductor *c, const char *collector, const char *what,
		    const char *code, const char *why)
{
	struct kan_err err = {0};
	if (c->closed) /* after the seal: what the act met is told by the act */
		return;
	list_gap(c, collector, what, code, why);
	if (kan_journal_gap(c->journal, collector, what, code, why, &err) < 0)
		kan_fatal(c, &err);
}

void kan_record_limit(struct kan_conductor *c, const char *collector, const struct kan_msg *m)
{
	struct kan_err err = {0};
	list_gap(c, collector, m->what, "limit", m->why);
	if (kan_journal_limit(c->journal, collector, m->what, m->why, m->n, &err) < 0)
		kan_fatal(c, &err);
}

/* A collector that was taken over can only say so much. true: the list takes one more; the last
 * one says that the rest is left out. */
static bool room(const json_t *list, const char **what)
{
	size_t n = json_array_size(list);
	if (n == RECORDS_MAX)
		*what = "more than is listed here was left out";
	return n <= RECORDS_MAX;
}

void kan_record_scope(struct kan_conductor *c, const char *collector, const char *what,
		      const char *why)
{
	if (!room(c->scope, &what))
		return;
	json_t *o = json_object();
	kan_json_set_bytes(o, "collector", kan_bytes_of(collector));
	kan_json_set_bytes(o, "what", kan_bytes_of(what));
	kan_json_set_bytes(o, "why", kan_bytes_of(why));
	json_array_append_new(c->scope, o);
	/* After a crash the journal is all there is. */
	struct kan_row *row = kan_journal_begin(c->journal, "scope");
	kan_row_bytes(row, "collector", kan_bytes_of(collector));
	kan_row_bytes(row, "what", kan_bytes_of(what));
	kan_row_bytes(row, "why", kan_bytes_of(why));
	end_record(c);
}

static void journal_impact(struct kan_conductor *c, const char *text)
{
	kan_row_str(kan_journal_begin(c->journal, "impact"), "what", text);
	end_record(c);
}

void kan_record_impact(struct kan_conductor *c, const char *text)
{
	size_t i = 0;
	json_t *seen = NULL;
	kan_auto_buf struct kan_buf clean = KAN_BUF(KAN_MSG_WHY * 4);
	if (!room(c->impact, &text))
		return;
	(void)kan_text_clean(&clean, kan_bytes_of(text));
	json_array_foreach (c->impact, i, seen)
		if (strcmp(json_string_value(seen), kan_buf_str(&clean)) == 0)
			return;
	json_array_append_new(c->impact, json_string(kan_buf_str(&clean)));
	if (c->begun)
		journal_impact(c, kan_buf_str(&clean));
}

/* Known before the journal's first line, which is "start". */
static void record_early_impact(struct kan_conductor *c)
{
	size_t i = 0;
	json_t *v = NULL;
	json_array_foreach (c->impact, i, v)
		journal_impact(c, json_string_value(v));
}

void kan_record_word(struct kan_conductor *c, const char *type, const char *key, const char *word)
{
	kan_row_str(kan_journal_begin(c->journal, type), key, word);
	end_record(c);
}

void kan_record_lease(struct kan_conductor *c, const char *what, const struct kan_lease_report *r)
{
	if (c->closed)
		return;
	struct kan_row *row = kan_journal_begin(c->journal, "lease");
	kan_row_str(row, "what", what);
	if (r && r->asked_ns)
		kan_row_int(row, "asked_boot_ns", r->asked_ns);
	if (r && r->done_ns)
		kan_row_int(row, "done_boot_ns", r->done_ns);
	if (r && r->text[0])
		kan_row_str(row, "why", r->text);
	end_record(c);
}

void kan_record_collector(struct kan_conductor *c, const struct kan_child *child, bool begin)
{
	struct kan_row *row = kan_journal_begin(c->journal, "collector");
	kan_row_str(row, "name", child->collector->name);
	kan_row_str(row, "what", begin ? "begin" : "end");
	if (!begin)
		kan_row_str(row, "status", child->status);
	end_record(c);
}

void kan_record_artefact(struct kan_conductor *c, struct kan_child *child, const struct kan_msg *m)
{
	child->bytes += m->n[0];
	child->artefacts++;
	struct kan_row *row = kan_journal_begin(c->journal, "artefact");
	kan_row_str(row, "path", m->what);
	kan_row_str(row, "sha256", m->sha256);
	kan_row_uint(row, "octets", m->n[0]);
	kan_row_uint(row, "rows", m->n[1]);
	kan_row_bool(row, "whole", m->n[2] != 0);
	end_record(c);
}

void kan_record_request(struct kan_conductor *c, const char *method, const char *path, int status,
			uint64_t octets, const char *sha256)
{
	struct kan_row *row = kan_journal_begin(c->journal, "request");
	kan_row_str(row, "method", method);
	kan_row_str(row, "path", path);
	if (status)
		kan_row_int(row, "status", status);
	kan_row_uint(row, "octets", octets);
	if (sha256[0])
		kan_row_str(row, "sha256", sha256);
	end_record(c);
}

static const char *depth_name(enum kan_depth d)
{
	switch (d) {
	case KAN_DEPTH_HOST:
		return "host";
	case KAN_DEPTH_API:
		return "api-only";
	case KAN_DEPTH_OFFLINE:
		return "offline";
	}
	return "api-only";
}

static const char *freeze_name(enum kan_freeze f)
{
	switch (f) {
	case KAN_FREEZE_AUTO:
		return "auto";
	case KAN_FREEZE_FULL:
		return "full";
	case KAN_FREEZE_NEVER:
		return "never";
	case KAN_FREEZE_CGROUP:
		return "cgroup";
	}
	return "never";
}

int kan_record_start(struct kan_conductor *c, struct kan_err *err)
{
	struct kan_row *row = kan_journal_begin(c->journal, "start");
	kan_row_str(row, "tool", KAN_NAME);
	kan_row_str(row, "version", kan_version());
	kan_row_arr(row, "argv");
	for (const char *const *a = c->req->argv; a && *a; a++)
		kan_row_bytes(row, NULL, kan_bytes_of(*a));
	kan_row_arr_end(row);
	if (c->req->case_id)
		kan_row_bytes(row, "case", kan_bytes_of(c->req->case_id));
	if (kan_journal_end(c->journal, err) < 0)
		return -1;
	row = kan_journal_begin(c->journal, "target");
	kan_row_str(row, "id", c->target->id);
	if (c->target->pid > 0) {
		kan_row_int(row, "pid", c->target->pid);
		kan_row_uint(row, "starttime", c->target->starttime);
	}
	kan_row_str(row, "depth", depth_name(c->target->depth));
	if (kan_journal_end(c->journal, err) < 0)
		return -1;
	c->begun = true;
	record_early_impact(c);
	return kan_journal_sync(c->journal, err);
}

/* What said "frozen". */
static const char *proof(struct kan_cgroup *g)
{
	if (!g || kan_cgroup_thawed(g, NULL) < 0)
		return "the engine's answer";
	return kan_cgroup_v2(g) ? "cgroup.events: frozen 1" : "freezer.state: FROZEN";
}

static json_t *freeze_document(const struct kan_conductor *c)
{
	const struct kan_freeze_record *f = &c->freeze;
	json_t *o = json_pack("{s:s,s:b}", "mode", freeze_name(c->req->policy.freeze),
			      "paused_by_us", f->paused_by_us);
	if (f->found_paused)
		json_object_set_new(o, "found_paused", json_true());
	if (f->not_frozen)
		json_object_set_new(o, "not_frozen", json_true());
	if (f->paused_by_us)
		json_object_set_new(o, "by", json_string(f->by_kernel ? "cgroup" : "engine"));
	if (f->why[0])
		kan_json_set_bytes(o, "why", kan_bytes_of(f->why));
	if (f->paused_by_us || f->found_paused)
		json_object_set_new(o, "proof", json_string(proof(c->target->cgroup)));
	if (f->paused_by_us && (f->resumed_ns || c->hold)) {
		json_object_set_new(o, "asked_boot_ns", json_integer(f->asked_ns));
		json_object_set_new(o, "frozen_boot_ns", json_integer(f->frozen_ns));
	}
	if (f->paused_by_us && !f->resumed_ns && c->hold)
		json_object_set_new(o, "held", json_true());
	if (f->paused_by_us && f->resumed_ns) {
		json_object_set_new(o, "resumed_boot_ns", json_integer(f->resumed_ns));
		json_object_set_new(o, "total_ns", json_integer(f->resumed_ns - f->asked_ns));
		json_object_set_new(o, "engine_ns", json_integer(f->engine_ns));
	}
	return o;
}

static json_t *collectors_document(const struct kan_conductor *c)
{
	json_t *list = json_array();
	for (size_t i = 0; i < c->n_children; i++) {
		const struct kan_child *k = &c->children[i];
		int64_t spent = k->began_ns ? k->ended_ns - k->began_ns : 0;
		json_array_append_new(
			list, json_pack("{s:s,s:s,s:I,s:I,s:I,s:i}", "name", k->collector->name,
					"status", k->status ? k->status : "skipped", "items",
					(json_int_t)k->items, "bytes", (json_int_t)k->bytes, "ns",
					(json_int_t)spent, "gaps", (int)k->gaps));
	}
	return list;
}

static json_t *limits_document(const struct kan_conductor *c)
{
	json_t *o = json_object(), *mine = json_object();
	json_object_set_new(mine, "timeout_s", json_integer(c->req->policy.timeout_s));
	json_object_set_new(mine, "max_freeze_ms", json_integer(c->req->policy.max_freeze_ms));
	json_object_set_new(mine, "max_bytes", json_integer((json_int_t)c->req->policy.max_bytes));
	json_object_set_new(o, "conductor", mine);
	for (const struct kan_collector *const *k = kan_collectors; *k; k++) {
		if (!(*k)->limits)
			continue;
		json_t *of = json_object();
		for (const struct kan_limit *l = (*k)->limits; l->name; l++)
			json_object_set_new(of, l->name, json_integer((json_int_t)l->value));
		json_object_set_new(o, (*k)->name, of);
	}
	return o;
}

static json_t *target_document(const struct kan_target *t)
{
	json_t *o = json_object();
	kan_json_set_bytes(o, "id", kan_bytes_of(t->id));
	kan_json_set_bytes(o, "name", kan_bytes_of(t->name));
	kan_json_set_bytes(o, "image", kan_bytes_of(t->image));
	kan_json_set_bytes(o, "image_id", kan_bytes_of(t->image_id));
	if (t->pid > 0)
		json_object_set_new(o, "pid", json_integer(t->pid));
	if (t->storage)
		kan_json_set_bytes(o, "storage", kan_bytes_of(t->storage));
	if (t->claims)
		json_object_set(o, "claims", t->claims);
	return o;
}

int kan_record_document(json_t **out, struct kan_conductor *c, struct kan_err *err)
{
	json_t *tool = NULL;
	if (kan_self_json(&tool, c->req->argv, err) < 0)
		return -1;
	json_t *o = json_object();
	json_object_set_new(o, "schema", json_string("kanshiki.acquisition/1"));
	json_object_set_new(o, "bundle", json_string(c->bundle));
	if (c->req->case_id)
		kan_json_set_bytes(o, "case", kan_bytes_of(c->req->case_id));
	if (c->req->request_id)
		kan_json_set_bytes(o, "request_id", kan_bytes_of(c->req->request_id));
	json_object_set_new(o, "tool", tool);
	if (json_array_size(c->req->settings))
		json_object_set_new(o, "settings", json_deep_copy(c->req->settings));
	json_object_set_new(o, "operator",
			    kan_operator_json(c->req->operator_name, c->req->operator_email));
	json_object_set_new(o, "host", kan_host_json());
	json_object_set_new(o, "clock", kan_clock_json());
	json_object_set_new(o, "started_ns", json_integer(c->started_ns));
	json_object_set_new(o, "target", target_document(c->target));
	json_object_set_new(o, "depth", json_string(depth_name(c->target->depth)));
	json_object_set_new(o, "freeze", freeze_document(c));
	json_object_set_new(o, "limits", limits_document(c));
	json_object_set(o, "scope", c->scope);
	json_object_set(o, "impact", c->impact);
	json_object_set_new(o, "collectors", collectors_document(c));
	*out = o;
	return 0;
}
