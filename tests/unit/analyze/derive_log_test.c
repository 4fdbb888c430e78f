/* Requests and logins out of a log; text that only looks like one is none. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "analyze/facts.h"
#include "analyze/kinds.h"
#include "analyze/loglines.h"
#include "base/file.h"

static const char files[] =
	"{\"n\":0,\"driver\":\"json-file\",\"dir\":\"json-file\",\"size\":9,\"kept\":%zu}\n"
	"{\"n\":1,\"driver\":\"json-file\",\"dir\":\"json-file\",\"size\":9,\"kept\":%zu}\n";

static void put(const char *dir, const char *path, const char *content)
{
	struct kan_err err = {0};
	kan_auto_close int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cr_assert_eq(kan_put_file(fd, path, 0600, kan_bytes_of(content), &err), 0, "%s", err.text);
}

/* A folder with a live log and one rotation. */
static struct kan_source *logs(const char *live, const char *older)
{
	static char dir[] = "/tmp/kan-logs-XXXXXX";
	struct kan_source *s = NULL;
	struct kan_err err = {0};
	char list[512];
	cr_assert_not_null(mkdtemp(dir));
	kan_auto_close int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cr_assert_eq(kan_mkdirs(fd, "data/logs/json-file", &err), 0, "%s", err.text);
	(void)snprintf(list, sizeof(list), files, strlen(live), strlen(older));
	put(dir, "data/logs/files.ndjson", list);
	put(dir, "data/logs/json-file/0.log", live);
	put(dir, "data/logs/json-file/1.log", older);
	cr_assert_eq(kan_source_dir(&s, dir, NULL, &err), 0, "%s", err.text);
	return s;
}

#define LINE(text) \
	"{\"log\":\"" text "\\n\",\"stream\":\"stdout\",\"time\":\"2026-11-22T05:23:17Z\"}\n"

static int keep(const json_t *row, uint64_t line, void *arg, struct kan_err *err)
{
	(void)line;
	(void)err;
	json_array_append(arg, (json_t *)(uintptr_t)row);
	return 0;
}

static json_t *rows_of(kan_derive_fn *derive, const char *live, const char *older)
{
	struct kan_source *s = logs(live, older);
	struct kan_facts f = {.source = s};
	struct kan_err err = {0};
	json_t *rows = json_array();
	cr_assert_eq(derive(&f, keep, rows, &err), 0, "%s", err.text);
	kan_source_free(s);
	return rows;
}

static const char *str(const json_t *rows, size_t i, const char *key)
{
	return kan_json_str(json_array_get(rows, i), key);
}

Test(derive_log, lines_come_from_the_oldest_to_the_newest_and_say_where_they_are)
{
	json_t *rows = rows_of(kan_derive_log, LINE("new") LINE("newest"), LINE("old"));
	cr_assert_eq(json_array_size(rows), 3);
	cr_expect_str_eq(str(rows, 0, "text"), "old");
	cr_expect_str_eq(str(rows, 0, "artefact"), "data/logs/json-file/1.log");
	cr_expect_str_eq(str(rows, 2, "text"), "newest");
	cr_expect_eq(kan_json_int(json_array_get(rows, 2), "row"), 2);
	json_decref(rows);
}

Test(derive_log, a_request_in_the_combined_form_is_taken_apart)
{
	json_t *rows = rows_of(
		kan_derive_http,
		LINE("203.0.113.9 - bob [22/Nov/2026:05:23:17 +0000] \\\"POST /up.php?x=1 "
		     "HTTP/1.1\\\" 200 12 \\\"-\\\" \\\"curl/8\\\"")
			LINE("hello [x] \\\"y\\\" 200"),
		LINE("198.51.100.1 - - [22/Nov/2026:05:23:17 +0000] \\\"GET / HTTP/1.0\\\" 404 7"));
	cr_assert_eq(json_array_size(rows), 2);
	cr_expect_str_eq(str(rows, 0, "path"), "/");
	cr_expect_eq(kan_json_int(json_array_get(rows, 0), "status"), 404);
	cr_expect_str_eq(str(rows, 1, "source"), "203.0.113.9");
	cr_expect_str_eq(str(rows, 1, "user"), "bob");
	cr_expect_str_eq(str(rows, 1, "method"), "POST");
	cr_expect_str_eq(str(rows, 1, "path"), "/up.php?x=1");
	cr_expect_str_eq(str(rows, 1, "agent"), "curl/8");
	cr_expect_eq(kan_json_int(json_array_get(rows, 1), "octets"), 12);
	json_decref(rows);
}

