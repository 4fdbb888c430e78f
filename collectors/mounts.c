/* mounts: every mount of the target as a row, and the content of those that are its own. */
#include <kanshiki/collector.h>
#include <kanshiki/sink.h>
#include <kanshiki/target.h>

#include <stdio.h>
#include <string.h>

#include "collectors/mountnamed.h"
#include "collectors/mountrow.h"
#include "collectors/mountspaces.h"
#include "collectors/mountwindow.h"
#include "image/mountfiles.h"
#include "image/reader.h"

enum {
	UNKNOWN_SIZE = 1 << 30, /* more than any window takes */
	TOLD_MAX = 1000,        /* gaps and scope about single mounts; the rows say all */
};

static const char *const artefacts[] = {"mountinfo-*.txt",
					"mounts.ndjson",
					"files.ndjson",
					"content.tar",
					"content/",
					KAN_MOUNTNAMED_ROWS,
					NULL};
static const struct kan_limit limits[] = {{"table_lines", KAN_MOUNTINFO_LINES, false},
					  {"lines", KAN_PLAN_LINES, false},
					  {"namespaces", KAN_PLAN_SPACES, false},
					  {"file_octets", KAN_READER_FILE_MAX, false},
					  {"open_ms", KAN_READER_MS, false},
					  {"tmpfs_octets", KAN_TMPFS_OCTETS, true},
					  {"tmpfs_files", KAN_TMPFS_FILES, true},
					  {"volume_octets", KAN_VOLUME_OCTETS, true},
					  {"volumes_octets", KAN_VOLUMES_OCTETS, true},
					  {"bind_file_octets", KAN_BIND_FILE, true},
					  {"bind_entries", KAN_BIND_ENTRIES, true},
					  {"bind_octets", KAN_BIND_OCTETS, true},
					  {"all_octets", KAN_ALL_OCTETS, true},
					  {NULL, 0, false}};

struct mounts {
	struct kan_sink *sink;
	struct kan_plan plan;
	struct kan_mountfiles *files;
	struct kan_rows *rows;
	struct kan_mountwindow window;
	uint64_t told;
};

static void tell_scope(struct mounts *c, const struct kan_planned *m, const char *why)
{
	if (++c->told <= TOLD_MAX)
		kan_sink_scope(c->sink, m->m.point, why);
}

static void tell_gap(struct mounts *c, const struct kan_planned *m, enum kan_gap code,
		     const char *why)
{
	if (++c->told <= TOLD_MAX)
		kan_sink_gap(c->sink, m->m.point, code, "%s", why);
}

/* Decided without a look at it: true. */
static bool left_alone(struct kan_mounttaken *out, struct mounts *c, const struct kan_planned *m)
{
	bool wanted = c->plan.asked == KAN_MOUNTS_ALL;
	char why[sizeof(out->why)];
	if (m->rule.act == KAN_MOUNT_LIST) {
		(void)snprintf(out->why, sizeof(out->why), "%s", m->rule.why);
		if (m->rule.scope)
			tell_scope(c, m, m->rule.why);
		else if (wanted && m->class == KAN_MOUNT_NETWORK)
			tell_gap(c, m, KAN_GAP_UNSUPPORTED, m->rule.why);
		return true;
	}
	if (m->through) {
		(void)snprintf(why, sizeof(why), "reached through mount %d, which can hang",
			       m->through);
		memcpy(out->why, why, sizeof(why));
		if (wanted)
			tell_gap(c, m, KAN_GAP_UNSUPPORTED, why);
		else
			tell_scope(c, m, why);
		return true;
	}
	if (!m->first->taken)
		return false;
	(void)snprintf(out->why, sizeof(out->why), "the same as mount %d", m->first->taken);
	return true;
}

static const char *const too_big = "over 1 MiB, or over 1000 entries or 16 MiB";

/* 1: it is being read; 0: it cannot be, and that was told. */
static int begin(struct kan_mountread **out, struct kan_mounttaken *taken, struct mounts *c,
		 struct kan_planned *m)
{
	struct kan_entered e = {.fd = -1};
	struct kan_err why = {0};
	enum kan_mount_act act = m->rule.act;
	bool measure = kan_mount_only_small(m) && m->small == 0;
	struct kan_small limit = measure ? kan_mount_bind_limit : (struct kan_small){0};
	if (kan_mountwindow_enter(&e, &c->window, m, limit, &why) == 0) {
		if (measure)
			m->small = e.size.small ? 1 : -1;
		if (kan_mount_only_small(m) && m->small < 0)
			act = KAN_MOUNT_STAT;
		if (kan_mountread_start(out, c->files, m, act, &e, &why) == 0)
			return 1;
	}
	kan_auto_close_fn(&e.fd);
	(void)snprintf(taken->why, sizeof(taken->why), "%.*s", (int)sizeof(taken->why) - 1,
		       why.text);
	if (why.sys == ETIMEDOUT)
		tell_gap(c, m, KAN_GAP_STUCK, why.text);
	else if (act > KAN_MOUNT_STAT)
		tell_gap(c, m, kan_gap_of_err(&why), why.text);
	else if (m->rule.scope)
		tell_scope(c, m, m->rule.why);
	return 0;
}

