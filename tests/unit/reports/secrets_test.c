/* A secret that the evidence holds is in no report, whatever its form and wherever it lies. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/row.h"
#include "incident.h"
#include "reports/model.h"

#define FIXTURE TOP "/tests/fixtures/report/hostile"
#define PLANT "Xq7Planted"
#define TOKEN "ghp_" PLANT PLANT "0123456789abcdef"

static void append(const char *dir, const char *path, const char *text)
{
	char name[512];
	(void)snprintf(name, sizeof name, "%s/%s", dir, path);
	FILE *f = fopen(name, "ae");
	cr_assert_not_null(f, "%s", name);
	cr_assert_geq(fputs(text, f), 0);
	cr_assert_eq(fclose(f), 0);
}

#define PROCESS(pid, argv) \
	"{\"pid\":" pid ",\"ppid\":4600,\"nspid\":[" pid ",99],\"starttime\":886750," \
	"\"start_ns\":1795324804750000000,\"session\":" pid \
	",\"tty\":0,\"member_by\":[\"cgroup\"]," \
	"\"comm\":\"x\",\"argv\":[" argv "],\"kthread\":false,\"state\":\"S\"," \
	"\"exe\":{\"link\":\"/tmp/.x/y\",\"dev\":\"0:52\",\"ino\":\"59\",\"nlink\":1," \
	"\"size\":9,\"mode\":\"0100755\",\"deleted\":false,\"memfd\":false,\"path_now\":\"same\"," \
	"\"sha256\":\"8b133a3868993176b613738816247a7f4d357cae555996519cf5b543e9b3554b\"}," \
	"\"cwd\":\"/\",\"uid\":[0,0,0,0],\"gid\":[0,0,0,0],\"frozen\":true}\n"

/* The incident, with secrets in its arguments, its environment and its image's history. */
static json_t *planted(char dir[])
{
	char command[1024];
	struct kan_err err = {0};
	struct kan_rules *r = NULL;
	struct kan_source *s = NULL;
	json_t *doc = NULL;
	cr_assert_not_null(mkdtemp(dir));
	(void)snprintf(command, sizeof command, "cp -R '%s/.' '%s'", FIXTURE, dir);
	cr_assert_eq(system(command), 0); /* NOLINT(cert-env33-c): of a test */
	append(dir, "data/processes/processes.ndjson",
	       PROCESS("4750", "\"mysql\",\"-uroot\",\"-p" PLANT "\",\"--token\",\"" PLANT "\"")
		       PROCESS("4751", "\"sh\",\"-c\",\"curl -u bob:" PLANT " https://" PLANT
				       "@a/?api_key=" PLANT " -H 'Authorization: Bearer " PLANT
				       "'; DB_PASSWORD=" PLANT "\"")
			       PROCESS("4752", "\"/tmp/.x/y\",\"" TOKEN "\",\"{\\\"password\\\": "
					       "\\\"a,b;" PLANT "\\\"}\""));
	append(dir, "data/processes/environ.ndjson",
	       "{\"pid\":4650,\"name\":\"DB_PASSWORD\",\"value\":\"" PLANT "\"}\n"
	       "{\"pid\":4650,\"name\":\"SIGNING_KEY\",\"value\":\"" PLANT "\"}\n"
	       "{\"pid\":4650,\"name\":\"LD_PRELOAD\",\"value\":\"/tmp/" TOKEN "\"}\n");
	append(dir, "data/engine/events.json",
	       "{\"Type\": \"container\", \"Action\": \"exec_start: mysql -p" PLANT
	       " shop\", \"id\": "
	       "\"3f2a9c41d0be5d7e0c6a1b9f48e2d37750aa6c1f9be4d2830717c5e6a9b0f3d1\", "
	       "\"timeNano\": 1795325000130394871}\n");
	(void)snprintf(
		command, sizeof command,
		"sed -i 's|\"history\" *: *\\[|&{\"created_by\":\"RUN curl https://bob:" PLANT
		"@a/ \\&\\& export A_TOKEN=" PLANT
		"\",\"empty_layer\":true},|' '%s/data/image/config.json'",
		dir);
	cr_assert_eq(system(command), 0); /* NOLINT(cert-env33-c): of a test */
	cr_assert_eq(kan_rules_shipped(&r, &err), 0, "%s", err.text);
	cr_assert_eq(kan_source_dir(&s, dir, NULL, &err), 0, "%s", err.text);
	cr_assert_eq(kan_analyze_source(&doc, s, r, &err), 0, "%s", err.text);
	kan_source_free(s);
	kan_rules_free(r);
	return doc;
}

/* Which of them a report's text has: told by the octets around it. */
static void has_none(const char *what, const struct kan_buf *text)
{
	const uint8_t *at = memmem(text->data, text->len, PLANT, strlen(PLANT));
	size_t from = at && at - text->data > 80 ? (size_t)(at - text->data) - 80 : 0;
	cr_expect(!at, "%s: %.160s", what, at ? (const char *)text->data + from : "");
}

static size_t n_secrets(const json_t *doc)
{
	return json_array_size(json_object_get(json_object_get(doc, "secrets"), "rows"));
}

Test(secrets, a_planted_one_is_in_no_report)
{
	char dir[] = "/tmp/kanshiki-secrets.XXXXXX";
	json_t *doc = planted(dir);
	struct kan_err err = {0};
	struct kan_model *m = model_of(doc, NULL);
	json_t *plain = incident();
	cr_assert_geq(n_secrets(doc), n_secrets(plain) + 9);
	json_decref(plain);
	kan_model_from(m, rows_of, dir);
	for (const struct kan_report *const *r = kan_reports; *r; r++) {
		kan_auto_buf struct kan_buf out = KAN_BUF(16 << 20);
		cr_assert_eq((*r)->render(&out, m, &err), 0, "%s", err.text);
		has_none((*r)->file, &out);
	}
	kan_auto_buf struct kan_buf screen = KAN_BUF(1 << 20);
	const struct kan_screen s = {.columns = 80, .bundle_path = "b", .exit_words = "done"};
	cr_assert_eq(kan_report_terminal(&screen, m, &s, &err), 0, "%s", err.text);
	has_none("the screen", &screen);
	kan_model_free(m);
	json_decref(doc);
	char command[128];
	(void)snprintf(command, sizeof command, "rm -r '%s'", dir);
	cr_assert_eq(system(command), 0); /* NOLINT(cert-env33-c): of a test */
}

static const char *tag(const json_t *doc, const char *where, const char *name)
{
	size_t i = 0;
	json_t *row = NULL;
	json_array_foreach (json_object_get(json_object_get(doc, "secrets"), "rows"), i, row)
		if (strcmp(kan_json_str(row, "where"), where) == 0 &&
		    (!name || strcmp(kan_json_str(row, "name"), name) == 0))
			return kan_json_str(row, "tag");
	return "none";
}

Test(secrets, one_value_has_one_tag_wherever_it_lies)
{
	char dir[] = "/tmp/kanshiki-secrets.XXXXXX";
	json_t *doc = planted(dir);
	cr_expect_str_eq(tag(doc, "environment", "DB_PASSWORD"), "s1");
	cr_expect_str_eq(tag(doc, "environment", "SIGNING_KEY"), "s1");
	cr_expect_str_eq(tag(doc, "argument", NULL), "s1");
	cr_expect_str_eq(tag(doc, "history", NULL), "s1");
	json_decref(doc);
	char command[128];
	(void)snprintf(command, sizeof command, "rm -r '%s'", dir);
	cr_assert_eq(system(command), 0); /* NOLINT(cert-env33-c): of a test */
}
