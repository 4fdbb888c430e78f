/* Rows of the container's log: its lines, what of them are requests, and what are logins. All are
 * the container's own words. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analyze/kinds.h"
#include "analyze/loglines.h"

enum { ADDRESS = 64, CODE_MAX = 3 };

#define WHERE_COLUMNS \
	INT("time_ns", "when the engine took the line, UTC"), WORD("stream", "stdout, stderr"), \
		WORD("artefact", "the file of the log"), \
		INT("row", "its line or record there, from 1")

const struct kan_column kan_log_columns[] = {
	WHERE_COLUMNS,
	{.name = "text", .type = KAN_TYPE_BYTES, .speaks = true, .doc = "the line"},
	END,
};
const char *const kan_log_identity[] = {"time_ns", "stream", "text", "artefact", "row", NULL};

const struct kan_column kan_http_columns[] = {
	WHERE_COLUMNS,
	BYTES("source", "address of the client, or of a proxy"),
	BYTES("user", "as it was given"),
	BYTES("method", "GET, POST, ..."),
	{.name = "path", .type = KAN_TYPE_BYTES, .speaks = true, .doc = "with its query"},
	INT("status", "of the answer"),
	INT("octets", "of the answer"),
	{.name = "agent",
	 .type = KAN_TYPE_BYTES,
	 .speaks = true,
	 .doc = "as the client calls itself"},
	END,
};
const char *const kan_http_identity[] = {"time_ns", "source",   "method", "path", "status",
					 "agent",   "artefact", "row",    NULL};

const struct kan_column kan_login_columns[] = {
	WHERE_COLUMNS,
	WORD("result", "accepted, failed"),
	WORD("method", "password, publickey, ..."),
	BYTES("user", "as it was given"),
	WORD("source", "address"),
	INT("port", "of the source"),
	END,
};
const char *const kan_login_identity[] = {"time_ns", "result",   "method", "user",
					  "source",  "artefact", "row",    NULL};

struct sorting {
	kan_derive_row_fn *fn;
	void *arg;
};

static json_t *row_of(const struct kan_log_line *line)
{
	json_t *row = json_object();
	if (line->time_ns)
		json_object_set_new(row, "time_ns", json_integer(line->time_ns));
	if (*line->stream)
		json_object_set_new(row, "stream", json_string(line->stream));
	json_object_set_new(row, "artefact", json_string(line->artefact));
	json_object_set_new(row, "row", json_integer((json_int_t)line->number));
	return row;
}

static int tell(const struct sorting *s, const struct kan_log_line *line, json_t *row,
		struct kan_err *err)
{
	int rc = s->fn(row, line->number, s->arg, err);
	json_decref(row);
	return rc;
}

static int on_line(const struct kan_log_line *line, void *arg, struct kan_err *err)
{
	json_t *row = row_of(line);
	kan_json_set_bytes(row, "text", line->text);
	return tell(arg, line, row, err);
}

/* What stands before stop; left goes on behind it. */
static bool before(struct kan_bytes *word, struct kan_bytes *left, const char *stop)
{
	const uint8_t *at = left->n ? memmem(left->p, left->n, stop, strlen(stop)) : NULL;
	if (!at)
		return false;
	*word = (struct kan_bytes){left->p, (size_t)(at - left->p)};
	size_t step = word->n + strlen(stop);
	left->p += step;
	left->n -= step;
	return true;
}

static bool number(int64_t *out, struct kan_bytes v)
{
	char text[24];
	if (v.n == 0 || v.n >= sizeof text)
		return false;
	memcpy(text, v.p, v.n);
	text[v.n] = 0;
	char *end = NULL;
	*out = strtoll(text, &end, 10);
	return *end == 0;
}

static bool is_word(struct kan_bytes v)
{
	for (size_t i = 0; i < v.n; i++)
		if (!isgraph(v.p[i]))
			return false;
	return v.n > 0;
}

static bool is_method(struct kan_bytes v)
{
	for (size_t i = 0; i < v.n; i++)
		if (!isupper(v.p[i]))
			return false;
	return v.n >= 3 && v.n <= 16;
}

