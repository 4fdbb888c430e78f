/* Recorded answers, a sink with nobody but us behind it, and what came out. */
#include "replayed.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <fcntl.h>
#include <kanshiki/collector.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"

enum { PATH_OCTETS = 512, ANSWER_OCTETS = 1 << 20 };

static const char bundle_name[] = "20261122t053312z-3f2a9c41d0be-7c1e";

static void copy_file(const char *from, const char *to)
{
	kan_auto_buf struct kan_buf text = KAN_BUF(ANSWER_OCTETS);
	cr_assert_eq(kan_read_file(&text, AT_FDCWD, from, NULL), 0, "%s", from);
	FILE *f = fopen(to, "wxe");
	cr_assert_not_null(f, "%s", to);
	cr_assert_eq(fwrite(kan_buf_str(&text), 1, text.len, f), text.len);
	cr_assert_eq(fclose(f), 0);
}

static void empty(const char *path)
{
	DIR *d = opendir(path);
	char below[PATH_OCTETS];
	for (struct dirent *e; d && (e = readdir(d));) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		(void)snprintf(below, sizeof(below), "%.200s/%.255s", path, e->d_name);
		if (unlink(below) < 0) {
			empty(below);
			(void)rmdir(below);
		}
	}
	if (d)
		(void)closedir(d);
}

/* The id is in the name of the inspect answer: "containers-<64 hex>-json". */
static void take_id(struct replayed *r, const char *name)
{
	if (sscanf(name, "containers-%64[0-9a-f]-json", r->id) == 1 && strlen(r->id) == 64)
		return;
	r->id[0] = 0;
}

struct replayed *replayed_new(const char *name)
{
	char source[PATH_OCTETS], from[PATH_OCTETS], to[PATH_OCTETS];
	struct replayed *r = kan_xalloc(sizeof(*r));
	(void)snprintf(r->top, sizeof(r->top), "/tmp/kan-replayed-XXXXXX");
	cr_assert_not_null(mkdtemp(r->top));
	(void)snprintf(r->answers, sizeof(r->answers), "%s/answers", r->top);
	(void)snprintf(r->bundle, sizeof(r->bundle), "%s/bundle", r->top);
	(void)snprintf(r->host, sizeof(r->host), "replay:%s", r->answers);
	cr_assert_eq(mkdir(r->answers, 0700), 0);
	(void)snprintf(source, sizeof(source), "%s/tests/fixtures/engines/%.64s", KAN_SOURCE, name);
	DIR *d = opendir(source);
	cr_assert_not_null(d, "%s", source);
	for (struct dirent *e; (e = readdir(d));) {
		if (e->d_name[0] == '.')
			continue;
		if (!r->id[0])
			take_id(r, e->d_name);
		(void)snprintf(from, sizeof(from), "%.255s/%.240s", source, e->d_name);
		(void)snprintf(to, sizeof(to), "%s/%.240s", r->answers, e->d_name);
		copy_file(from, to);
	}
	(void)closedir(d);
	cr_assert(r->id[0], "%s has no inspect answer", name);
	return r;
}

void replayed_free(struct replayed *r)
{
	kan_target_free(r->target);
	kan_engine_free(r->engine);
	empty(r->top);
	(void)rmdir(r->top);
	free(r);
}

static void each_state(const char *top, const char *engine, replayed_fn *fn, void *arg, size_t *n)
{
	char path[PATH_OCTETS], name[PATH_OCTETS];
	(void)snprintf(path, sizeof(path), "%.255s/%.64s", top, engine);
	DIR *d = opendir(path);
	for (struct dirent *e; d && (e = readdir(d));) {
		if (e->d_name[0] == '.')
			continue;
		(void)snprintf(name, sizeof(name), "%.64s/%.64s", engine, e->d_name);
		struct replayed *r = replayed_new(name);
		fn(r, name, arg);
		replayed_free(r);
		++*n;
	}
	if (d)
		(void)closedir(d);
}

void replayed_each(replayed_fn *fn, void *arg)
{
	char top[PATH_OCTETS];
	size_t n = 0;
	(void)snprintf(top, sizeof(top), "%s/tests/fixtures/engines", KAN_SOURCE);
	DIR *d = opendir(top);
	cr_assert_not_null(d, "%s", top);
	for (struct dirent *e; (e = readdir(d));)
		if (e->d_name[0] != '.' && e->d_type != DT_REG)
			each_state(top, e->d_name, fn, arg, &n);
	(void)closedir(d);
	cr_assert_geq(n, 12, "only %zu recorded states", n);
}

/* "containers-ID-json" and "images-IMAGE-json": the one file that is named so. */
static void path_of(char out[PATH_OCTETS], const struct replayed *r, const char *name)
{
	const char *image = strstr(name, "IMAGE"), *id = strstr(name, "ID");
	if (!image && !id) {
		(void)snprintf(out, PATH_OCTETS, "%s/%.128s", r->answers, name);
		return;
	}
	const char *at = image ? image : id, *rest = at + (image ? 5 : 2);
	if (!image) {
		(void)snprintf(out, PATH_OCTETS, "%s/%.*s%s%s", r->answers, (int)(at - name), name,
			       r->id, rest);
		return;
	}
	size_t n = strlen(rest);
	DIR *d = opendir(r->answers);
	for (struct dirent *e; d && (e = readdir(d));) {
		size_t len = strlen(e->d_name);
		if (strncmp(e->d_name, "images-", 7) == 0 && len > n &&
		    strcmp(e->d_name + len - n, rest) == 0)
			(void)snprintf(out, PATH_OCTETS, "%s/%.200s", r->answers, e->d_name);
	}
	if (d)
		(void)closedir(d);
}

