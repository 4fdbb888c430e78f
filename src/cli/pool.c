/* Children that read bundles: batch after batch, as many at once as there are processors. */
#include "cli/pool.h"

#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/row.h"
#include "base/sandbox.h"
#include "cli/box.h"
#include "cli/cmd.h"

enum { CHILDREN = 8, PIECE = 64 << 10, KEPT = 64 << 20 };

struct child {
	pid_t pid; /* 0: none */
	int end;
	struct kan_buf text; /* of the line that comes */
	size_t from, to;
};
struct run {
	const struct kan_pool *pool;
	struct child children[CHILDREN];
	size_t n_children;
	bool told;
};

static bool put(int to, json_t *answer)
{
	kan_auto_buf struct kan_buf line = KAN_BUF(KAN_POOL_ANSWER);
	bool good = kan_json_line(&line, answer, false, NULL) == 0 &&
		    kan_write_all(to, line.data, line.len, NULL) == 0;
	json_decref(answer);
	return good;
}

/* The sandbox's state first, then a line each. */
_Noreturn static void read_them(int to, const struct kan_pool *pool, size_t from, size_t end)
{
	struct kan_err err = {0};
	struct kan_sandbox_state state = {0};
	static const char *const nothing[] = {NULL};
	/* The buffers of one artefact are those of the next: not given back to the kernel between.
	 */
	(void)mallopt(M_MMAP_THRESHOLD, KEPT / 2);
	(void)mallopt(M_TRIM_THRESHOLD, KEPT);
	if (!kan_sandbox_close_others(to, STDERR_FILENO) ||
	    kan_sandbox_reader(&state, pool->readable, nothing, &err) < 0 ||
	    !put(to, kan_box_json(&state)))
		_exit(1);
	for (size_t i = from; i < end; i++)
		if (!put(to, pool->work(i, pool->arg)))
			_exit(1);
	_exit(0);
}

static int start(struct child *c, const struct kan_pool *pool, size_t from, size_t to,
		 struct kan_err *err)
{
	(void)fflush(NULL);
	*c = (struct child){.end = -1, .from = from, .to = to, .text = KAN_BUF(KAN_POOL_ANSWER)};
	if (kan_sandbox_fork(&c->pid, &c->end, err) < 0) {
		c->pid = 0;
		return -1;
	}
	if (c->pid == 0)
		read_them(c->end, pool, from, to);
	return 0;
}

