/* Two inventories: the packages of the image as shipped, and of the container as found. */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analyze/analyze.h"
#include "analyze/facts.h"
#include "analyze/packages.h"
#include "image/pkg_rpm.h"

enum { KEY_OCTETS = 16 << 10, ROWS_MAX = 20000, OS_LINE = 1024 };

static bool same_package(const struct kan_pkg_package *a, const struct kan_pkg_package *b)
{
	return kan_bytes_eq(a->name, b->name) && kan_bytes_eq(a->arch, b->arch);
}

static const struct kan_pkg_package *named(const struct kan_pkg_index *x,
					   const struct kan_pkg_package *of)
{
	kan_auto_buf struct kan_buf key = KAN_BUF(KEY_OCTETS);
	kan_buf_addb(&key, of->name);
	kan_buf_addc(&key, ':');
	kan_buf_addb(&key, of->arch);
	const struct kan_pkg_package *p = kan_pkg_index_named(x, kan_buf_bytes(&key));
	return p && same_package(p, of) ? p : NULL;
}

const struct kan_pkg_package *kan_packages_found(const struct kan_packages *p,
						 const struct kan_pkg_package *of)
{
	const struct kan_pkg_package *found = named(p->found, of), *image = NULL;
	if (found)
		return found;
	image = named(p->image, of);
	return image && !kan_packages_touched(p, image->file) ? image : NULL;
}

/* Not rpm writes a log, but most of what runs it; apk does since 3.0, and may be told not to. Where
 * none of theirs was touched, none of them is known to be there. */
static bool keeps_log(const struct kan_packages *p, const char *manager)
{
	enum kan_pkg_log_of of = kan_pkg_log_manager(manager);
	if (of == KAN_PKG_LOG_NONE || of == KAN_PKG_LOG_DPKG)
		return of == KAN_PKG_LOG_DPKG;
	for (const char *const *path = kan_pkg_log_paths(of); *path; path++) {
		size_t at = kan_pkg_paths_find(p->wanted, kan_bytes_of(*path));
		if (at != KAN_PKG_NOWHERE && kan_pkg_paths_value(p->wanted, at).p[0] != '-')
			return true;
	}
	return false;
}

bool kan_packages_logged(const struct kan_packages *p, const struct kan_pkg_package *of)
{
	const struct kan_pkg_package *found = kan_packages_found(p, of);
	const struct kan_pkg_log *log = p->logs[kan_pkg_log_manager(of->manager)];
	struct kan_bytes none = {0};
	if (!log)
		return false;
	return kan_pkg_log_says(log, of->name, of->arch,
				found ? found->state : KAN_LIT("not-installed"),
				found && found->installed ? found->version : none);
}

/* The packages of one side whose files are in place, sorted. */
struct side {
	const struct kan_pkg_package **at;
	size_t n;
};

static void take(struct side *s, const struct kan_pkg_package *p)
{
	if ((s->n & (s->n - 1)) == 0)
		s->at = kan_xrealloc(s->at, s->n ? s->n * 2 : 1, sizeof(*s->at));
	s->at[s->n++] = p;
}

static int by_name(const void *a, const void *b)
{
	const struct kan_pkg_package *x = *(const struct kan_pkg_package *const *)a;
	const struct kan_pkg_package *y = *(const struct kan_pkg_package *const *)b;
	int c = kan_bytes_cmp(x->name, y->name);
	if (c == 0)
		c = kan_bytes_cmp(x->arch, y->arch);
	return c ? c : kan_bytes_cmp(x->version, y->version);
}

static struct side side_of(const struct kan_packages *p, bool container)
{
	struct side s = {NULL, 0};
	for (size_t i = 0; i < kan_pkg_index_packages(p->image); i++) {
		const struct kan_pkg_package *x = kan_pkg_index_package(p->image, i);
		if (x->installed && (!container || !kan_packages_touched(p, x->file)))
			take(&s, x);
	}
	for (size_t i = 0; container && i < kan_pkg_index_packages(p->found); i++)
		if (kan_pkg_index_package(p->found, i)->installed)
			take(&s, kan_pkg_index_package(p->found, i));
	if (s.n)
		qsort(s.at, s.n, sizeof(*s.at), by_name);
	return s;
}

