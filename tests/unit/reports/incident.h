/* The analysis of the hostile incident, with what changes from build to build put to one value. */
#ifndef KAN_TESTS_INCIDENT_H
#define KAN_TESTS_INCIDENT_H

#include <criterion/criterion.h>
#include <kanshiki/report.h>
#include <kanshiki/rule.h>

#include "analyze/analyze.h"

static const char seal_text[] = "53e081b7a2631869061c36289b6355934d447878c299fc4973b8d87a9b5f70cf";

/* What both databases would have given: one package kept, one forged, one removed by dpkg. */
static const char packages_text[] =
	"{\"image\":{\"state\":\"whole\",\"count\":3,\"os\":{\"id\":\"debian\",\"version\":\"12\","
	"\"name\":\"Debian GNU/Linux 12 (bookworm)\"}},"
	"\"container\":{\"state\":\"cut\",\"count\":2,\"why\":\"var/lib/dpkg/info/x.list: byte 9: "
	"a path "
	"that is not absolute\",\"os\":{\"id\":\"debian\",\"version\":\"12\"}},"
	"\"changes\":{\"removed\":1,\"upgraded\":1},\"rows\":["
	"{\"name\":\"coreutils\",\"arch\":\"amd64\",\"manager\":\"dpkg\",\"image\":{\"version\":"
	"\"9.1-1\"}},"
	"{\"name\":\"logsave\",\"arch\":\"amd64\",\"manager\":\"dpkg\",\"image\":{\"version\":\"1."
	"47\"},"
	"\"change\":\"removed\",\"logged\":true},"
	"{\"name\":\"m<b>wk\",\"arch\":\"amd64\",\"manager\":\"dpkg\",\"image\":{\"version\":\"1."
	"3\"},"
	"\"container\":{\"version\":\"9<i>\"},\"change\":\"upgraded\",\"logged\":false}]}";

static json_t *incident(void)
{
	struct kan_err err = {0};
	struct kan_rules *r = NULL;
	struct kan_source *s = NULL;
	json_t *doc = NULL;
	cr_assert_eq(kan_rules_shipped(&r, &err), 0, "%s", err.text);
	cr_assert_eq(kan_source_dir(&s, TOP "/tests/fixtures/report/hostile", NULL, &err), 0, "%s",
		     err.text);
	cr_assert_eq(kan_analyze_source(&doc, s, r, &err), 0, "%s", err.text);
	kan_source_free(s);
	kan_rules_free(r);
	json_object_set_new(doc, "seal", json_string(seal_text));
	json_object_set_new(doc, "packages", json_loads(packages_text, 0, NULL));
	cr_assert_not_null(json_object_get(doc, "packages"));
	json_object_set_new(doc, "generator",
			    json_pack("{s:s,s:s}", "tool", "kanshiki", "version", "test"));
	return doc;
}

/* Rows of the incident's fixture. */
static int rows_of(const void *from, const char *artefact, kan_row_fn *fn, void *arg,
		   struct kan_err *err)
{
	struct kan_source *s = NULL;
	cr_assert_eq(kan_source_dir(&s, from, NULL, err), 0, "%s", err->text);
	int rc = kan_source_has(s, artefact) ? kan_source_rows(s, artefact, fn, arg, err) : 0;
	kan_source_free(s);
	return rc;
}

static struct kan_model *model_of(const json_t *doc, const json_t *receipt)
{
	struct kan_err err = {0};
	struct kan_model *m = NULL;
	cr_assert_eq(kan_model_new(&m, doc, receipt, &err), 0, "%s", err.text);
	kan_model_from(m, rows_of, TOP "/tests/fixtures/report/hostile");
	return m;
}

#endif
