/* Each artefact of rows has its published schema, and each schema of rows has a collector that
 * writes it. */
#include <criterion/criterion.h>
#include <dirent.h>
#include <kanshiki/collector.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { NAME = 256 };

static bool is_rows(const char *artefact)
{
	size_t n = strlen(artefact);
	return n > 7 && strcmp(artefact + n - 7, ".ndjson") == 0;
}

static void schema_name(char out[NAME], const char *collector, const char *artefact)
{
	int n = (int)strlen(artefact) - 7;
	(void)snprintf(out, NAME, "kanshiki.%.64s.%.*s-1.json", collector, n, artefact);
	for (char *c = out; *c; c++)
		if (*c == '/')
			*c = '.';
}

Test(schemas, every_artefact_of_rows_has_one)
{
	for (const struct kan_collector *const *c = kan_collectors; *c; c++) {
		for (const char *const *a = (*c)->artefacts; *a; a++) {
			char name[NAME], path[NAME + sizeof(KAN_SOURCE) + 16];
			if (!is_rows(*a))
				continue;
			schema_name(name, (*c)->name, *a);
			(void)snprintf(path, sizeof(path), "%s/docs/schema/%s", KAN_SOURCE, name);
			cr_expect_eq(access(path, R_OK), 0, "%s/%s: docs/schema has no %s",
				     (*c)->name, *a, name);
		}
	}
}

static bool written(const char *file)
{
	for (const struct kan_collector *const *c = kan_collectors; *c; c++) {
		for (const char *const *a = (*c)->artefacts; *a; a++) {
			char name[NAME];
			if (!is_rows(*a))
				continue;
			schema_name(name, (*c)->name, *a);
			if (strcmp(name, file) == 0)
				return true;
		}
	}
	return false;
}

Test(schemas, every_one_of_rows_is_written_by_a_collector)
{
	DIR *d = opendir(KAN_SOURCE "/docs/schema");
	size_t n = 0;
	cr_assert_not_null(d);
	for (struct dirent *e; (e = readdir(d));) {
		const char *dot =
			strncmp(e->d_name, "kanshiki.", 9) == 0 ? strchr(e->d_name + 9, '.') : NULL;
		if (!dot || strcmp(dot, ".json") == 0) /* a document, journal or gaps: one word */
			continue;
		n++;
		cr_expect(written(e->d_name), "%s: no collector writes it", e->d_name);
	}
	(void)closedir(d);
	cr_expect_gt(n, 4);
}