/* How it ended by itself; or it is ended. */
static void end_child(char why[64], struct child *c)
{
	int status = 0;
	if (!c->pid)
		return;
	kan_auto_close_fn(&c->end);
	(void)kill(c->pid, SIGKILL);
	while (waitpid(c->pid, &status, 0) < 0 && errno == EINTR)
		;
	if (why)
		(void)snprintf(why, 64, "its reader ended (%s %d)",
			       WIFSIGNALED(status) ? "signal" : "status",
			       WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
	kan_buf_free(&c->text);
	c->pid = 0;
	c->end = -1;
}

/* false: there is no more of it, or it is no answer. */
static bool next_answer(json_t **out, struct child *c)
{
	uint8_t piece[PIECE];
	const uint8_t *lf = c->text.len ? memchr(c->text.data, '\n', c->text.len) : NULL;
	while (!lf) {
		ssize_t n = read(c->end, piece, sizeof piece);
		size_t had = c->text.len;
		if (n < 0 && errno == EINTR)
			continue;
		if (n > 0)
			kan_buf_add(&c->text, piece, (size_t)n);
		if (n <= 0 || c->text.failed)
			return false;
		lf = memchr(c->text.data + had, '\n', (size_t)n);
	}
	size_t n = (size_t)(lf - c->text.data);
	bool good = kan_json_parse(out, (struct kan_bytes){c->text.data, n}, KAN_POOL_ANSWER,
				   KAN_POOL_DEPTH, NULL) == 0;
	memmove(c->text.data, lf + 1, c->text.len - n - 1);
	c->text.len -= n + 1;
	return good;
}

static void say_once(struct run *r, const json_t *box)
{
	const struct kan_sandbox_state state = {
		.no_new_privs = json_is_true(json_object_get(box, "no_new_privs")),
		.landlock = json_is_true(json_object_get(box, "landlock")),
		.seccomp = json_is_true(json_object_get(box, "seccomp")),
	};
	if (!r->told)
		kan_say_box(&state);
	r->told = true;
}

/* One that ends before its work is done costs the bundle it was at, and no other. */
static int take_batch(struct run *r, struct child *c, struct kan_err *err)
{
	const struct kan_pool *pool = r->pool;
	json_t *answer = NULL;
	char why[64] = "";
	bool alive = next_answer(&answer, c);
	if (alive)
		say_once(r, answer);
	json_decref(answer);
	for (size_t i = c->from, end = c->to; i < end; i++) {
		answer = NULL;
		if (alive && next_answer(&answer, c)) {
			pool->take(i, answer, NULL, pool->arg);
			json_decref(answer);
			continue;
		}
		end_child(why, c);
		pool->take(i, NULL, why, pool->arg);
		if (i + 1 < end && start(c, pool, i + 1, end, err) < 0)
			return -1;
		answer = NULL;
		alive = i + 1 < end && next_answer(&answer, c);
		json_decref(answer);
	}
	end_child(NULL, c);
	return 0;
}

static int start_batch(struct run *r, size_t batch, struct kan_err *err)
{
	size_t from = batch * KAN_POOL_BATCH, left = r->pool->n - from;
	return start(&r->children[batch % r->n_children], r->pool, from,
		     from + (left < KAN_POOL_BATCH ? left : KAN_POOL_BATCH), err);
}

int kan_pool_run(const struct kan_pool *pool, struct kan_err *err)
{
	struct run r = {.pool = pool};
	long processors = sysconf(_SC_NPROCESSORS_ONLN);
	size_t batches = (pool->n + KAN_POOL_BATCH - 1) / KAN_POOL_BATCH, started = 0;
	r.n_children = processors < 1 ? 1 : processors > CHILDREN ? CHILDREN : (size_t)processors;
	int rc = 0;
	for (size_t batch = 0; rc == 0 && batch < batches; batch++) {
		while (rc == 0 && started < batches && started < batch + r.n_children)
			rc = start_batch(&r, started++, err);
		if (rc == 0)
			rc = take_batch(&r, &r.children[batch % r.n_children], err);
	}
	for (size_t i = 0; i < r.n_children; i++)
		end_child(NULL, &r.children[i]);
	return rc;
}

struct one {
	json_t *answer;
	char why[64];
};

struct question {
	json_t *(*work)(size_t i, void *arg);
	void *arg;
	struct one *to;
};

static json_t *ask(size_t i, void *arg)
{
	const struct question *q = arg;
	return q->work(i, q->arg);
}

static void keep(size_t i, const json_t *answer, const char *why, void *arg)
{
	const struct question *q = arg;
	(void)i;
	q->to->answer = json_incref((json_t *)(uintptr_t)answer);
	(void)snprintf(q->to->why, sizeof q->to->why, "%s", why ? why : "");
}

int kan_pool_ask(json_t **out, const char *readable, json_t *(*work)(size_t i, void *arg),
		 void *arg, struct kan_err *err)
{
	struct one one = {NULL, ""};
	struct question q = {work, arg, &one};
	const char *paths[] = {readable, NULL};
	const struct kan_pool pool = {1, paths, ask, keep, &q};
	if (kan_pool_run(&pool, err) < 0)
		return -1;
	if (!one.answer)
		return kan_fail(err, KAN_ELIMIT, "%s: %s", readable, one.why);
	*out = one.answer;
	return 0;
}
