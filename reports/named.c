/* Which finding names a file or a process: a sorted table, because there may be very many rows. */
#include <stdlib.h>
#include <string.h>

#include "base/row.h"
#include "reports/moments.h"

enum { NAME_MAX_OCTETS = 128 << 10 };

struct name {
	uint8_t *text; /* owned; NULL: a pid */
	size_t n;
	int64_t pid;
	const json_t *finding;
};
struct kan_named {
	struct name *names;
	size_t n;
};

static int compare(const struct name *a, const struct name *b)
{
	if ((a->text == NULL) != (b->text == NULL))
		return a->text ? 1 : -1;
	if (!a->text)
		return (a->pid > b->pid) - (a->pid < b->pid);
	size_t n = a->n < b->n ? a->n : b->n;
	int c = n ? memcmp(a->text, b->text, n) : 0;
	return c ? c : (a->n > b->n) - (a->n < b->n);
}

/* Of equal names the gravest finding, which has the lowest number, comes first. */
static int by_name(const void *a, const void *b)
{
	const struct name *x = a, *y = b;
	int c = compare(x, y);
	int64_t p = kan_json_int(x->finding, "n"), q = kan_json_int(y->finding, "n");
	return c ? c : (p > q) - (p < q);
}

static struct name *more(struct kan_named *t, const json_t *finding)
{
	if ((t->n & (t->n - 1)) == 0)
		t->names = kan_xrealloc(t->names, t->n ? t->n * 2 : 1, sizeof *t->names);
	struct name *name = &t->names[t->n++];
	*name = (struct name){.finding = finding};
	return name;
}

static void add(struct kan_named *t, const json_t *finding, const json_t *object)
{
	const char *kind = kan_json_str(object, "kind");
	kan_auto_buf struct kan_buf path = KAN_BUF(NAME_MAX_OCTETS);
	struct kan_err ignored = {0};
	if (strcmp(kind, "process") == 0) {
		more(t, finding)->pid = kan_json_int(object, "pid");
	} else if (strcmp(kind, "change") == 0 &&
		   kan_json_bytes(&path, object, "path", &ignored) == 0 && path.len) {
		struct name *name = more(t, finding);
		name->n = path.len;
		name->text = kan_take_ptr(path.data);
	}
}

struct kan_named *kan_named_new(const struct kan_model *m)
{
	struct kan_named *t = kan_xalloc(sizeof *t);
	size_t i = 0, k = 0;
	json_t *f = NULL, *o = NULL;
	json_array_foreach (json_object_get(m->doc, "findings"), i, f)
		json_array_foreach (json_object_get(f, "objects"), k, o)
			add(t, f, o);
	if (t->n)
		qsort(t->names, t->n, sizeof *t->names, by_name);
	return t;
}

void kan_named_free(struct kan_named *t)
{
	for (size_t i = 0; i < t->n; i++)
		free(t->names[i].text);
	free(t->names);
	free(t);
}

static const json_t *find(const struct kan_named *t, const struct name *wanted)
{
	size_t low = 0, high = t->n;
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (compare(&t->names[mid], wanted) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low < t->n && compare(&t->names[low], wanted) == 0 ? t->names[low].finding : NULL;
}

const json_t *kan_named_path(const struct kan_named *t, struct kan_bytes path)
{
	struct name wanted = {.text = (uint8_t *)(uintptr_t)path.p, .n = path.n};
	return path.n ? find(t, &wanted) : NULL;
}

const json_t *kan_named_pid(const struct kan_named *t, int64_t pid)
{
	return find(t, &(struct name){.pid = pid});
}
