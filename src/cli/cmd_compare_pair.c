/* compare BUNDLE BUNDLE: what one has and the other has not. */
#include <stdlib.h>
#include <string.h>

#include <kanshiki/bundle.h>

#include "analyze/compare_pair.h"
#include "base/row.h"
#include "cli/box.h"
#include "cli/cmd_compare.h"

static const char *const where[] = {"only a", "only b", "both"};

static void print_fields(const struct kan_difference *d)
{
	for (size_t i = 0; i < d->n_fields; i++) {
		const struct kan_field *f = &d->fields[i];
		(void)printf("  %s ", f->name);
		if (d->where != KAN_PAIR_B)
			kan_compare_text_cell(f->a.p ? f->a : KAN_LIT("-"));
		if (d->where == KAN_PAIR_BOTH)
			(void)fputs(" -> ", stdout);
		if (d->where != KAN_PAIR_A)
			kan_compare_text_cell(f->b.p ? f->b : KAN_LIT("-"));
	}
	if (!d->n_fields && d->where == KAN_PAIR_BOTH)
		(void)fputs("  its values differ", stdout);
}

static void print_text(const struct kan_difference *d, void *arg)
{
	(void)arg;
	(void)printf("%-22s  %-6s  ", d->section, where[d->where]);
	kan_compare_text_cell(d->what);
	print_fields(d);
	(void)fputc('\n', stdout);
}

static void print_json(const struct kan_difference *d, void *arg)
{
	static const char *const sides[] = {"a", "b", "both"};
	json_t *o = json_pack("{s:s,s:s}", "section", d->section, "side", sides[d->where]);
	json_t *fields = json_array();
	(void)arg;
	kan_json_set_bytes(o, "what", d->what);
	for (size_t i = 0; i < d->n_fields; i++) {
		json_t *f = json_pack("{s:s}", "name", d->fields[i].name);
		if (d->fields[i].a.p)
			kan_json_set_bytes(f, "a", d->fields[i].a);
		if (d->fields[i].b.p)
			kan_json_set_bytes(f, "b", d->fields[i].b);
		json_array_append_new(fields, f);
	}
	json_object_set_new(o, "fields", fields);
	(void)kan_compare_line(o, NULL);
}

static void introduce(const char *letter, const struct kan_side *s)
{
	const json_t *target = json_object_get(s->capture, "target");
	kan_say("%s: %s, %s of %s", letter, kan_source_name(s->source),
		kan_json_str(target, "name"), kan_json_str(target, "image"));
}

static int both(const struct kan_args *a, const struct kan_side *x, const struct kan_side *y)
{
	struct kan_err err = {0};
	struct kan_pair p = {0};
	bool json = kan_flag(a, "json");
	if (json)
		(void)kan_compare_header("bundles", x, y, NULL, NULL);
	else if (!kan_flag(a, "quiet")) {
		introduce("a", x);
		introduce("b", y);
	}
	if (kan_compare_pair(&p, x, y, json ? print_json : print_text, NULL, &err) < 0)
		return kan_say_err(&err);
	if (json)
		(void)kan_compare_line(json_pack("{s:{s:I,s:O,s:I}}", "end", "differences",
						 (json_int_t)p.n, "gaps", p.gaps, "n_gaps",
						 (json_int_t)p.n_gaps),
				       NULL);
	else if (!kan_flag(a, "quiet"))
		kan_say("%llu differences", (unsigned long long)p.n);
	int status = kan_compare_gaps("", p.gaps, p.n_gaps) ? KAN_EXIT_MISSING
		     : p.n > 0 && kan_flag(a, "exit-code")  ? KAN_EXIT_DIFFERENT
							    : KAN_EXIT_OK;
	json_decref(p.gaps);
	return status;
}

int kan_compare_pair_run(const struct kan_args *a, const char *first, const char *second)
{
	struct kan_err err = {0};
	struct kan_open_side x = {0}, y = {0};
	kan_auto_free char *path = NULL, *other = NULL;
	if (kan_find_bundle(&path, a, first, &err) < 0 ||
	    kan_find_bundle(&other, a, second, &err) < 0)
		return kan_say_err(&err);
	const char *read_paths[] = {path, other, NULL}, *write_paths[] = {NULL};
	if (kan_box(read_paths, write_paths, &err) < 0 || kan_open_side(&x, path, &err) < 0 ||
	    kan_open_side(&y, other, &err) < 0) {
		kan_close_side(&x);
		return kan_say_err(&err);
	}
	int status = both(a, x.side, y.side);
	kan_close_side(&x);
	kan_close_side(&y);
	return status;
}
