/* posture: how engine and host are set up, as facts; what they mean is for the rules. */
#include <kanshiki/collector.h>
#include <kanshiki/sink.h>
#include <kanshiki/target.h>

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/row.h"
#include "base/tree.h"
#include "collectors/posture.h"
#include "kernel/procfs.h"

enum { TEXT_MAX = 1 << 20, CONFIG_DEPTH = 16, VALUE_MAX = 64 << 10 };

static const char *const artefacts[] = {"facts.ndjson", "files.ndjson", NULL};
static const struct kan_limit limits[] = {{"text_octets", TEXT_MAX, false},
					  {"file_octets", KAN_POSTURE_FILE, false},
					  {NULL, 0, false}};

int kan_posture_fact(struct kan_posture *p, const char *id, struct kan_bytes value,
		     const char *source, struct kan_err *err)
{
	struct kan_row *row = kan_rows_begin(p->facts);
	kan_row_str(row, "id", id);
	kan_row_str(row, "subject", "engine");
	kan_row_bytes(row, "value", value);
	kan_row_str(row, "source", source);
	p->items++;
	return kan_rows_end(p->facts, err);
}

/* A word behind another, or behind '=' in it: "-H x", "--host=x". */
static bool option(struct kan_bytes *value, struct kan_bytes word, struct kan_bytes next,
		   const char *name)
{
	size_t n = strlen(name);
	if (word.n < n || memcmp(word.p, name, n) != 0)
		return false;
	if (word.n == n)
		*value = next;
	else if (word.p[n] == '=')
		*value = (struct kan_bytes){word.p + n + 1, word.n - n - 1};
	else
		return false;
	return true;
}

static struct kan_bytes word_at(struct kan_bytes text, size_t at)
{
	if (at >= text.n)
		return (struct kan_bytes){0};
	const uint8_t *end = memchr(text.p + at, 0, text.n - at);
	return (struct kan_bytes){text.p + at, end ? (size_t)(end - text.p) - at : text.n - at};
}

static void remember_socket(struct kan_posture *p, const char *id, struct kan_bytes value)
{
	static const char scheme[] = "unix://";
	const size_t n = sizeof(scheme) - 1;
	if (strcmp(id, "engine.host") != 0 || value.n <= n || memcmp(value.p, scheme, n) != 0)
		return;
	kan_buf_reset(&p->socket);
	kan_buf_add(&p->socket, value.p + n, value.n - n);
}

/* Where it listens, by its own words, and which configuration it reads. */
static int arguments(struct kan_posture *p, struct kan_bytes argv, struct kan_err *err)
{
	static const struct {
		const char *option, *id;
	} known[] = {{"-H", "engine.host"},
		     {"--host", "engine.host"},
		     {"--tlsverify", "engine.tlsverify"},
		     {"--tls", "engine.tls"},
		     {"--icc", "engine.icc"},
		     {"--userns-remap", "engine.userns-remap"},
		     {"--seccomp-profile", "engine.seccomp-profile"},
		     {"--live-restore", "engine.live-restore"},
		     {"--insecure-registry", "engine.insecure-registry"},
		     {"--config-file", "engine.config-file"}};
	for (size_t at = 0; at < argv.n;) {
		struct kan_bytes word = word_at(argv, at), next = word_at(argv, at + word.n + 1);
		for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
			struct kan_bytes value = {0};
			if (!option(&value, word, next, known[i].option))
				continue;
			if (strcmp(known[i].id, "engine.config-file") == 0 && value.n) {
				kan_buf_reset(&p->config);
				kan_buf_addb(&p->config, value);
			}
			remember_socket(p, known[i].id, value);
			if (kan_posture_fact(p, known[i].id, value, "argv", err) < 0)
				return -1;
		}
		at += word.n + 1;
	}
	return 0;
}