static void write_text(const char *path, const char *text)
{
	FILE *f = fopen(path, "we");
	cr_assert_not_null(f, "%s", path);
	(void)fputs(text, f);
	cr_assert_eq(fclose(f), 0);
}

void replayed_put(struct replayed *r, const char *name, const char *text)
{
	char path[PATH_OCTETS] = "";
	path_of(path, r, name);
	write_text(path, text);
}

void replayed_remove(struct replayed *r, const char *name)
{
	char path[PATH_OCTETS] = "";
	path_of(path, r, name);
	cr_assert_eq(unlink(path), 0, "%s", path);
}

static void beside(struct replayed *r, const char *name, const char *suffix, const char *text)
{
	char path[PATH_OCTETS] = "", file[PATH_OCTETS + 16];
	path_of(path, r, name);
	(void)snprintf(file, sizeof(file), "%s%s", path, suffix);
	write_text(file, text);
}

void replayed_status(struct replayed *r, const char *name, int status)
{
	char text[16];
	(void)snprintf(text, sizeof(text), "%d\n", status);
	beside(r, name, ".status", text);
}

void replayed_cut(struct replayed *r, const char *name)
{
	beside(r, name, ".cut", "");
}

struct kan_buf replayed_answer(const struct replayed *r, const char *name)
{
	char path[PATH_OCTETS] = "";
	struct kan_buf text = KAN_BUF(ANSWER_OCTETS);
	path_of(path, r, name);
	cr_assert_eq(kan_read_file(&text, AT_FDCWD, path, NULL), 0, "%s", path);
	return text;
}

int replayed_open(struct replayed *r, struct kan_err *err)
{
	if (kan_engine_open(&r->engine, r->host, err) < 0)
		return -1;
	return kan_target_open(&r->target, r->engine, r->id, &r->policy, err);
}

static void *listen_all(void *arg)
{
	struct replayed *r = arg;
	struct kan_msg m;
	while (recv(r->channel[0], &m, sizeof(m), 0) == (ssize_t)sizeof(m)) {
		cr_assert(kan_msg_ok(&m, sizeof(m)));
		cr_assert_lt(r->n, REPLAYED_WORDS);
		r->words[r->n++] = m;
		struct kan_msg go = {.type = KAN_MSG_GO};
		if (m.type == KAN_MSG_READY)
			cr_assert_eq(send(r->channel[0], &go, sizeof(go), MSG_NOSIGNAL),
				     (ssize_t)sizeof(go));
	}
	return NULL;
}

static const struct kan_collector *find(const char *name)
{
	for (const struct kan_collector *const *c = kan_collectors; *c; c++)
		if (strcmp((*c)->name, name) == 0)
			return *c;
	cr_assert_fail("no collector %s", name);
	return NULL;
}

int replayed_collect(struct replayed *r, const char *collector)
{
	struct kan_window window = {0};
	struct kan_sink *sink = NULL;
	struct kan_err err = {0};
	r->collector = find(collector);
	r->n = 0;
	empty(r->bundle);
	(void)mkdir(r->bundle, 0700);
	int bundle = open(r->bundle, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cr_assert_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, r->channel), 0);
	struct kan_sink_opts o = {.bundle_fd = bundle,
				  .channel = r->channel[1],
				  .collector = collector,
				  .bundle = bundle_name,
				  .window = &window,
				  .artefacts = r->collector->artefacts};
	cr_assert_eq(kan_sink_new(&sink, &o, &err), 0, "%s", err.text);
	kan_engine_watch(r->engine, kan_sink_request, sink);
	cr_assert_eq(pthread_create(&r->listener, NULL, listen_all, r), 0);
	int rc = r->collector->collect(r->target, sink, &err);
	cr_expect_not(kan_sink_failed(sink));
	kan_engine_watch(r->engine, NULL, NULL);
	kan_sink_free(sink);
	(void)shutdown(r->channel[1], SHUT_WR);
	(void)pthread_join(r->listener, NULL);
	(void)close(r->channel[0]);
	(void)close(r->channel[1]);
	(void)close(bundle);
	return rc;
}

static void artefact_path(char out[PATH_OCTETS], const struct replayed *r, const char *artefact)
{
	(void)snprintf(out, PATH_OCTETS, "%s/data/%s/%.200s", r->bundle, r->collector->name,
		       artefact);
}

bool replayed_has(const struct replayed *r, const char *artefact)
{
	char path[PATH_OCTETS];
	artefact_path(path, r, artefact);
	return access(path, F_OK) == 0;
}

struct kan_buf replayed_artefact(const struct replayed *r, const char *artefact)
{
	char path[PATH_OCTETS];
	struct kan_buf text = KAN_BUF(ANSWER_OCTETS);
	artefact_path(path, r, artefact);
	cr_assert_eq(kan_read_file(&text, AT_FDCWD, path, NULL), 0, "%s", path);
	return text;
}

size_t replayed_count(const struct replayed *r, enum kan_msg_type type)
{
	size_t n = 0;
	for (size_t i = 0; i < r->n; i++)
		n += r->words[i].type == type;
	return n;
}

const struct kan_msg *replayed_word(const struct replayed *r, enum kan_msg_type type,
				    const char *what, int code)
{
	for (size_t i = 0; i < r->n; i++) {
		const struct kan_msg *m = &r->words[i];
		if (m->type == type && strcmp(m->what, what) == 0 &&
		    (code < 0 || m->code == (uint32_t)code))
			return m;
	}
	return NULL;
}
