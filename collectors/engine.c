/* engine: everything the engine says about the target, as raw bytes, before our own calls change
 * it. */
#include <kanshiki/collector.h>
#include <kanshiki/engine.h>
#include <kanshiki/sink.h>
#include <kanshiki/target.h>

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/row.h"
#include "collectors/answer.h"
#include "engine/below.h"
#include "engine/dataroot.h"
#include "engine/store.h"

enum { PATH_OCTETS = 512, DISK_FILE_MAX = 16 << 20, JSON_DEPTH = 128 };

static const char *const artefacts[] = {"events.json",
					"inspect.json",
					"image-inspect.json",
					"image-history.json",
					"version.json",
					"info.json",
					"containers.json",
					"networks.json",
					"volumes.json",
					"config.v2.json",
					"hostconfig.json",
					"oci-spec.json",
					"runc-state.json",
					"store-containers.json",
					"store-volatile-containers.json",
					NULL};

static const struct kan_limit limits[] = {{"answer_octets", KAN_ENGINE_ANSWER_MAX, false},
					  {"disk_file_octets", DISK_FILE_MAX, false},
					  {NULL, 0, false}};

/* The ring of events has about 256 entries and every call of ours pushes it: it comes first. */
static int events(const struct kan_target *t, struct kan_sink *sink, struct kan_err *err)
{
	char path[PATH_OCTETS];
	(void)snprintf(path, sizeof(path), "/events?since=0&until=%lld", (long long)time(NULL));
	return kan_answer_store(t->engine, sink, path, "events.json", err);
}

static int about_image(const struct kan_target *t, struct kan_sink *sink, struct kan_err *err)
{
	char path[PATH_OCTETS];
	if (!t->image_id || !*t->image_id) {
		kan_sink_gap(sink, KAN_LIT("image"), KAN_GAP_VANISHED, "inspect names no image id");
		return 0;
	}
	(void)snprintf(path, sizeof(path), "/images/%.128s/json", t->image_id);
	if (kan_answer_store(t->engine, sink, path, "image-inspect.json", err) < 0)
		return -1;
	(void)snprintf(path, sizeof(path), "/images/%.128s/history", t->image_id);
	return kan_answer_store(t->engine, sink, path, "image-history.json", err);
}

static const struct {
	const char *path, *name;
} surroundings[] = {
	{"/version", "version.json"},
	{"/info", "info.json"},
	{"/containers/json?all=1", "containers.json"},
	{"/networks", "networks.json"},
	{"/volumes", "volumes.json"},
};

static int ask(const struct kan_target *t, struct kan_sink *sink, struct kan_err *err)
{
	char path[PATH_OCTETS];
	(void)snprintf(path, sizeof(path), "/containers/%s/json", t->id);
	if (events(t, sink, err) < 0 ||
	    kan_answer_store(t->engine, sink, path, "inspect.json", err) < 0 ||
	    about_image(t, sink, err) < 0)
		return -1;
	for (size_t i = 0; i < sizeof(surroundings) / sizeof(surroundings[0]); i++)
		if (kan_answer_store(t->engine, sink, surroundings[i].path, surroundings[i].name,
				     err) < 0)
			return -1;
	return 0;
}

/* Raw, whatever it is; what is no JSON is said. */
static int keep_file(struct kan_sink *sink, const struct kan_buf *text, const char *name,
		     struct kan_err *err)
{
	struct kan_err why = {0};
	json_t *doc = NULL;
	if (kan_json_parse(&doc, kan_buf_bytes(text), DISK_FILE_MAX, JSON_DEPTH, &why) < 0)
		kan_sink_gap(sink, kan_bytes_of(name), KAN_GAP_MALFORMED, "%s; its bytes are kept",
			     why.text);
	json_decref(doc);
	return kan_sink_put(sink, name, kan_buf_bytes(text), err);
}

/* Of Podman's store: the lists of containers; the second is not always there. */
static int podmans_lists(const struct kan_target *t, struct kan_sink *sink, struct kan_err *err)
{
	static const char *const names[] = {"store-containers.json",
					    "store-volatile-containers.json"};
	kan_sink_gap(sink, KAN_LIT("config.v2.json"), KAN_GAP_NOT_APPLICABLE,
		     "Podman has no such files");
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char path[PATH_OCTETS];
		struct kan_err why = {0};
		kan_auto_buf struct kan_buf text = KAN_BUF(KAN_STORE_LIST_MAX);
		(void)snprintf(path, sizeof(path), "%.32s-containers/%s", t->storage,
			       names[i] + strlen("store-"));
		if (kan_below_read(&text, t, path, &why) == 0) {
			if (keep_file(sink, &text, names[i], err) < 0)
				return -1;
		} else if (i == 0 || why.code != KAN_ENOTFOUND) {
			kan_sink_gap_err(sink, kan_bytes_of(names[i]), &why);
		}
	}
	return 0;
}