static const char *change_of(const struct kan_packages_pair *pair)
{
	if (!pair->image)
		return "installed";
	if (!pair->found)
		return "removed";
	if (kan_bytes_eq(pair->image->version, pair->found->version))
		return NULL;
	if (strcmp(pair->found->manager, "apk") == 0)
		return "changed"; /* it orders versions in another way */
	bool rpm = strcmp(pair->found->manager, "rpm") == 0;
	struct kan_bytes now = pair->found->version, was = pair->image->version;
	int c = rpm ? kan_pkg_rpm_version_cmp(now, was) : kan_pkg_version_cmp(now, was);
	return c < 0 ? "downgraded" : "upgraded";
}

/* Is what a side has not, known not to be there? */
static bool known_absent(enum kan_packages_state side)
{
	return side == KAN_PACKAGES_WHOLE || side == KAN_PACKAGES_NONE;
}

static void judge(struct kan_packages_pair *pair, const struct kan_packages *p)
{
	const struct kan_pkg_package *of = pair->found ? pair->found : pair->image;
	assert(of); /* a pair has a side */
	pair->unsure = (!pair->image && !known_absent(p->state)) ||
		       (!pair->found && !known_absent(p->found_state));
	pair->change = pair->unsure ? NULL : change_of(pair);
	pair->logged = -1;
	if (pair->change && keeps_log(p, of->manager))
		pair->logged = kan_packages_logged(p, of);
}

/* Is it there in several versions, as kernels and keys are with rpm? */
static bool several(const struct side *s, size_t i)
{
	return (i > 0 && same_package(s->at[i - 1], s->at[i])) ||
	       (i + 1 < s->n && same_package(s->at[i], s->at[i + 1]));
}

/* Both sorted lists in one pass. */
static int merge(const struct kan_packages *p, const struct side *a, const struct side *b,
		 kan_packages_pair_fn *fn, void *arg, struct kan_err *err)
{
	size_t i = 0, k = 0;
	while (i < a->n || k < b->n) {
		struct kan_packages_pair pair = {0};
		const struct kan_pkg_package *x = i < a->n ? a->at[i] : NULL,
					     *y = k < b->n ? b->at[k] : NULL;
		int c = !x ? 1 : !y ? -1 : kan_bytes_cmp(x->name, y->name);
		if (c == 0)
			c = kan_bytes_cmp(x->arch, y->arch);
		if (c == 0 && (several(a, i) || several(b, k)))
			c = kan_bytes_cmp(x->version, y->version);
		pair.image = c <= 0 ? x : NULL;
		pair.found = c >= 0 ? y : NULL;
		i += c <= 0;
		k += c >= 0;
		judge(&pair, p);
		if (fn(&pair, arg, err) < 0)
			return -1;
	}
	return 0;
}

int kan_packages_pairs(const struct kan_packages *p, kan_packages_pair_fn *fn, void *arg,
		       struct kan_err *err)
{
	struct side a = side_of(p, false), b = {NULL, 0};
	int rc = 0;
	if (p->found_state != KAN_PACKAGES_UNKNOWN) {
		b = side_of(p, true);
		rc = merge(p, &a, &b, fn, arg, err);
	}
	for (size_t i = 0; p->found_state == KAN_PACKAGES_UNKNOWN && i < a.n && rc == 0; i++) {
		struct kan_packages_pair pair = {.image = a.at[i], .unsure = true, .logged = -1};
		rc = fn(&pair, arg, err);
	}
	free(a.at);
	free(b.at);
	return rc;
}

static void set(json_t *o, const char *key, struct kan_bytes v)
{
	if (v.n)
		kan_json_set_bytes(o, key, v);
}