Test(derive_log, a_login_is_accepted_or_failed_and_an_address_that_is_none_makes_none)
{
	json_t *rows =
		rows_of(kan_derive_login,
			LINE("sshd[7]: Accepted publickey for root from 203.0.113.9 port 4022 "
			     "ssh2: ED25519") LINE("Accepted x for y from nowhere port 1"),
			LINE("sshd[7]: Failed password for invalid user eve from 203.0.113.9 port "
			     "4022 ssh2"));
	cr_assert_eq(json_array_size(rows), 2);
	cr_expect_str_eq(str(rows, 0, "result"), "failed");
	cr_expect_str_eq(str(rows, 0, "user"), "eve");
	cr_expect_str_eq(str(rows, 1, "result"), "accepted");
	cr_expect_str_eq(str(rows, 1, "method"), "publickey");
	cr_expect_eq(kan_json_int(json_array_get(rows, 1), "port"), 4022);
	json_decref(rows);
}

/* gzip of text, cut at octets (0: whole). */
static size_t gzip(uint8_t *out, size_t max, const char *text, size_t n)
{
	z_stream z = {0};
	cr_assert_eq(deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 9, Z_DEFAULT_STRATEGY), Z_OK);
	z.next_in = (Bytef *)(uintptr_t)text;
	z.avail_in = (uInt)n;
	z.next_out = out;
	z.avail_out = (uInt)max;
	cr_assert_eq(deflate(&z, Z_FINISH), Z_STREAM_END);
	size_t made = max - z.avail_out;
	(void)deflateEnd(&z);
	return made;
}

/* A live log of one line, and a packed rotation. */
static struct kan_source *packed_logs(const void *packed, size_t n)
{
	static char dir[] = "/tmp/kan-packed-XXXXXX";
	struct kan_source *s = NULL;
	struct kan_err err = {0};
	char list[512];
	cr_assert_not_null(mkdtemp(dir));
	kan_auto_close int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cr_assert_eq(kan_mkdirs(fd, "data/logs/json-file", &err), 0, "%s", err.text);
	(void)snprintf(list, sizeof(list),
		       "{\"n\":0,\"dir\":\"json-file\",\"kept\":%zu}\n"
		       "{\"n\":1,\"dir\":\"json-file\",\"kept\":%zu,\"packed\":true}\n",
		       strlen(LINE("new")), n);
	put(dir, "data/logs/files.ndjson", list);
	put(dir, "data/logs/json-file/0.log", LINE("new"));
	cr_assert_eq(kan_put_file(fd, "data/logs/json-file/1.log.gz", 0600,
				  (struct kan_bytes){packed, n}, &err),
		     0, "%s", err.text);
	cr_assert_eq(kan_source_dir(&s, dir, NULL, &err), 0, "%s", err.text);
	return s;
}

static json_t *lines_of(struct kan_source *s, uint64_t *unread)
{
	struct kan_facts f = {.source = s};
	struct kan_err err = {0};
	json_t *rows = json_array();
	cr_assert_eq(kan_derive_log(&f, keep, rows, &err), 0, "%s", err.text);
	*unread = kan_log_unread(&f);
	json_t *unseen = kan_log_unseen(&f);
	cr_expect_eq(unseen != NULL, *unread > 0);
	json_decref(unseen);
	kan_source_free(s);
	return rows;
}

Test(derive_log, a_packed_rotation_is_read_before_the_live_log)
{
	uint8_t packed[4096];
	uint64_t unread = 0;
	const char text[] = LINE("older") LINE("old");
	size_t n = gzip(packed, sizeof packed, text, strlen(text));
	json_t *rows = lines_of(packed_logs(packed, n), &unread);
	cr_assert_eq(json_array_size(rows), 3);
	cr_expect_str_eq(str(rows, 0, "text"), "older");
	cr_expect_str_eq(str(rows, 0, "artefact"), "data/logs/json-file/1.log.gz");
	cr_expect_eq(kan_json_int(json_array_get(rows, 1), "row"), 2);
	cr_expect_str_eq(str(rows, 2, "text"), "new");
	cr_expect_eq(unread, 0);
	json_decref(rows);
}

/* Never half a file, which would look like a whole one. */
Test(derive_log, a_packed_rotation_that_breaks_off_is_not_read_and_said_so)
{
	uint8_t packed[4096];
	uint64_t unread = 0;
	const char text[] = LINE("older") LINE("old");
	size_t n = gzip(packed, sizeof packed, text, strlen(text)) - 12;
	json_t *rows = lines_of(packed_logs(packed, n), &unread);
	cr_assert_eq(json_array_size(rows), 1);
	cr_expect_eq(unread, n);
	json_decref(rows);
}

Test(derive_log, a_packed_rotation_that_is_a_bomb_is_not_read)
{
	enum { BOMB = KAN_LOG_READ + 1 };
	char *text = calloc(1, BOMB);
	uint8_t *packed = malloc(1 << 20);
	uint64_t unread = 0;
	cr_assert(text && packed);
	size_t n = gzip(packed, 1 << 20, text, BOMB);
	json_t *rows = lines_of(packed_logs(packed, n), &unread);
	cr_assert_eq(json_array_size(rows), 1);
	cr_expect_eq(unread, n);
	json_decref(rows);
	free(packed);
	free(text);
}