static int process(struct kan_posture *p, struct kan_err *err)
{
	kan_auto_buf struct kan_buf text = KAN_BUF(TEXT_MAX), status = KAN_BUF(TEXT_MAX);
	kan_auto_close int dir = -1;
	struct kan_err why = {0};
	struct kan_proc_status s;
	char uid[16];
	if (p->t->engine_pid <= 0 ||
	    kan_proc_pid_dir(&dir, p->t->proc_fd, p->t->engine_pid, &why) < 0 ||
	    kan_proc_read(&text, dir, "cmdline", &why) < 0 ||
	    kan_proc_read(&status, dir, "status", &why) < 0 ||
	    kan_proc_status_parse(&s, kan_buf_bytes(&status), &why) < 0) {
		if (why.code == KAN_OK)
			(void)kan_fail(&why, KAN_EDENIED, "the engine's process is not known");
		kan_sink_gap_err(p->sink, KAN_LIT("the engine's process"), &why);
		return 0;
	}
	(void)snprintf(uid, sizeof(uid), "%u", s.uid[1]);
	if (kan_posture_fact(p, "engine.uid", kan_bytes_of(uid), "status", err) < 0 ||
	    arguments(p, kan_buf_bytes(&text), err) < 0)
		return -1;
	return kan_posture_environment(p, dir, err);
}

/* One key a row, in the document's own order of keys: sorted. */
static int settings(struct kan_posture *p, const json_t *doc, const char *path, struct kan_err *err)
{
	const char *key = NULL;
	json_t *v = NULL;
	json_object_foreach ((json_t *)(uintptr_t)doc, key, v) {
		kan_auto_buf struct kan_buf id = KAN_BUF(VALUE_MAX), value = KAN_BUF(VALUE_MAX);
		char *text = json_dumps(v, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY);
		kan_buf_addf(&id, "daemon-json.%.200s", key);
		kan_buf_adds(&value, json_is_string(v) ? json_string_value(v) : text ? text : "");
		free(text);
		if (kan_posture_fact(p, kan_buf_str(&id), kan_buf_bytes(&value), path, err) < 0)
			return -1;
	}
	return 0;
}

static int configuration(struct kan_posture *p, struct kan_err *err)
{
	kan_auto_buf struct kan_buf text = KAN_BUF(TEXT_MAX);
	const char *path = kan_buf_str(&p->config);
	struct kan_err why = {0};
	json_t *doc = NULL;
	if (kan_posture_read(&text, p, path, &why) < 0 ||
	    kan_json_parse(&doc, kan_buf_bytes(&text), TEXT_MAX, CONFIG_DEPTH, &why) < 0) {
		if (why.code != KAN_ENOTFOUND) {
			kan_posture_unread(p, path, &why);
			return 0;
		}
		return kan_posture_fact(p, "engine.config", KAN_LIT("none"), path, err);
	}
	int rc = settings(p, doc, path, err);
	json_decref(doc);
	return rc;
}

static int all(struct kan_posture *p, struct kan_err *err)
{
	if (process(p, err) < 0 || configuration(p, err) < 0)
		return -1;
	return kan_posture_files(p, err);
}

static int collect(const struct kan_target *target, struct kan_sink *sink, struct kan_err *err)
{
	struct kan_posture p = {.t = target,
				.sink = sink,
				.config = KAN_BUF(VALUE_MAX),
				.socket = KAN_BUF(VALUE_MAX)};
	kan_buf_adds(&p.config, "/etc/docker/daemon.json");
	if (kan_rows_open(&p.facts, sink, "facts.ndjson", err) < 0)
		return -1;
	if (kan_rows_open(&p.files, sink, "files.ndjson", err) < 0) {
		kan_rows_abandon(p.facts);
		return -1;
	}
	p.opener = kan_tree_opener_new();
	int rc = all(&p, err);
	kan_tree_opener_free(p.opener);
	kan_buf_free(&p.config);
	kan_buf_free(&p.socket);
	kan_sink_items(sink, p.items);
	if (rc < 0) {
		kan_rows_abandon(p.facts);
		kan_rows_abandon(p.files);
		return -1;
	}
	rc = kan_rows_close(p.facts, err);
	return kan_rows_close(p.files, rc < 0 ? NULL : err) < 0 ? -1 : rc;
}

extern const struct kan_collector kan_collector_posture;
const struct kan_collector kan_collector_posture = {
	.name = "posture",
	.summary =
		"how engine and host are set up: arguments, configuration, sockets, keys by stat",
	.tier = KAN_TIER_AFTER,
	.needs = KAN_NEEDS_HOST | KAN_NEEDS_ENGINE,
	.limits = limits,
	.artefacts = artefacts,
	.collect = collect,
};