static json_t *version_of(const struct kan_pkg_package *x)
{
	json_t *o = json_object();
	set(o, "version", x->version);
	set(o, "source", x->source);
	set(o, "source_version", x->source_version);
	return o;
}

static json_t *row_of(const struct kan_packages_pair *pair)
{
	const struct kan_pkg_package *any = pair->image ? pair->image : pair->found;
	assert(any);
	json_t *o = json_object();
	set(o, "name", any->name);
	set(o, "arch", any->arch);
	json_object_set_new(o, "manager", json_string(any->manager));
	if (pair->image)
		json_object_set_new(o, "image", version_of(pair->image));
	if ((pair->change || pair->unsure) && pair->found)
		json_object_set_new(o, "container", version_of(pair->found));
	if (pair->change)
		json_object_set_new(o, "change", json_string(pair->change));
	if (pair->change)
		json_object_set_new(o, "logged",
				    pair->logged < 0 ? json_null() : json_boolean(pair->logged));
	if (pair->unsure)
		json_object_set_new(o, "unsure", json_true());
	return o;
}

struct rows {
	const struct kan_packages *p;
	int (*fn)(const json_t *row, uint64_t line, void *arg, struct kan_err *err);
	void *arg;
	uint64_t line;
	json_t *list, *changes;
	uint64_t left_out, left_image, left_found, n_image, n_found;
};

static int hand_row(const struct kan_packages_pair *pair, void *arg, struct kan_err *err)
{
	struct rows *r = arg;
	json_t *o = row_of(pair);
	if (pair->unsure)
		json_object_set_new(o, "change", json_null());
	if (pair->unsure)
		json_object_set_new(o, "logged", json_null());
	int rc = r->fn(o, r->line++, r->arg, err);
	json_decref(o);
	return rc;
}

int kan_packages_rows(const struct kan_facts *f,
		      int (*fn)(const json_t *row, uint64_t line, void *arg, struct kan_err *err),
		      void *arg, struct kan_err *err)
{
	struct rows r = {.p = f->packages, .fn = fn, .arg = arg, .line = 2};
	return kan_packages_pairs(f->packages, hand_row, &r, err);
}

static int list_row(const struct kan_packages_pair *pair, void *arg, struct kan_err *err)
{
	struct rows *r = arg;
	(void)err;
	r->n_image += pair->image != NULL;
	r->n_found += pair->found != NULL;
	if (pair->change) {
		json_int_t n = json_integer_value(json_object_get(r->changes, pair->change));
		json_object_set_new(r->changes, pair->change, json_integer(n + 1));
	}
	if (json_array_size(r->list) < ROWS_MAX) {
		json_array_append_new(r->list, row_of(pair));
		return 0;
	}
	r->left_out++;
	r->left_image += pair->image != NULL;
	r->left_found += pair->found != NULL;
	return 0;
}

static json_t *state_of(enum kan_packages_state state, const char *why, uint64_t count)
{
	static const char *const words[] = {"unknown", "none", "cut", "whole"};
	json_t *o = json_pack("{s:s}", "state", words[state]);
	if (state == KAN_PACKAGES_UNKNOWN || state == KAN_PACKAGES_CUT)
		json_object_set_new(o, "why", json_string(why));
	if (state == KAN_PACKAGES_CUT || state == KAN_PACKAGES_WHOLE)
		json_object_set_new(o, "count", json_integer((json_int_t)count));
	return o;
}

/* A list that lacks some is no whole list, whatever was read. */
static void cut(json_t *side, uint64_t left_out)
{
	char why[KAN_PACKAGES_WHY];
	if (left_out == 0 || strcmp(kan_json_str(side, "state"), "unknown") == 0)
		return;
	const char *was = kan_json_str(side, "why");
	(void)snprintf(why, sizeof why,
		       "%.200s%s%" PRIu64 " packages beyond %d rows are not listed", was,
		       *was ? "; " : "", left_out, ROWS_MAX);
	json_object_set_new(side, "state", json_string("cut"));
	json_object_set_new(side, "why", json_string(why));
}

