/* compare --all IMAGE: which of its containers is not like the others. */
#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include "analyze/compare_fleet.h"
#include "base/row.h"
#include "cli/box.h"
#include "cli/cmd_compare.h"

enum { NAMES_MAX = 1 << 20 };

struct paths {
	char **v;
	size_t n, left_out; /* older than as many as are read */
};

/* Names begin with the time: the newest first. */
static int by_time(const void *a, const void *b)
{
	return strcmp(*(char *const *)b, *(char *const *)a);
}

static int list(struct paths *out, const char *bundles, struct kan_err *err)
{
	DIR *d = opendir(bundles);
	if (!d)
		return kan_fail_sys(err, "%s", bundles);
	for (struct dirent *e; (e = readdir(d)) && out->n < NAMES_MAX;) {
		if (e->d_name[0] == '.' || strstr(e->d_name, ".partial"))
			continue;
		if ((out->n & (out->n - 1)) == 0)
			out->v = kan_xrealloc(out->v, out->n ? out->n * 2 : 1, sizeof *out->v);
		out->v[out->n++] = kan_path(bundles, e->d_name);
	}
	(void)closedir(d);
	if (out->n)
		qsort(out->v, out->n, sizeof *out->v, by_time);
	for (; out->n > KAN_FLEET_BUNDLES; out->left_out++)
		free(out->v[--out->n]);
	return 0;
}

static void print_reason(const json_t *r)
{
	(void)printf("    %-9s ", kan_json_str(r, "kind"));
	if (json_object_get(r, "change"))
		(void)printf("%-9s ", kan_json_str(r, "change"));
	kan_compare_bytes(r, "what");
	(void)printf("  %s\n", kan_json_str(r, "why"));
}

static void print_container(const json_t *c)
{
	size_t i = 0;
	json_t *r = NULL;
	(void)printf("%lld unusual, %lld changes  ", (long long)kan_json_int(c, "unusual"),
		     (long long)kan_json_int(c, "changes"));
	kan_compare_bytes(c, "name");
	(void)printf("  %.12s  %s\n", kan_json_str(c, "container"), kan_json_str(c, "bundle"));
	json_array_foreach (json_object_get(c, "reasons"), i, r)
		print_reason(r);
	long long more = (long long)kan_json_int(c, "unusual") -
			 (long long)json_array_size(json_object_get(c, "reasons"));
	if (more > 0)
		(void)printf("    and %lld more\n", more);
}

/* Gaps and what could not be opened. */
static bool lacking(const json_t *doc)
{
	size_t i = 0;
	json_t *o = NULL;
	bool any = kan_json_int(doc, "n_gaps") > 0;
	json_array_foreach (json_object_get(doc, "skipped"), i, o) {
		kan_say("%s: not read: %s", kan_json_str(o, "bundle"), kan_json_str(o, "why"));
		any = true;
	}
	json_array_foreach (json_object_get(doc, "containers"), i, o) {
		char who[128];
		(void)snprintf(who, sizeof who, "%.90s: ", kan_json_str(o, "bundle"));
		(void)kan_compare_gaps(who, json_object_get(o, "gaps"),
				       (uint64_t)kan_json_int(o, "n_gaps"));
	}
	if (json_object_get(doc, "limit"))
		kan_say("more than %lld changes: the rest was not compared",
			(long long)kan_json_int(doc, "limit"));
	return any;
}

static int report(const struct kan_args *a, const json_t *doc)
{
	size_t i = 0;
	json_t *c = NULL;
	bool unusual = false, json = kan_flag(a, "json");
	const json_t *containers = json_object_get(doc, "containers");
	if (json)
		(void)kan_compare_header("fleet", NULL, NULL,
					 json_pack("{s:O}", "image", json_object_get(doc, "image")),
					 NULL);
	json_array_foreach ((json_t *)(uintptr_t)containers, i, c) {
		unusual |= kan_json_int(c, "unusual") > 0;
		if (json)
			(void)kan_compare_line(json_incref(c), NULL);
		else
			print_container(c);
	}
	if (json)
		(void)kan_compare_line(json_pack("{s:{s:I,s:O,s:O}}", "end", "containers",
						 (json_int_t)json_array_size(containers), "skipped",
						 json_object_get(doc, "skipped"), "n_gaps",
						 json_object_get(doc, "n_gaps")),
				       NULL);
	else if (json_array_size(containers) == 1)
		kan_say("there is one container of this image: nothing to compare it with");
	if (lacking(doc))
		return KAN_EXIT_MISSING;
	return unusual && kan_flag(a, "exit-code") ? KAN_EXIT_DIFFERENT : KAN_EXIT_OK;
}

int kan_compare_all_run(const struct kan_args *a, const char *image)
{
	struct kan_err err = {0};
	struct paths p = {0};
	json_t *doc = NULL;
	kan_auto_free char *home = kan_home(a), *bundles = kan_path(home, "bundles");
	const char *read_paths[] = {bundles, NULL}, *write_paths[] = {NULL};
	int status = KAN_EXIT_OK;
	if (list(&p, bundles, &err) < 0 || kan_box(read_paths, write_paths, &err) < 0 ||
	    kan_compare_fleet(&doc, (const char *const *)p.v, p.n, image, &err) < 0)
		status = kan_say_err(&err);
	else
		status = report(a, doc);
	if (p.left_out) {
		kan_say("%zu older bundles of this home were not read: at most %d are", p.left_out,
			KAN_FLEET_BUNDLES);
		status = kan_status_worst(status, KAN_EXIT_MISSING);
	}
	json_decref(doc);
	for (size_t i = 0; i < p.n; i++)
		free(p.v[i]);
	free(p.v);
	return status;
}