/* The engine's own files about the container, below its data root. */
static int on_disk(const struct kan_target *t, struct kan_sink *sink, struct kan_err *err)
{
	static const char *const names[] = {"config.v2.json", "hostconfig.json"};
	if (t->data_root_fd < 0) {
		kan_sink_gap(sink, KAN_LIT("config.v2.json"), KAN_GAP_DENIED,
			     "the engine's data root is not proven");
		return 0;
	}
	if (kan_is_podman(t))
		return podmans_lists(t, sink, err);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char path[PATH_OCTETS];
		struct kan_err why = {0};
		kan_auto_buf struct kan_buf text = KAN_BUF(DISK_FILE_MAX);
		(void)snprintf(path, sizeof(path), "containers/%s/%s", t->id, names[i]);
		if (kan_below_read(&text, t, path, &why) < 0)
			kan_sink_gap_err(sink, kan_bytes_of(names[i]), &why);
		else if (keep_file(sink, &text, names[i], err) < 0)
			return -1;
	}
	return 0;
}

/* Podman keeps the runtime's config beside the container's other files. */
static int podman_spec(struct kan_buf *text, const struct kan_target *t, struct kan_err *err)
{
	char path[PATH_OCTETS];
	(void)snprintf(path, sizeof(path), "%.32s-containers/%s/userdata/config.json", t->storage,
		       t->id);
	return kan_below_read(text, t, path, err);
}

static int read_place(struct kan_buf *text, const struct kan_target *t, const char *before,
		      const char *after, struct kan_err *err)
{
	char path[PATH_OCTETS];
	(void)snprintf(path, sizeof(path), "%s%s%s", before, t->id, after);
	if (t->engine_root_fd < 0 || t->pid <= 0)
		return kan_fail(err, KAN_ENOTFOUND, "no process of a runtime");
	return kan_below_beside(text, t, path, err);
}

/* What there was to read of it, or why not. */
static int keep_read(struct kan_sink *sink, const struct kan_buf *text, const char *name, int rc,
		     const struct kan_err *why, struct kan_err *err)
{
	if (rc == 0)
		return keep_file(sink, text, name, err);
	if (why->code == KAN_ENOTFOUND)
		kan_sink_scope(sink, kan_bytes_of(name), "not at the runtime's usual place");
	else
		kan_sink_gap_err(sink, kan_bytes_of(name), why);
	return 0;
}

/* The runtime's effective config and state, where containerd and runc of the engine keep them below
 * its root. */
static int runtime(const struct kan_target *t, struct kan_sink *sink, struct kan_err *err)
{
	static const struct {
		const char *before, *after, *name;
	} places[] = {
		{"run/containerd/io.containerd.runtime.v2.task/moby/", "/config.json",
		 "oci-spec.json"},
		{"run/docker/runtime-runc/moby/", "/state.json", "runc-state.json"},
	};
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		kan_auto_buf struct kan_buf text = KAN_BUF(DISK_FILE_MAX);
		struct kan_err why = {0};
		bool spec = i == 0 && kan_is_podman(t);
		int rc = spec ? podman_spec(&text, t, &why)
			      : read_place(&text, t, places[i].before, places[i].after, &why);
		if (keep_read(sink, &text, places[i].name, rc, &why, err) < 0)
			return -1;
	}
	return 0;
}

/* What libpod alone knows is in a database of its own. */
static int podmans_rest(const struct kan_target *t, struct kan_sink *sink, struct kan_err *err)
{
	struct kan_err why = {0};
	kan_auto_buf struct kan_buf text = KAN_BUF(DISK_FILE_MAX);
	kan_sink_gap(sink, KAN_LIT("libpod"), KAN_GAP_UNSUPPORTED,
		     "state, log driver, networks and the settings as they were given are in "
		     "libpod's database (bolt_state.db or db.sql), which is not read");
	return keep_read(sink, &text, "oci-spec.json", podman_spec(&text, t, &why), &why, err);
}

/* Its files are all there is of an engine that does not run. */
static int offline(const struct kan_target *t, struct kan_sink *sink, struct kan_err *err)
{
	kan_sink_gap(sink, KAN_LIT("inspect.json"), KAN_GAP_NOT_APPLICABLE,
		     "a data root has no engine that answers: see its files");
	if (on_disk(t, sink, err) < 0)
		return -1;
	return kan_is_podman(t) ? podmans_rest(t, sink, err) : 0;
}

static int collect(const struct kan_target *target, struct kan_sink *sink, struct kan_err *err)
{
	if (target->depth == KAN_DEPTH_OFFLINE)
		return offline(target, sink, err);
	if (ask(target, sink, err) < 0 || on_disk(target, sink, err) < 0)
		return -1;
	return runtime(target, sink, err);
}

extern const struct kan_collector kan_collector_engine;
const struct kan_collector kan_collector_engine = {
	.name = "engine",
	.summary = "what the engine says: events, inspect, image, networks, its own files",
	.tier = KAN_TIER_BEFORE,
	.limits = limits,
	.artefacts = artefacts,
	.collect = collect,
};