/* SOURCE - USER [DATE] "METHOD PATH HTTP/1.1" STATUS OCTETS "REFERER" "AGENT" */
static json_t *request(const struct kan_log_line *line)
{
	struct kan_bytes left = line->text, source, skip, user, method, path, status, rest, agent;
	int64_t code = 0, octets = 0;
	if (!before(&source, &left, " ") || !before(&skip, &left, " ") ||
	    !before(&user, &left, " [") || !before(&skip, &left, "] \"") ||
	    !before(&method, &left, " ") || !before(&path, &left, " HTTP/") ||
	    !before(&skip, &left, "\" ") || !is_word(source) || !is_method(method))
		return NULL;
	if (!before(&status, &left, " "))
		return NULL;
	bool combined = before(&rest, &left, " \"");
	if (!combined)
		rest = left;
	if (status.n != CODE_MAX || !number(&code, status))
		return NULL;
	json_t *row = row_of(line);
	kan_json_set_bytes(row, "source", source);
	if (!kan_bytes_eq(user, KAN_LIT("-")))
		kan_json_set_bytes(row, "user", user);
	kan_json_set_bytes(row, "method", method);
	kan_json_set_bytes(row, "path", path);
	json_object_set_new(row, "status", json_integer(code));
	if (number(&octets, rest))
		json_object_set_new(row, "octets", json_integer(octets));
	if (combined && before(&skip, &left, "\" \"") && before(&agent, &left, "\""))
		kan_json_set_bytes(row, "agent", agent);
	return row;
}

static int on_request(const struct kan_log_line *line, void *arg, struct kan_err *err)
{
	json_t *row = request(line);
	return row ? tell(arg, line, row, err) : 0;
}

/* sshd: "Accepted publickey for bob from 192.0.2.1 port 4022 ssh2", "Failed password for invalid
 * user bob from ..." */
static json_t *login(const struct kan_log_line *line)
{
	struct kan_bytes left = line->text, skip, method, user, source, port;
	char address[ADDRESS] = "";
	int64_t from = 0;
	struct kan_bytes failed_left = left;
	bool accepted = before(&skip, &left, "Accepted ");
	if (!accepted && !before(&skip, &failed_left, "Failed "))
		return NULL;
	if (!accepted)
		left = failed_left;
	if (!before(&method, &left, " for ") || !before(&user, &left, " from ") ||
	    !before(&source, &left, " port ") || !is_word(method) || source.n >= sizeof address)
		return NULL;
	if (!before(&port, &left, " "))
		port = left;
	memcpy(address, source.p, source.n);
	struct in6_addr ip;
	if (!kan_ip_parse(&ip, address) || !number(&from, port))
		return NULL;
	static const char invalid[] = "invalid user ";
	const size_t n = sizeof invalid - 1;
	if (user.n > n && memcmp(user.p, invalid, n) == 0)
		user = (struct kan_bytes){user.p + n, user.n - n};
	json_t *row = row_of(line);
	json_object_set_new(row, "result", json_string(accepted ? "accepted" : "failed"));
	kan_json_set_bytes(row, "method", method);
	kan_json_set_bytes(row, "user", user);
	json_object_set_new(row, "source", json_string(address));
	json_object_set_new(row, "port", json_integer(from));
	return row;
}

static int on_login(const struct kan_log_line *line, void *arg, struct kan_err *err)
{
	json_t *row = login(line);
	return row ? tell(arg, line, row, err) : 0;
}

int kan_derive_log(const struct kan_facts *f, kan_derive_row_fn *fn, void *arg, struct kan_err *err)
{
	struct sorting s = {fn, arg};
	return kan_log_lines(f, on_line, &s, err);
}

int kan_derive_http(const struct kan_facts *f, kan_derive_row_fn *fn, void *arg,
		    struct kan_err *err)
{
	struct sorting s = {fn, arg};
	return kan_log_lines(f, on_request, &s, err);
}

int kan_derive_login(const struct kan_facts *f, kan_derive_row_fn *fn, void *arg,
		     struct kan_err *err)
{
	struct sorting s = {fn, arg};
	return kan_log_lines(f, on_login, &s, err);
}
