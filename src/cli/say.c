/* What users read: messages on stderr, documents on stdout, exit statuses. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/escape.h"
#include "base/row.h"
#include "cli/cmd.h"

enum { LINE_MAX_OCTETS = 8192 };

/* What was said last, for the failure document of --json. told: a document went out behind it. */
static struct {
	bool json, told, taken;
	enum kan_code code; /* KAN_OK: it came with no error */
	char text[LINE_MAX_OCTETS];
} last;

const struct kan_status_row kan_statuses[] = {
	{KAN_EXIT_OK, "all that was asked for is preserved; verify: integrity holds"},
	{KAN_EXIT_FAILED,
	 "evidence could not be preserved, an act was not done, or an internal error"},
	{KAN_EXIT_USAGE, "usage, configuration, or a malformed rule"},
	{KAN_EXIT_NOT_FOUND, "no such container, bundle or repository"},
	{KAN_EXIT_ENGINE, "the engine cannot be reached or used"},
	{KAN_EXIT_MISSING,
	 "something asked for is missing (gaps), or a bundle is partial or unsealed"},
	{KAN_EXIT_PERMISSION, "permission"},
	{KAN_EXIT_TAMPERED, "sealed evidence or the chain was altered, or a part of it is missing"},
	{KAN_EXIT_REFUSED, "refused: it would do harm, or the place is unsafe"},
	{KAN_EXIT_FINDINGS, "findings at or above --fail-on"},
	{KAN_EXIT_DIFFERENT,
	 "compare --exit-code: there are differences; hunt --exit-code: there are hits"},
	{KAN_EXIT_TIME, "time limit; what was collected is sealed as partial"},
	{KAN_EXIT_INTERRUPTED,
	 "interrupted; what was collected is sealed, as partial unless it was whole"},
	{0, NULL},
};

int kan_status_of(const struct kan_err *err)
{
	switch (err->code) {
	case KAN_OK:
		return KAN_EXIT_OK;
	case KAN_EUSAGE:
		return KAN_EXIT_USAGE;
	case KAN_ENOTFOUND:
		return KAN_EXIT_NOT_FOUND;
	case KAN_EENGINE:
	case KAN_EUNSUPPORTED:
		return KAN_EXIT_ENGINE;
	case KAN_EDENIED:
		return KAN_EXIT_PERMISSION;
	case KAN_ETAMPER:
		return KAN_EXIT_TAMPERED;
	case KAN_EREFUSED:
		return KAN_EXIT_REFUSED;
	case KAN_EIO:
	case KAN_EFORMAT:
	case KAN_ELIMIT:
		return KAN_EXIT_FAILED;
	}
	return KAN_EXIT_FAILED;
}

/* Where in the order of precedence a status stands; lower is worse. */
static size_t rank(int status)
{
	static const int order[] = {1, 7, 8, 6, 4, 3, 2, 130, 124, 5, 9, 10, 0};
	size_t i = 0;
	while (i < sizeof(order) / sizeof(order[0]) && order[i] != status)
		i++;
	return i;
}

int kan_status_worst(int a, int b)
{
	return rank(a) <= rank(b) ? a : b;
}

const char *kan_status_words(int status)
{
	for (const struct kan_status_row *s = kan_statuses; s->words; s++)
		if (s->status == status)
			return s->words;
	return "unknown";
}

const char *kan_done_words(int status)
{
	return status == KAN_EXIT_OK ? "all that was asked for is preserved"
				     : kan_status_words(status);
}

void kan_print(FILE *out, struct kan_bytes text)
{
	kan_auto_buf struct kan_buf clean = KAN_BUF(text.n * 4 + 1);
	kan_escape_terminal(&clean, text);
	if (clean.len)
		(void)fwrite(clean.data, 1, clean.len, out);
}

void kan_say(const char *fmt, ...)
{
	char line[LINE_MAX_OCTETS];
	va_list ap;
	va_start(ap, fmt);
	(void)vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	memcpy(last.text, line, strlen(line) + 1);
	last.code = KAN_OK;
	(void)fputs("kanshiki: ", stderr);
	kan_print(stderr, kan_bytes_of(line));
	(void)fputc('\n', stderr);
}

int kan_say_err(const struct kan_err *err)
{
	kan_say("%s", err->text);
	last.code = err->code;
	last.told = false;
	return kan_status_of(err);
}

/* The buffer stays: a million lines are printed one after another. */
int kan_print_line(const json_t *doc, bool sorted, struct kan_err *err)
{
	static struct kan_buf line = KAN_BUF(1 << 30);
	kan_buf_reset(&line);
	if (kan_json_line(&line, doc, sorted, err) < 0)
		return -1;
	if (fwrite(line.data, 1, line.len, stdout) != line.len)
		return kan_fail_sys(err, "standard output");
	last.told = true;
	return 0;
}

int kan_print_json(const json_t *doc)
{
	struct kan_err err = {0};
	if (kan_print_line(doc, true, &err) < 0)
		return kan_say_err(&err);
	bool good = fflush(stdout) == 0;
	return good ? KAN_EXIT_OK : KAN_EXIT_FAILED;
}

void kan_json_asked(bool asked)
{
	last.json = asked;
}

void kan_json_told(void)
{
	last.told = true;
}

void kan_stdout_taken(void)
{
	last.taken = true;
}

/* The code of an error, or the nearest to a status that came without one. */
static const char *code_word(enum kan_code code, int status)
{
	static const char *const words[] = {
		[KAN_EUSAGE] = "usage",
		[KAN_ENOTFOUND] = "not-found",
		[KAN_EENGINE] = "engine",
		[KAN_EDENIED] = "denied",
		[KAN_EIO] = "io",
		[KAN_EFORMAT] = "format",
		[KAN_ELIMIT] = "limit",
		[KAN_ETAMPER] = "tamper",
		[KAN_EUNSUPPORTED] = "unsupported",
		[KAN_EREFUSED] = "refused",
	};
	static const char *const of_status[] = {
		[KAN_EXIT_FAILED] = "failed",       [KAN_EXIT_USAGE] = "usage",
		[KAN_EXIT_NOT_FOUND] = "not-found", [KAN_EXIT_ENGINE] = "engine",
		[KAN_EXIT_MISSING] = "missing",     [KAN_EXIT_PERMISSION] = "denied",
		[KAN_EXIT_TAMPERED] = "tamper",     [KAN_EXIT_REFUSED] = "refused",
	};
	if (code != KAN_OK)
		return words[code];
	if (status > 0 && (size_t)status < sizeof(of_status) / sizeof(*of_status))
		return of_status[status];
	return status == KAN_EXIT_TIME          ? "time"
	       : status == KAN_EXIT_INTERRUPTED ? "interrupted"
						: "failed";
}

static void print_failure(int status)
{
	json_auto_t *o = json_pack("{s:s,s:i,s:s}", "schema", "kanshiki.error/1", "exit", status,
				   "code", code_word(last.code, status));
	const char *text = last.text[0] ? last.text : kan_status_words(status);
	kan_json_set_bytes(o, "error", kan_bytes_of(text));
	/* Where it cannot be written, the stream's flag tells. */
	(void)kan_print_line(o, true, NULL);
	last.told = true;
}

int kan_status_written(int status)
{
	if (last.json && status != KAN_EXIT_OK && !last.told && !last.taken)
		print_failure(status);
	/* What was flushed before, and failed, shows in the stream's flag alone. */
	bool lost = fflush(stdout) != 0 || ferror(stdout);
	return lost ? kan_status_worst(status, KAN_EXIT_FAILED) : status;
}
