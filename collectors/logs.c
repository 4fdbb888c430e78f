/* logs: what the container printed, byte for byte from the engine's files; by the API where there
 * are none. */
#include <kanshiki/collector.h>
#include <kanshiki/engine.h>
#include <kanshiki/sink.h>
#include <kanshiki/target.h>

#include <stdio.h>
#include <string.h>

#include "collectors/answer.h"
#include "collectors/logfile.h"
#include "engine/store.h"

enum { PATH_OCTETS = 4096 };

static const char *const artefacts[] = {"json-file/", "local/",       "k8s-file/", "cached/",
					"api.stream", "files.ndjson", NULL};
static const struct kan_limit limits[] = {{"source_octets", KAN_LOG_SOURCE, false},
					  {"all_octets", KAN_LOG_ALL, false},
					  {"stream_octets", KAN_LOG_SOURCE, false},
					  {"rotations", KAN_LOG_ROTATIONS, false},
					  {NULL, 0, false}};

/* Where a driver keeps its file: LogPath, or else <data root>/<before><id><after>. */
static const struct place {
	const char *driver, *dir, *before, *after;
	bool file_only; /* what is not in the file, the engine does not have either */
} places[] = {
	{"json-file", "json-file", "containers/", NULL, true},
	{"local", "local", "containers/", "/local-logs/container.log", false},
	{"k8s-file", "k8s-file", "-containers/", "/userdata/ctr.log",
	 false}, /* behind its driver */
};
/* With any other driver Docker keeps a copy of its own, in the form of local. */
static const struct place cache = {NULL, "cached", "containers/", "/container-cached.log", false};

/* Podman calls it json-file when Docker's client asked for that; what it writes is its own form. */
static bool is_podmans(const char *path)
{
	static const char own[] = "/userdata/ctr.log";
	size_t n = path ? strlen(path) : 0, tail = sizeof(own) - 1;
	return n > tail && strcmp(path + n - tail, own) == 0;
}

static const struct place *place_of(const struct kan_target *t)
{
	bool podmans = t->log_path ? is_podmans(t->log_path) : kan_is_podman(t);
	const char *driver = podmans ? "k8s-file" : t->log_driver;
	for (size_t i = 0; driver && i < sizeof(places) / sizeof(places[0]); i++)
		if (strcmp(places[i].driver, driver) == 0)
			return &places[i];
	return NULL;
}

/* The engine names the file; it has to lie below a directory of the container's own id. */
static bool path_of_target(const struct kan_target *t)
{
	char own[80], whole[PATH_OCTETS];
	(void)snprintf(own, sizeof(own), "/%.64s/", t->id);
	int n = snprintf(whole, sizeof(whole), "%s/", t->log_path ? t->log_path : "");
	return n > 0 && n < PATH_OCTETS && strstr(whole, own) && !strstr(whole, "/../");
}

/* As the engine would call it. */
static bool usual_path(char out[PATH_OCTETS], const struct kan_target *t, const struct place *p)
{
	char json[80]; /* json-file: called after the container once more */
	(void)snprintf(json, sizeof(json), "/%.64s-json.log", t->id);
	const char *driver = p->before[0] == '-' && t->storage ? t->storage : "";
	int n = t->data_root ? snprintf(out, PATH_OCTETS, "%s/%s%s%.64s%s", t->data_root, driver,
					p->before, t->id, p->after ? p->after : json)
			     : -1;
	return n > 0 && n < PATH_OCTETS;
}

static void tell_faults(const struct kan_logstore *l, const struct kan_logset *s)
{
	char what[64];
	size_t kept = s->n_faults < KAN_LOG_FAULTS ? s->n_faults : KAN_LOG_FAULTS;
	for (size_t i = 0; i < kept; i++) {
		const struct kan_logfault *f = &s->faults[i];
		(void)snprintf(what, sizeof(what), "%s/%d.log%s", l->dir, f->n,
			       f->packed ? ".gz" : "");
		kan_sink_gap_err(l->sink, kan_bytes_of(what), &f->why);
	}
	if (s->n_faults > kept)
		kan_sink_limit(l->sink, KAN_LIT("rotated logs that cannot be opened"), s->n_faults,
			       kept, KAN_LOG_FAULTS);
	if (s->n_stuck >= KAN_LOG_STUCK)
		kan_sink_gap(l->sink, kan_bytes_of(l->dir), KAN_GAP_STUCK,
			     "%zu files that do not open: older ones were not tried", s->n_stuck);
	if (s->more)
		kan_sink_limit(l->sink, KAN_LIT("rotations"), KAN_LOG_ROTATIONS + 1,
			       KAN_LOG_ROTATIONS, KAN_LOG_ROTATIONS);
}

static int store_all(struct kan_logstore *l, const struct kan_logset *s, struct kan_err *err)
{
	char what[64];
	tell_faults(l, s);
	if (s->gone)
		kan_sink_gap(l->sink, kan_bytes_of(l->dir), KAN_GAP_VANISHED,
			     "the live log went away while its files were opened");
	if (s->missing) {
		(void)snprintf(what, sizeof(what), "%s/%d.log", l->dir, s->missing);
		kan_sink_gap(l->sink, kan_bytes_of(what), KAN_GAP_VANISHED,
			     "a rotated log is missing, and older ones are there");
	}
	if (s->moved)
		kan_sink_gap(l->sink, kan_bytes_of(l->dir), KAN_GAP_CHANGED,
			     "it was rotated each time it was opened");
	for (size_t i = 0; i < s->n; i++)
		if (kan_logfile_store(l, &s->v[i], err) < 0)
			return -1;
	return 0;
}