/* KEY=value or KEY="value" of os-release. */
static void os_key(json_t *o, const char *name, struct kan_bytes text, const char *key)
{
	size_t n = strlen(key);
	while (text.n) {
		const uint8_t *lf = memchr(text.p, '\n', text.n);
		size_t len = lf ? (size_t)(lf - text.p) : text.n;
		struct kan_bytes v = {text.p, len};
		text = (struct kan_bytes){text.p + len + (lf ? 1 : 0), text.n - len - (lf ? 1 : 0)};
		if (v.n <= n || v.n > OS_LINE || memcmp(v.p, key, n) != 0 || v.p[n] != '=')
			continue;
		v = (struct kan_bytes){v.p + n + 1, v.n - n - 1};
		if (v.n >= 2 && (v.p[0] == '"' || v.p[0] == '\'') && v.p[v.n - 1] == v.p[0])
			v = (struct kan_bytes){v.p + 1, v.n - 2};
		set(o, name, v);
		return;
	}
}

static void put_os(json_t *side, const struct kan_buf *text)
{
	json_t *o = json_object();
	os_key(o, "id", kan_buf_bytes(text), "ID");
	os_key(o, "version", kan_buf_bytes(text), "VERSION_ID");
	os_key(o, "name", kan_buf_bytes(text), "PRETTY_NAME");
	if (json_object_size(o))
		json_object_set(side, "os", o);
	json_decref(o);
}

json_t *kan_packages_document(const struct kan_packages *p)
{
	struct rows r = {.p = p, .list = json_array(), .changes = json_object()};
	struct kan_err ignored = {0}; /* it only fills lists */
	enum kan_packages_state found = p->found_state;
	(void)kan_packages_pairs(p, list_row, &r, &ignored);
	/* What is taken over from the image is known as well as the image's. */
	if (found != KAN_PACKAGES_UNKNOWN && p->state < found)
		found = p->state;
	json_t *image = state_of(p->state, p->why, r.n_image);
	json_t *container = state_of(
		found, p->found_state <= KAN_PACKAGES_CUT ? p->found_why : p->why, r.n_found);
	cut(image, r.left_image);
	cut(container, r.left_found);
	put_os(image, &p->os);
	put_os(container, p->found_os.len ? &p->found_os : &p->os);
	json_t *doc = json_pack("{s:o,s:o,s:o,s:o}", "image", image, "container", container,
				"changes", r.changes, "rows", r.list);
	if (r.left_out)
		json_object_set_new(doc, "left_out", json_integer((json_int_t)r.left_out));
	return doc;
}

static void list_faults(json_t *not_seen, const struct kan_pkg_index *x, const char *collector)
{
	size_t n = x ? kan_pkg_index_faults(x) : 0;
	for (size_t i = 0; i < n && i < KAN_PKG_FAULTS; i++) {
		const struct kan_pkg_fault *fault = kan_pkg_index_fault(x, i);
		const char *code = fault->err.code == KAN_EUNSUPPORTED ? "unsupported"
				   : fault->err.code == KAN_ELIMIT     ? "limit"
								       : "malformed";
		if (strncmp(fault->err.text, "not collected", 13) == 0)
			continue; /* it is a gap of the collector already */
		json_t *o = json_pack("{s:s,s:s,s:s,s:s}", "collector", collector, "code", code,
				      "kind", "gap", "could_show",
				      "which package owns a file, and whether it is as installed");
		kan_json_set_bytes(o, "what", kan_bytes_of(fault->file));
		kan_json_set_bytes(o, "why", kan_bytes_of(fault->err.text));
		json_array_append_new(not_seen, o);
	}
}

void kan_packages_not_seen(json_t *not_seen, const struct kan_packages *p)
{
	list_faults(not_seen, p->image, "image");
	list_faults(not_seen, p->found, "filesystem");
}
