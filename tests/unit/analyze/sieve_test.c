/* More rows of a rule hold than are kept: those that a join has are found all the same. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "rule_fixtures.h"

enum { BUSY = 1500, TEXT_MAX = 4 << 20 };

/* The fixture of net.foreign-peer behind a service with so many connections. */
static json_t *busy(unsigned connections)
{
	struct kan_err err = {0};
	char dir[] = "/tmp/kanshiki-sieve-XXXXXX", command[512], path[256];
	kan_auto_buf struct kan_buf rows = KAN_BUF(TEXT_MAX), there = KAN_BUF(TEXT_MAX);
	cr_assert_not_null(mkdtemp(dir));
	(void)snprintf(command, sizeof command, "cp -R '%s/foreign-peer/.' '%s'", FIXTURES, dir);
	cr_assert_eq(system(command), 0); /* NOLINT(cert-env33-c): of a test */
	(void)snprintf(path, sizeof path, "%s/data/network/sockets.ndjson", dir);
	cr_assert_eq(kan_read_file(&there, AT_FDCWD, path, &err), 0, "%s", err.text);
	for (unsigned i = 0; i < connections; i++)
		kan_buf_addf(
			&rows,
			"{\"netns\":\"4026532644\",\"family\":\"inet\",\"type\":\"stream\","
			"\"proto\":\"tcp\",\"state\":\"ESTABLISHED\",\"laddr\":\"172.17.0.2\","
			"\"lport\":%u,\"raddr\":\"198.51.100.%u\",\"rport\":443,\"ino\":\"%u\","
			"\"uid\":33,\"owners\":[[4650,%u]],\"source\":\"sock_diag\"}\n",
			10000 + i, i % 250, 100000 + i, i + 10);
	kan_buf_addb(&rows, kan_buf_bytes(&there));
	cr_assert_eq(unlink(path), 0);
	cr_assert_eq(kan_put_file(AT_FDCWD, path, 0600, kan_buf_bytes(&rows), &err), 0, "%s",
		     err.text);
	struct kan_rules *r = shipped();
	json_t *doc = analysis_of(dir, FIXTURES "/base", r);
	kan_rules_free(r);
	(void)snprintf(command, sizeof command, "rm -r '%s'", dir);
	cr_assert_eq(system(command), 0); /* NOLINT(cert-env33-c): of a test */
	return doc;
}

static const json_t *limit_of(const json_t *doc, const char *rule)
{
	size_t i = 0;
	json_t *v = NULL;
	json_array_foreach (json_object_get(doc, "not_assessed"), i, v)
		if (strcmp(kan_json_str(v, "rule"), rule) == 0 &&
		    strcmp(kan_json_str(json_object_get(v, "gap"), "code"), "limit") == 0)
			return v;
	return NULL;
}

Test(sieve, a_foreign_program_behind_a_thousand_connections_of_a_service_is_found)
{
	json_t *few = busy(2), *many = busy(BUSY);
	cr_assert(has(few, "findings", "net.foreign-peer"));
	cr_expect(has(many, "findings", "net.foreign-peer"));
	cr_expect_null(limit_of(many, "net.foreign-peer"), "no row of it was lost");
	json_decref(few);
	json_decref(many);
}