static int handle(struct mounts *c, size_t i, struct kan_err *err)
{
	struct kan_planned *m = &c->plan.v[i];
	struct kan_mounttaken taken = {.frozen = kan_sink_frozen(c->sink)};
	struct kan_mountread *r = c->window.ahead[i];
	if (!r && (left_alone(&taken, c, m) || !begin(&r, &taken, c, m)))
		return kan_mountrow_put(c->rows, m, &taken, err);
	const char *rule = kan_mount_only_small(m) && m->small < 0 ? too_big : m->rule.why;
	c->window.ahead[i] = NULL;
	m->first->taken = m->m.id;
	if (kan_mountread_take(&taken, r, err) < 0)
		return -1;
	if (!taken.why[0] && rule) {
		(void)snprintf(taken.why, sizeof(taken.why), "%s", rule);
		taken.scope = m->rule.scope || rule == too_big;
	}
	if (taken.scope)
		tell_scope(c, m, taken.why);
	return kan_mountrow_put(c->rows, m, &taken, err);
}

static int take_all(struct mounts *c, struct kan_err *err)
{
	uint64_t entries = 0, octets = 0;
	bool small = kan_mountwindow_fits(&c->window, &entries, &octets);
	if (kan_sink_window_enter(c->sink, small ? entries : UNKNOWN_SIZE,
				  small ? octets : UNKNOWN_SIZE, err) < 0)
		return -1;
	bool ahead = small && kan_sink_frozen(c->sink);
	if (ahead) {
		kan_mountwindow_read(&c->window);
		kan_sink_window_leave(c->sink);
	}
	int rc = 0;
	for (size_t i = 0; i < c->plan.n && rc == 0; i++)
		rc = handle(c, i, err);
	if (!ahead)
		kan_sink_window_leave(c->sink);
	return rc;
}

static int close_all(struct mounts *c, int rc, struct kan_err *err)
{
	uint64_t items = 0;
	if (rc == 0)
		rc = kan_rows_close(kan_take_ptr(c->rows), err);
	if (rc == 0)
		rc = kan_mountfiles_close(&items, kan_take_ptr(c->files), err);
	if (c->rows)
		kan_rows_abandon(c->rows);
	kan_mountfiles_abandon(c->files);
	if (c->told > TOLD_MAX)
		kan_sink_limit(c->sink, KAN_LIT("words about single mounts"), c->told, TOLD_MAX,
			       TOLD_MAX);
	kan_sink_items(c->sink, c->plan.n + items);
	return rc;
}

static int collect(const struct kan_target *t, struct kan_sink *sink, struct kan_err *err)
{
	struct mounts c = {.sink = sink, .plan.asked = t->policy->mounts};
	if (t->policy->mounts == KAN_MOUNTS_NONE)
		kan_sink_scope(sink, KAN_LIT("content of mounts"), "not asked for");
	if (t->pid <= 0)
		return kan_mountnamed_take(t, sink, err);
	int rc = kan_mountspaces_read(&c.plan, t, sink, err);
	if (rc == 0)
		rc = kan_mountfiles_open(&c.files, sink, t->policy, err);
	if (rc == 0)
		rc = kan_rows_open(&c.rows, sink, "mounts.ndjson", err);
	if (rc == 0) {
		kan_mountwindow_init(&c.window, sink, &c.plan, c.files);
		rc = take_all(&c, err);
		kan_mountwindow_free(&c.window);
	}
	rc = close_all(&c, rc, err);
	kan_mountspaces_close(&c.plan);
	return rc;
}

extern const struct kan_collector kan_collector_mounts;
const struct kan_collector kan_collector_mounts = {
	.name = "mounts",
	.summary = "every mount, and the content of tmpfs, /dev/shm, volumes and small binds",
	.tier = KAN_TIER_FILES,
	.needs = KAN_NEEDS_HOST,
	.limits = limits,
	.artefacts = artefacts,
	.collect = collect,
};
