/* Volumes below the data root are copied as those of a live container are; binds are listed. */
#include "collectors/mountnamed.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/row.h"
#include "collectors/mountvolume.h"
#include "engine/store.h"
#include "image/mountfiles.h"

enum {
	WORD_OCTETS = 4096,
	TOLD_MAX = 1000, /* gaps and scope about single mounts; the rows say all */
};

struct named {
	const struct kan_target *t;
	struct kan_sink *sink;
	struct kan_mountfiles *files;
	struct kan_rows *rows;
	uint64_t told;
};

/* One of inspect's Mounts. */
struct point {
	int id; /* counts them from 1; files.ndjson names it */
	const char *destination, *type, *name, *driver, *source;
	bool writable;
	bool can_be_copied; /* a volume of the local driver, in the data root */
};

/* Every engine whose files are read writes down what a mount is. */
static bool is_damaged(const struct named *c, const struct point *p)
{
	return c->t->depth == KAN_DEPTH_OFFLINE && !*p->type;
}

/* Why it is not copied; NULL: it is. unread: its options are not known, and why. */
static const char *left_out(const struct named *c, const struct point *p, struct kan_err *unread)
{
	if (is_damaged(c, p))
		return "its configuration is damaged";
	if (strcmp(p->type, "tmpfs") == 0)
		return "gone with the processes";
	if (strcmp(p->type, "volume") != 0)
		return c->t->depth == KAN_DEPTH_OFFLINE
			       ? "a directory of the host, not in the data root"
			       : "a directory of the host: listed only";
	if (!kan_volume_name_ok(p->name) || (*p->driver && strcmp(p->driver, "local") != 0))
		return "a volume that is not in the data root";
	if (c->t->policy->mounts == KAN_MOUNTS_NONE)
		return "not asked for";
	int rc = kan_volume_elsewhere(c->t, p->name, unread);
	if (rc < 0)
		return unread->text;
	return rc ? "a volume whose content is mounted from elsewhere" : NULL;
}

static void judge(struct kan_mounttaken *taken, struct point *p, struct named *c)
{
	struct kan_err unread = {0};
	const char *why = left_out(c, p, &unread);
	bool all = c->t->policy->mounts == KAN_MOUNTS_ALL;
	p->can_be_copied = !why;
	if (!why)
		return;
	(void)snprintf(taken->why, sizeof(taken->why), "%.127s", why);
	if (c->t->policy->mounts == KAN_MOUNTS_NONE || ++c->told > TOLD_MAX)
		return;
	if (unread.code != KAN_OK)
		kan_sink_gap_err(c->sink, kan_bytes_of(p->destination), &unread);
	else if (is_damaged(c, p))
		kan_sink_gap(c->sink, kan_bytes_of(p->destination), KAN_GAP_MALFORMED, "%s", why);
	else if (strcmp(p->type, "tmpfs") == 0)
		kan_sink_gap(c->sink, kan_bytes_of(p->destination), KAN_GAP_NOT_APPLICABLE, "%s",
			     why);
	else if (all)
		kan_sink_gap(c->sink, kan_bytes_of(p->destination), KAN_GAP_UNSUPPORTED, "%s", why);
	else
		kan_sink_scope(c->sink, kan_bytes_of(p->destination), why);
}

/* -1: evidence cannot be written. */
static int copy(struct kan_mounttaken *taken, const struct named *c, const struct point *p,
		struct kan_err *err)
{
	struct kan_entered e = {.fd = -1};
	struct kan_mountread *r = NULL;
	struct kan_err why = {0};
	struct kan_planned planned = {
		.m = {.id = p->id, .point = kan_bytes_of(p->destination)},
		.class = KAN_MOUNT_VOLUME,
		.rule = kan_mount_rule(KAN_MOUNT_VOLUME, c->t->policy->mounts),
	};
	if (kan_mount_secret(planned.m.point)) {
		planned.class = KAN_MOUNT_SECRETS;
		planned.rule = kan_mount_rule(KAN_MOUNT_SECRETS, c->t->policy->mounts);
	}
	if (kan_volume_enter(&e, c->t, p->name, &why) == 0 &&
	    kan_mountread_start(&r, c->files, &planned, planned.rule.act, &e, &why) == 0) {
		int rc = kan_mountread_take(taken, r, err);
		if (rc == 0 && taken->scope)
			kan_sink_scope(c->sink, kan_bytes_of(p->destination), taken->why);
		return rc;
	}
	kan_auto_close_fn(&e.fd);
	(void)snprintf(taken->why, sizeof(taken->why), "%.*s", (int)sizeof(taken->why) - 1,
		       why.text);
	kan_sink_gap_err(c->sink, kan_bytes_of(p->destination), &why);
	return 0;
}

static void put_text(struct kan_row *row, const char *key, const char *text)
{
	if (*text)
		kan_row_bytes(row, key, kan_bytes_of(text));
}

