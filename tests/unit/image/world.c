/* The world of a test: layers, overlay, sink. */
#include "world.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <kanshiki/collector.h>
#include <kanshiki/sink.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/row.h"
#include "evidence/channel.h"

static const char *ran; /* the collector that ran last */

static int shell(const char *cwd, const char *command, int out)
{
	pid_t pid = fork();
	if (pid == 0) {
		if (out >= 0)
			(void)dup2(out, 1);
		if (chdir(cwd) == 0)
			(void)execl("/bin/bash", "bash", "-euc", command, (char *)NULL);
		_exit(127);
	}
	int status = 0;
	(void)waitpid(pid, &status, 0);
	return status;
}

struct world *world_new(size_t layers)
{
	struct world *w = kan_xalloc(sizeof(*w));
	(void)snprintf(w->top, sizeof(w->top), "/tmp/kan-image-XXXXXX");
	cr_assert_not_null(mkdtemp(w->top));
	w->layers = layers;
	for (size_t i = 0; i < layers; i++) {
		(void)snprintf(w->lower[i], sizeof(w->lower[i]), "%s/l%zu", w->top, i);
		cr_assert_eq(mkdir(w->lower[i], 0755), 0);
	}
	(void)snprintf(w->upper, sizeof(w->upper), "%s/upper", w->top);
	(void)snprintf(w->merged, sizeof(w->merged), "%s/m", w->top);
	(void)snprintf(w->bundle, sizeof(w->bundle), "%s/bundle", w->top);
	world_sh(w, "mkdir upper work m bundle");
	struct kan_target *t = &w->target;
	*t = (struct kan_target){.proc_fd = -1,
				 .pid_fd = -1,
				 .pid_dir = -1,
				 .root_fd = -1,
				 .space_fd = -1,
				 .engine_root_fd = -1,
				 .data_root_fd = -1,
				 .upper_fd = -1,
				 .policy = &w->policy};
	w->policy.image_full = true;
	return w;
}

static int dir_fd(const char *path)
{
	int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	cr_assert_geq(fd, 0, "%s", path);
	return fd;
}

void world_mount(struct world *w, const char *options)
{
	char data[1024], *at = data;
	cr_assert_eq(unshare(CLONE_NEWNS), 0, "root is needed");
	cr_assert_eq(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	at += sprintf(at, "lowerdir=");
	struct kan_target *t = &w->target;
	t->lowers = kan_xalloc(w->layers * sizeof(*t->lowers));
	t->n_lowers = w->layers;
	for (size_t i = 0; i < w->layers; i++) {
		const char *path = w->lower[w->layers - 1 - i];
		at += sprintf(at, "%s%s", i ? ":" : "", path);
		t->lowers[i] = (struct kan_layer){.fd = dir_fd(path), .path = kan_xstrdup(path)};
	}
	sprintf(at, ",upperdir=%s,workdir=%s/work%s", w->upper, w->top, options);
	cr_assert_eq(mount("overlay", w->merged, "overlay", 0, data), 0, "%s", data);
	t->upper_fd = dir_fd(w->upper);
	t->root_fd = dir_fd(w->merged);
}

void world_unmount(struct world *w)
{
	if (w->target.root_fd >= 0)
		(void)close(w->target.root_fd);
	w->target.root_fd = -1;
	(void)umount2(w->merged, MNT_DETACH);
}

void world_sh(struct world *w, const char *fmt, ...)
{
	char command[16384];
	va_list ap;
	va_start(ap, fmt);
	(void)vsnprintf(command, sizeof(command), fmt, ap);
	va_end(ap);
	cr_assert_eq(shell(w->top, command, -1), 0, "%s", command);
}

char *world_line(struct world *w, const char *fmt, ...)
{
	char command[16384], line[4096] = "";
	int pipefd[2];
	va_list ap;
	va_start(ap, fmt);
	(void)vsnprintf(command, sizeof(command), fmt, ap);
	va_end(ap);
	cr_assert_eq(pipe2(pipefd, O_CLOEXEC), 0);
	int status = shell(w->top, command, pipefd[1]);
	(void)close(pipefd[1]);
	cr_assert_eq(status, 0, "%s", command);
	ssize_t n = read(pipefd[0], line, sizeof(line) - 1);
	(void)close(pipefd[0]);
	line[n > 0 ? n : 0] = 0;
	line[strcspn(line, "\n")] = 0;
	return kan_xstrdup(line);
}

static void *listen_all(void *arg)
{
	struct world *w = arg;
	struct kan_msg m;
	while (recv(w->channel[0], &m, sizeof(m), 0) > 0) {
		if (m.type == KAN_MSG_READY) {
			w->window_entries = m.n[0];
			w->window_bytes = m.n[1];
			struct kan_msg go = {.type = KAN_MSG_GO, .n = {w->frozen}};
			(void)send(w->channel[0], &go, sizeof(go), 0);
		}
		w->breaks += m.type == KAN_MSG_BREAK;
		bool word =
			m.type == KAN_MSG_GAP || m.type == KAN_MSG_LIMIT || m.type == KAN_MSG_SCOPE;
		if (!word || w->n_gaps == WORLD_GAPS)
			continue;
		struct world_gap *g = &w->gaps[w->n_gaps++];
		g->type = m.type;
		g->code = m.code;
		(void)snprintf(g->what, sizeof(g->what), "%.255s", m.what);
		(void)snprintf(g->why, sizeof(g->why), "%.255s", m.why);
	}
	return NULL;
}

int world_collect(struct world *w, const struct kan_collector *c)
{
	struct kan_window window = {.frozen = w->frozen};
	struct kan_sink *sink = NULL;
	struct kan_err err = {0};
	int bundle = open(w->bundle, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cr_assert_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, w->channel), 0);
	struct kan_sink_opts o = {.bundle_fd = bundle,
				  .channel = w->channel[1],
				  .collector = c->name,
				  .bundle = "20261122t053312z-3f2a9c41d0be-7c1e",
				  .window = &window,
				  .artefacts = c->artefacts};
	cr_assert_eq(kan_sink_new(&sink, &o, &err), 0);
	cr_assert_eq(pthread_create(&w->listener, NULL, listen_all, w), 0);
	int rc = c->collect(&w->target, sink, &err);
	if (rc < 0)
		cr_log_warn("%s: %s", c->name, err.text);
	kan_sink_free(sink);
	(void)shutdown(w->channel[1], SHUT_RDWR);
	(void)pthread_join(w->listener, NULL);
	(void)close(w->channel[0]);
	(void)close(w->channel[1]);
	(void)close(bundle);
	ran = c->name;
	return rc;
}

