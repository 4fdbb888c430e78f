/* Stories: findings that share something foreign belong together. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analyze/verdict.h"

enum { KEY_OCTETS = 64 << 10, KEYS_MAX = 1 << 20 };

/* What one finding touches, as text that is equal when the thing is the same. */
struct touch {
	char *key;
	size_t finding;
};
struct weave {
	const struct kan_facts *f;
	struct touch *touches;
	size_t n;
	size_t *parent; /* of each finding: the roots are the stories */
};

static void touch(struct weave *w, size_t finding, const char *what, struct kan_bytes v)
{
	kan_auto_buf struct kan_buf key = KAN_BUF(KEY_OCTETS);
	if (v.n == 0 || w->n == KEYS_MAX)
		return;
	kan_buf_adds(&key, what);
	kan_buf_addb(&key, v);
	if (key.failed)
		return;
	if ((w->n & (w->n - 1)) == 0)
		w->touches = kan_xrealloc(w->touches, w->n ? w->n * 2 : 1, sizeof *w->touches);
	w->touches[w->n++] = (struct touch){kan_xstrdup(kan_buf_str(&key)), finding};
}

static void touch_number(struct weave *w, size_t finding, const char *what, int64_t v)
{
	char text[24];
	(void)snprintf(text, sizeof text, "%lld", (long long)v);
	touch(w, finding, what, kan_bytes_of(text));
}

static void touch_bytes(struct weave *w, size_t finding, const char *what, const json_t *o,
			const char *key)
{
	static const char gone[] = " (deleted)";
	kan_auto_buf struct kan_buf v = KAN_BUF(KEY_OCTETS);
	struct kan_err ignored = {0};
	if (!json_object_get(o, key) || kan_json_bytes(&v, o, key, &ignored) < 0)
		return;
	struct kan_bytes b = kan_buf_bytes(&v);
	const size_t n = sizeof gone - 1;
	if (b.n > n && memcmp(b.p + b.n - n, gone, n) == 0)
		b.n -= n;
	touch(w, finding, what, b);
}

static bool is_foreign(const struct kan_proc *p)
{
	return p->memfd || p->added || p->in_upper || (p->deleted && !p->baseline_same);
}

/* The topmost foreign process that it descends from, itself counted; 0: there is none. */
static int64_t foreign_root(const struct kan_facts *f, int64_t pid)
{
	int64_t root = 0;
	for (size_t steps = 0; steps < KAN_FACTS_PROCS; steps++) {
		const struct kan_proc *p = kan_facts_proc(f, pid);
		if (!p || pid == f->init_pid)
			break;
		if (is_foreign(p))
			root = pid;
		pid = p->ppid;
	}
	return root;
}

static void touch_process(struct weave *w, size_t finding, int64_t pid)
{
	int64_t root = foreign_root(w->f, pid);
	if (pid && pid != w->f->init_pid)
		touch_number(w, finding, "process ", pid);
	if (root)
		touch_number(w, finding, "below ", root);
}

static void touch_digest(struct weave *w, size_t finding, const json_t *o, const char *key)
{
	static const char nothing[] =
		"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
	if (strcmp(kan_json_str(o, key), nothing) != 0)
		touch_bytes(w, finding, "digest ", o, key);
}

/* An endpoint that is not the container itself, nor what every packet of it passes. */
static void touch_endpoint(struct weave *w, size_t finding, const json_t *o)
{
	const char *scope = kan_json_str(o, "peer_scope"), *at = kan_json_str(o, "raddr");
	char text[128];
	if (!*scope || strcmp(scope, "loopback") == 0 || strcmp(scope, "self") == 0 ||
	    strcmp(scope, "gateway") == 0)
		return;
	(void)snprintf(text, sizeof text, "%.64s %lld", at, (long long)kan_get_int(o, "rport", 0));
	touch(w, finding, "endpoint ", kan_bytes_of(text));
}

static void touch_object(struct weave *w, size_t finding, const json_t *o)
{
	const char *kind = kan_json_str(o, "kind");
	const json_t *pid = json_object_get(o, "pid");
	for (size_t i = 0; i < json_array_size(pid); i++)
		touch_process(w, finding, json_integer_value(json_array_get(pid, i)));
	if (json_is_integer(pid))
		touch_process(w, finding, json_integer_value(pid));
	if (strcmp(kind, "process") == 0 && strcmp(kan_json_str(o, "exe_origin"), "image") != 0) {
		touch_digest(w, finding, o, "exe_sha256");
		touch_bytes(w, finding, "file ", o, "exe_link");
	}
	if (strcmp(kind, "socket") == 0)
		touch_endpoint(w, finding, o);
	if (strcmp(kind, "yara") == 0 && strcmp(kan_json_str(o, "what"), "log") != 0) {
		if (!json_object_get(o, "mnt_id") && strcmp(kan_json_str(o, "what"), "file") == 0)
			touch_bytes(w, finding, "file ", o, "file");
		touch_digest(w, finding, o, "sha256");
	}
	if (strcmp(kind, "change") == 0 || strcmp(kind, "mountfile") == 0) {
		if (strcmp(kan_json_str(o, "type"), "dir") != 0)
			touch_bytes(w, finding, "file ", o, "path");
		touch_digest(w, finding, o, "sha256");
	}
}