static int put(const struct named *c, const struct point *p, const struct kan_mounttaken *taken,
	       struct kan_err *err)
{
	struct kan_row *row = kan_rows_begin(c->rows);
	kan_row_int(row, "id", p->id);
	kan_row_bytes(row, "point", kan_bytes_of(p->destination));
	put_text(row, "type", p->type);
	put_text(row, "name", p->name);
	put_text(row, "driver", p->driver);
	put_text(row, "source", p->source);
	kan_row_bool(row, "rw", p->writable);
	kan_row_bool(row, "copied", taken->copied);
	if (taken->why[0])
		kan_row_str(row, "why", taken->why);
	return kan_rows_end(c->rows, err);
}

/* No engine makes such a mount. */
static bool too_long(struct named *c, const struct point *p)
{
	const char *const words[] = {p->destination, p->type, p->name, p->driver, p->source};
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strlen(words[i]) <= WORD_OCTETS)
			continue;
		if (++c->told <= TOLD_MAX)
			kan_sink_limit(c->sink, KAN_LIT("a word of the mounts' configuration"),
				       strlen(words[i]), 0, WORD_OCTETS);
		return true;
	}
	return false;
}

static int one(struct named *c, const json_t *m, size_t n, struct kan_err *err)
{
	struct kan_mounttaken taken = {0};
	struct point p = {.id = (int)n,
			  .destination = kan_json_str(m, "Destination"),
			  .type = kan_json_str(m, "Type"),
			  .name = kan_json_str(m, "Name"),
			  .driver = kan_json_str(m, "Driver"),
			  .source = kan_json_str(m, "Source"),
			  .writable = json_is_true(json_object_get(m, "RW"))};
	if (too_long(c, &p))
		return 0;
	judge(&taken, &p, c);
	if (p.can_be_copied && copy(&taken, c, &p, err) < 0)
		return -1;
	return put(c, &p, &taken, err);
}

static int by_destination(const void *a, const void *b)
{
	return strcmp(kan_json_str(*(json_t *const *)a, "Destination"),
		      kan_json_str(*(json_t *const *)b, "Destination"));
}

static void tell_unknown(const struct named *c)
{
	static const struct kan_bytes what = KAN_LIT(KAN_MOUNTNAMED_ROWS);
	if (kan_is_podman(c->t))
		kan_sink_gap(c->sink, what, KAN_GAP_UNSUPPORTED,
			     "no config.json of the runtime that can be read: before its first "
			     "start libpod's database alone knows the mounts");
	else
		kan_sink_gap(c->sink, what, KAN_GAP_MALFORMED,
			     "which mounts are configured cannot be read");
}

/* The engine lists them as they come; their order must not be chance. */
static int take_all(struct named *c, struct kan_err *err)
{
	const json_t *list = json_object_get(c->t->inspect, "Mounts");
	if (!json_is_array(list) && !json_is_null(list))
		tell_unknown(c);
	size_t all = json_array_size(list), n = all < KAN_PLAN_LINES ? all : KAN_PLAN_LINES;
	kan_auto_free const json_t **sorted = kan_xrealloc(NULL, n + 1, sizeof(json_t *));
	int rc = 0;
	for (size_t i = 0; i < n; i++)
		sorted[i] = json_array_get(list, i);
	qsort(sorted, n, sizeof(json_t *), by_destination);
	for (size_t i = 0; i < n && rc == 0; i++)
		rc = one(c, sorted[i], i + 1, err);
	if (all > n)
		kan_sink_limit(c->sink, KAN_LIT("mounts"), all, n, KAN_PLAN_LINES);
	return rc;
}

int kan_mountnamed_take(const struct kan_target *t, struct kan_sink *sink, struct kan_err *err)
{
	struct named c = {.t = t, .sink = sink};
	uint64_t items = 0;
	kan_sink_gap(sink, KAN_LIT("mounts.ndjson"), KAN_GAP_NOT_APPLICABLE,
		     "no process, no mount table: " KAN_MOUNTNAMED_ROWS " has what is configured");
	int rc = kan_mountfiles_open(&c.files, sink, t->policy, err);
	if (rc == 0)
		rc = kan_rows_open(&c.rows, sink, KAN_MOUNTNAMED_ROWS, err);
	if (rc == 0)
		rc = kan_sink_window_enter(sink, 0, 0, err); /* nothing runs: no pause is needed */
	kan_sink_window_leave(sink);
	if (rc == 0)
		rc = take_all(&c, err);
	if (rc == 0)
		rc = kan_rows_close(kan_take_ptr(c.rows), err);
	if (rc == 0)
		rc = kan_mountfiles_close(&items, kan_take_ptr(c.files), err);
	if (c.rows)
		kan_rows_abandon(c.rows);
	kan_mountfiles_abandon(c.files);
	if (c.told > TOLD_MAX)
		kan_sink_limit(sink, KAN_LIT("words about single mounts"), c.told, TOLD_MAX,
			       TOLD_MAX);
	kan_sink_items(sink, json_array_size(json_object_get(t->inspect, "Mounts")) + items);
	return rc;
}