json_t *world_rows(struct world *w, const char *artefact)
{
	char path[256], *line = NULL;
	size_t cap = 0;
	struct kan_err err = {0};
	(void)snprintf(path, sizeof(path), "%s/data/%s/%s", w->bundle, ran, artefact);
	FILE *f = fopen(path, "re");
	cr_assert_not_null(f, "%s", path);
	json_t *rows = json_array();
	for (ssize_t n = getline(&line, &cap, f), first = 1; n > 0;
	     n = getline(&line, &cap, f), first = 0) {
		json_t *row = NULL;
		cr_assert_eq(kan_row_parse(&row, (struct kan_bytes){(uint8_t *)line, (size_t)n - 1},
					   &err),
			     0, "%s: %s", err.text, line);
		if (first)
			json_decref(row);
		else
			json_array_append_new(rows, row);
	}
	free(line);
	(void)fclose(f);
	return rows;
}

const json_t *world_row(const json_t *rows, const char *path)
{
	size_t i = 0;
	const json_t *row = NULL;
	json_array_foreach (rows, i, row) {
		struct kan_buf b = KAN_BUF(1 << 20);
		bool same = kan_json_bytes(&b, row, "path", NULL) == 0 &&
			    kan_bytes_eq(kan_buf_bytes(&b), kan_bytes_of(path));
		kan_buf_free(&b);
		if (same)
			return row;
	}
	return NULL;
}

const char *world_str(const json_t *row, const char *key)
{
	const char *dot = strchr(key, '.');
	char head[64];
	if (dot) {
		(void)snprintf(head, sizeof(head), "%.*s", (int)(dot - key), key);
		return world_str(json_object_get(row, head), dot + 1);
	}
	const char *s = json_string_value(json_object_get(row, key));
	return s ? s : "";
}

const struct world_gap *world_gap(const struct world *w, const char *what, unsigned code)
{
	for (size_t i = 0; i < w->n_gaps; i++)
		if (strcmp(w->gaps[i].what, what) == 0 && w->gaps[i].code == code)
			return &w->gaps[i];
	return NULL;
}

void world_free(struct world *w)
{
	world_unmount(w);
	struct kan_target *t = &w->target;
	for (size_t i = 0; i < t->n_lowers; i++) {
		(void)close(t->lowers[i].fd);
		free(t->lowers[i].path);
	}
	free(t->lowers);
	if (t->upper_fd >= 0)
		(void)close(t->upper_fd);
	(void)shell("/", "true", -1);
	world_sh(w, "chattr -R -f -i -a . || true; rm -rf '%s'", w->top);
	free(w);
}