/* 0 with *found false: there is no such log. quiet: it is none that has to be there. */
static int take_set(bool *found, struct kan_logstore *l, const char *path, bool quiet,
		    struct kan_err *err)
{
	struct kan_logset *s = NULL;
	struct kan_err why = {0};
	char what[64];
	(void)snprintf(what, sizeof(what), "%s/0.log", l->dir);
	int opened = kan_logset_open(&s, l->t, path, &why);
	*found = s->n > 0;
	if (opened < 0 && (!quiet || *found || why.sys != ENOENT))
		kan_sink_gap_err(l->sink, kan_bytes_of(what), &why);
	*found |= opened < 0 && why.sys != ENOENT && !l->t->engine; /* nobody else knows */
	int rc = store_all(l, s, err);
	kan_logset_free(s);
	return rc;
}

static int by_api(const struct kan_target *t, struct kan_sink *sink, struct kan_err *err)
{
	char path[256];
	(void)snprintf(path, sizeof(path), "/containers/%s/logs?stdout=1&stderr=1&timestamps=1",
		       t->id);
	return kan_answer_store_max(t->engine, sink, path, "api.stream",
				    kan_log_room(t, KAN_LOG_SOURCE), err);
}

static int from_place(bool *found, struct kan_logstore *l, const struct place *p,
		      struct kan_err *err)
{
	char path[PATH_OCTETS];
	const struct kan_target *t = l->t;
	l->dir = p->dir;
	if (t->log_path && !path_of_target(t)) {
		kan_sink_gap(l->sink, kan_bytes_of(t->log_path), KAN_GAP_CONTRADICTED,
			     "the engine's log path is not in a directory of this container");
		*found = true; /* refused, and not to be asked for otherwise */
		return 0;
	}
	if (t->log_path)
		return take_set(found, l, t->log_path, false, err);
	if (!usual_path(path, t, p))
		return 0;
	bool may_lack = t->engine || t->state == KAN_STATE_CREATED || kan_is_podman(t);
	return take_set(found, l, path, may_lack, err);
}

/* The driver sends it elsewhere. */
static int from_cache(bool *found, struct kan_logstore *l, struct kan_err *err)
{
	char path[PATH_OCTETS];
	l->dir = cache.dir;
	return usual_path(path, l->t, &cache) ? take_set(found, l, path, true, err) : 0;
}

/* Its config cannot be read: what lies where logs lie. */
static int from_anywhere(bool *found, struct kan_logstore *l, struct kan_err *err)
{
	char path[PATH_OCTETS];
	bool more = false;
	l->dir = places[0].dir;
	if (usual_path(path, l->t, &places[0]) && take_set(found, l, path, true, err) < 0)
		return -1;
	l->dir = places[1].dir;
	if (usual_path(path, l->t, &places[1]) && take_set(&more, l, path, true, err) < 0)
		return -1;
	*found |= more;
	return 0;
}

static void nothing_kept(const struct kan_target *t, struct kan_sink *sink, const struct place *p)
{
	if (t->state == KAN_STATE_CREATED)
		kan_sink_gap(sink, KAN_LIT("logs"), KAN_GAP_NOT_APPLICABLE,
			     "no log yet: the container was never started");
	else if (kan_is_podman(t))
		kan_sink_gap(sink, KAN_LIT("logs"), KAN_GAP_UNSUPPORTED,
			     "no ctr.log: never started, or another driver, which libpod's "
			     "database alone knows; journald's log is in its host's journal");
	else if (t->log_driver && !p)
		kan_sink_gap(sink, kan_bytes_of(t->log_driver), KAN_GAP_UNSUPPORTED,
			     "this log driver keeps nothing in the data root");
	else if (!p)
		kan_sink_gap(sink, KAN_LIT("logs"), KAN_GAP_VANISHED,
			     "which driver is not known, and no log lies at the usual places");
}

static int from_disk(bool *found, struct kan_logstore *l, const struct place *p,
		     struct kan_err *err)
{
	if (kan_rows_open(&l->rows, l->sink, "files.ndjson", err) < 0)
		return -1;
	int rc = p                  ? from_place(found, l, p, err)
		 : l->t->log_driver ? from_cache(found, l, err)
				    : from_anywhere(found, l, err);
	if (rc < 0) {
		kan_rows_abandon(l->rows);
		return -1;
	}
	kan_sink_items(l->sink, l->files);
	return kan_rows_close(l->rows, err);
}

static int collect(const struct kan_target *t, struct kan_sink *sink, struct kan_err *err)
{
	struct kan_logstore l = kan_logstore_of(t, sink);
	const struct place *p = place_of(t);
	bool found = false, file_only = p && p->file_only && t->log_path;
	if (p && p->file_only && !t->log_path && t->state == KAN_STATE_CREATED) {
		kan_sink_gap(sink, kan_bytes_of(p->driver), KAN_GAP_NOT_APPLICABLE,
			     "no log yet: the container was never started");
		return 0;
	}
	if (t->data_root_fd >= 0 && from_disk(&found, &l, p, err) < 0)
		return -1;
	/* A file is the log; without one the engine may have what its driver sent elsewhere. */
	if (t->engine && (t->data_root_fd < 0 || (!file_only && !(p && found))))
		return by_api(t, sink, err);
	if (!found && !file_only)
		nothing_kept(t, sink, p);
	return 0;
}

extern const struct kan_collector kan_collector_logs;
const struct kan_collector kan_collector_logs = {
	.name = "logs",
	.summary = "what the container printed, on both streams, with rotations",
	.tier = KAN_TIER_AFTER,
	.limits = limits,
	.artefacts = artefacts,
	.collect = collect,
};
