/* capture --json: one document on stdout. */
#include "cli/capture_doc.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/row.h"

void kan_size_words(char *out, size_t n, uint64_t bytes)
{
	static const char *const units[] = {"B", "kB", "MB", "GB", "TB"};
	double v = (double)bytes;
	size_t unit = 0;
	while (v >= 1000 && unit + 1 < sizeof(units) / sizeof(units[0])) {
		v /= 1000;
		unit++;
	}
	(void)snprintf(out, n, unit ? "%.1f %s" : "%.0f %s", v, units[unit]);
}

char *kan_absolute(const char *path)
{
	if (path[0] == '/')
		return kan_xstrdup(path);
	char *here = getcwd(NULL, 0);
	char *whole = kan_path(here ? here : ".", path);
	free(here);
	return whole;
}

bool kan_colour(const struct kan_args *a)
{
	const char *when = kan_arg(a, "color"), *term = getenv("TERM");
	if (when && strcmp(when, "always") == 0)
		return true;
	if ((when && strcmp(when, "never") == 0) || getenv("NO_COLOR") || !term ||
	    strcmp(term, "dumb") == 0)
		return false;
	return isatty(STDOUT_FILENO);
}

json_t *kan_receipt_json(const struct kan_receipt *r)
{
	json_t *o = json_object();
	kan_json_set_bytes(o, "repo", kan_bytes_of(r->repo));
	kan_json_set_bytes(o, "case", kan_bytes_of(r->case_id));
	kan_json_set_bytes(o, "bundle", kan_bytes_of(r->bundle));
	kan_json_set_bytes(o, "seal", kan_bytes_of(r->seal));
	kan_json_set_bytes(o, "commit", kan_bytes_of(r->commit));
	kan_json_set_bytes(o, "signer", kan_bytes_of(r->signer));
	json_object_set_new(o, "event", json_integer(r->event));
	json_object_set_new(o, "host_key", json_boolean(r->host_key));
	return o;
}

static json_t *container(const struct kan_capture_result *c)
{
	json_t *o = json_object();
	kan_json_set_bytes(o, "id", kan_bytes_of(c->id));
	kan_json_set_bytes(o, "name", kan_bytes_of(c->name));
	kan_json_set_bytes(o, "image", kan_bytes_of(c->image));
	kan_json_set_bytes(o, "image_id", kan_bytes_of(c->image_id));
	return o;
}

static double ms_of(const json_t *o, const char *key)
{
	return (double)json_integer_value(json_object_get(o, key)) / 1e6;
}

/* With --then the pause was not over when capture.json was written. */
static json_t *freeze(const struct kan_capture_result *c)
{
	const json_t *f = json_object_get(c->capture, "freeze");
	json_t *o = json_object();
	json_object_set(o, "mode", json_object_get(f, "mode"));
	json_object_set(o, "paused_by_us", json_object_get(f, "paused_by_us"));
	if (json_object_get(f, "by"))
		json_object_set(o, "by", json_object_get(f, "by"));
	bool held = json_is_true(json_object_get(f, "held"));
	json_object_set_new(o, "ms",
			    json_real(held ? (double)c->held_ns / 1e6 : ms_of(f, "total_ns")));
	json_object_set_new(o, "engine_ms", json_real(ms_of(f, "engine_ns")));
	return o;
}

static json_t *collectors(const json_t *capture)
{
	json_t *list = json_array(), *one = NULL;
	size_t i = 0;
	json_array_foreach (json_object_get(capture, "collectors"), i, one) {
		json_t *o = json_copy(one);
		json_object_set_new(o, "ms", json_real(ms_of(one, "ns")));
		json_object_del(o, "ns");
		json_array_append_new(list, o);
	}
	return list;
}

static json_t *custody(const struct kan_capture_doc *d)
{
	json_t *o = kan_receipt_json(d->receipt);
	if (d->derived)
		kan_json_set_bytes(o, "derived_commit", kan_bytes_of(d->derived->commit));
	return o;
}

static void add_custody(json_t *o, const struct kan_capture_doc *d)
{
	json_object_set_new(o, "signed", json_boolean(d->receipt != NULL));
	json_object_set_new(o, "timestamp", json_string(d->timestamp));
	if (!d->receipt)
		return;
	json_object_set_new(o, "custody", custody(d));
	kan_json_set_bytes(o, "case", kan_bytes_of(d->receipt->case_id));
}

static void add_analysis(json_t *o, const json_t *model)
{
	if (!model)
		return;
	json_object_set(o, "changes", json_object_get(model, "changes"));
	json_object_set(o, "findings", json_object_get(model, "findings"));
	json_object_set(o, "report", json_object_get(model, "reports"));
}

json_t *kan_capture_json(const struct kan_capture_doc *d)
{
	const struct kan_capture_result *c = d->capture;
	char started[KAN_RFC3339];
	json_t *o = json_object();
	kan_rfc3339(started, json_integer_value(json_object_get(c->capture, "started_ns")));
	json_object_set_new(o, "schema", json_string("kanshiki.capture/1"));
	json_object_set_new(o, "status", json_string(c->partial ? "partial" : "complete"));
	json_object_set_new(o, "exit", json_integer(d->status));
	json_object_set_new(o, "container", container(c));
	json_object_set(o, "depth", json_object_get(c->capture, "depth"));
	json_object_set_new(o, "started", json_string(started));
	json_object_set_new(o, "seconds", json_real(c->seconds));
	json_object_set_new(o, "freeze", freeze(c));
	kan_json_set_bytes(o, "bundle", kan_bytes_of(c->path));
	json_object_set_new(o, "seal", json_string(c->seal));
	json_object_set_new(o, "collectors", collectors(c->capture));
	json_object_set(o, "gaps", c->gap_list);
	json_object_set(o, "scope", json_object_get(c->capture, "scope"));
	add_custody(o, d);
	if (d->act)
		json_object_set(o, "act", d->act);
	add_analysis(o, d->read->model);
	return o;
}

int kan_print_capture(const struct kan_capture_doc *d)
{
	json_auto_t *o = kan_capture_json(d);
	return kan_print_json(o);
}

int kan_print_seen(const struct kan_receipt *r, int status)
{
	json_t *o = json_object();
	json_object_set_new(o, "schema", json_string("kanshiki.capture/1"));
	json_object_set_new(o, "status", json_string("done-before"));
	json_object_set_new(o, "exit", json_integer(status));
	kan_json_set_bytes(o, "case", kan_bytes_of(r->case_id));
	kan_json_set_bytes(o, "bundle", kan_bytes_of(r->bundle));
	kan_json_set_bytes(o, "seal", kan_bytes_of(r->seal));
	json_object_set_new(o, "signed", json_true());
	json_object_set_new(o, "custody", kan_receipt_json(r));
	int rc = kan_print_json(o);
	json_decref(o);
	return rc;
}

int kan_print_failure(const struct kan_err *err, int status, const char *partial, json_t *act)
{
	json_t *o = json_object();
	json_object_set_new(o, "schema", json_string("kanshiki.capture/1"));
	json_object_set_new(o, "status", json_string("failed"));
	json_object_set_new(o, "exit", json_integer(status));
	kan_json_set_bytes(o, "error", kan_bytes_of(err->text));
	if (partial)
		kan_json_set_bytes(o, "unsealed", kan_bytes_of(partial));
	if (act)
		json_object_set(o, "act", act);
	int rc = kan_print_json(o);
	json_decref(o);
	return rc;
}