static size_t root_of(struct weave *w, size_t i)
{
	while (w->parent[i] != i)
		i = w->parent[i] = w->parent[w->parent[i]];
	return i;
}

/* The smaller number is the root, so that a story is named after its heaviest finding. */
static void join(struct weave *w, size_t a, size_t b)
{
	a = root_of(w, a);
	b = root_of(w, b);
	if (a != b)
		w->parent[a > b ? a : b] = a > b ? b : a;
}

static int by_key(const void *a, const void *b)
{
	const struct touch *x = a, *y = b;
	int c = strcmp(x->key, y->key);
	return c ? c : (x->finding > y->finding) - (x->finding < y->finding);
}

/* Findings of one key, in order; a key of too many says nothing of any of them. */
static void join_run(struct weave *w, size_t from, size_t to)
{
	size_t different = 1;
	for (size_t i = from + 1; i < to; i++)
		different += w->touches[i].finding != w->touches[i - 1].finding;
	for (size_t i = from + 1; i < to && different <= KAN_STORY_SHARED; i++)
		join(w, w->touches[i - 1].finding, w->touches[i].finding);
}

static void join_all(struct weave *w)
{
	if (w->n)
		qsort(w->touches, w->n, sizeof *w->touches, by_key);
	for (size_t from = 0, to = 0; from < w->n; from = to) {
		for (to = from + 1; to < w->n; to++)
			if (strcmp(w->touches[to].key, w->touches[from].key) != 0)
				break;
		join_run(w, from, to);
	}
}

static bool is_intrusion(const json_t *finding)
{
	return strcmp(kan_json_str(finding, "class"), "intrusion") == 0;
}

static void add_classes(json_t *to, const json_t *from)
{
	size_t i = 0, k = 0;
	json_t *v = NULL, *had = NULL;
	json_array_foreach ((json_t *)(uintptr_t)from, i, v) {
		bool there = false;
		json_array_foreach (to, k, had)
			there |= json_equal(had, v);
		if (!there)
			json_array_append(to, v);
	}
}

/* Programs of the image in a session that somebody opened with a terminal, and nothing else. */
static bool is_session(const json_t *finding)
{
	size_t i = 0;
	json_t *o = NULL;
	json_array_foreach (json_object_get(finding, "objects"), i, o)
		if (strcmp(kan_json_str(o, "kind"), "process") != 0 ||
		    strcmp(kan_json_str(o, "ancestor"), "exec") != 0 ||
		    strcmp(kan_json_str(o, "exe_origin"), "image") != 0 ||
		    !json_is_true(json_object_get(o, "tty")))
			return false;
	return i > 0;
}

static void tell(json_t *story, const json_t *finding)
{
	json_array_append(json_object_get(story, "findings"), json_object_get(finding, "id"));
	add_classes(json_object_get(story, "classes"), json_object_get(finding, "classes"));
	if (!is_session(finding))
		json_object_set_new(story, "session", json_false());
	const json_t *t = json_object_get(finding, "time_ns");
	const json_t *first = json_object_get(story, "time_ns");
	if (t && (!first || json_integer_value(t) < json_integer_value(first)))
		json_object_set_new(story, "time_ns", json_integer(json_integer_value(t)));
}

static json_t *told(struct weave *w, json_t *findings)
{
	json_t *stories = json_array();
	size_t n = json_array_size(findings);
	size_t *number = kan_xalloc((n + 1) * sizeof *number);
	for (size_t i = 0; i < n; i++) {
		json_t *f = json_array_get(findings, i);
		if (!is_intrusion(f))
			continue;
		size_t root = root_of(w, i);
		if (!number[root]) {
			number[root] = json_array_size(stories) + 1;
			json_array_append_new(stories,
					      json_pack("{s:I,s:s,s:[],s:[],s:b}", "n",
							(json_int_t)number[root], "severity",
							kan_json_str(f, "severity"), "findings",
							"classes", "session", 1));
		}
		tell(json_array_get(stories, number[root] - 1), f);
		json_object_set_new(f, "story", json_integer((json_int_t)number[root]));
	}
	free(number);
	return stories;
}

json_t *kan_stories(json_t *findings, const struct kan_facts *f)
{
	size_t n = json_array_size(findings), k = 0;
	struct weave w = {.f = f, .parent = kan_xalloc((n + 1) * sizeof(size_t))};
	json_t *o = NULL;
	for (size_t i = 0; i < n; i++) {
		json_t *finding = json_array_get(findings, i);
		w.parent[i] = i;
		if (is_intrusion(finding))
			json_array_foreach (json_object_get(finding, "objects"), k, o)
				touch_object(&w, i, o);
	}
	join_all(&w);
	json_t *stories = told(&w, findings);
	for (size_t i = 0; i < w.n; i++)
		free(w.touches[i].key);
	free(w.touches);
	free(w.parent);
	return stories;
}
