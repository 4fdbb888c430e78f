/* doctor's screen, and its document. */
#include <stdio.h>
#include <string.h>

#include "base/escape.h"
#include "base/row.h"
#include "base/self.h"
#include "cli/doctor.h"

enum { WIDTH = 80, INDENT = 21, TEXT_OCTETS = 64 << 10 };

static void indent(void)
{
	(void)printf("%*s", INDENT, "");
}

/* Words up to the screen's width; a word that is longer stands alone. */
static void print_wrapped(const char *text)
{
	size_t at = INDENT;
	while (*text) {
		size_t n = strcspn(text, " ");
		size_t columns = kan_columns((struct kan_bytes){(const uint8_t *)text, n});
		if (at > INDENT && at + 1 + columns > WIDTH) {
			(void)fputc('\n', stdout);
			indent();
			at = INDENT;
		}
		if (at > INDENT) {
			(void)fputc(' ', stdout);
			at++;
		}
		(void)fwrite(text, 1, n, stdout);
		at += columns;
		text += n + strspn(text + n, " ");
	}
	(void)fputc('\n', stdout);
}

/* What is well is one line, but for a list of names; what is not is whole. */
static bool one_line(const json_t *c)
{
	return strcmp(kan_json_str(c, "state"), kan_health_words[KAN_HEALTHY]) == 0 &&
	       strcmp(kan_json_str(c, "what"), "collectors") != 0;
}

static void print_check(const json_t *c)
{
	kan_auto_buf struct kan_buf clean = KAN_BUF(TEXT_OCTETS), cut = KAN_BUF(TEXT_OCTETS);
	const char *state = kan_json_str(c, "state"), *todo = kan_json_str(c, "do");
	kan_escape_terminal(&clean, kan_bytes_of(kan_json_str(c, "why")));
	(void)printf("%-8s %-11s ", state, kan_json_str(c, "what"));
	if (one_line(c)) {
		kan_cut_columns(&cut, kan_buf_bytes(&clean), WIDTH - INDENT);
		(void)printf("%s\n", kan_buf_str(&cut));
		return;
	}
	print_wrapped(kan_buf_str(&clean));
	if (!*todo)
		return;
	kan_buf_reset(&clean);
	kan_buf_addf(&clean, "-> %s", todo);
	indent();
	print_wrapped(kan_buf_str(&clean));
}

static void print_setting(const json_t *s)
{
	(void)printf("  %s ", kan_json_str(s, "key"));
	kan_print(stdout, kan_bytes_of(kan_json_str(s, "value")));
	(void)fputs("  (", stdout);
	kan_print(stdout, kan_bytes_of(kan_json_str(s, "from")));
	(void)fputs(")\n", stdout);
}

static size_t warnings(const struct kan_doctor *d)
{
	size_t i = 0, n = 0;
	json_t *o = NULL;
	json_array_foreach (d->checks, i, o)
		n += strcmp(kan_json_str(o, "state"), kan_health_words[KAN_HEALTH_WARN]) == 0;
	return n;
}

static int print_text(const struct kan_doctor *d)
{
	size_t i = 0;
	json_t *o = NULL;
	json_array_foreach (d->checks, i, o)
		print_check(o);
	json_array_foreach (d->settings, i, o)
		print_setting(o);
	(void)printf("exit %d: ", d->status);
	if (d->status == KAN_EXIT_OK)
		(void)printf(
			"ready: a capture with these defaults misses nothing; %zu to look at\n",
			warnings(d));
	else
		(void)printf("%s\n", kan_status_words(d->status));
	return d->status;
}

static int print_document(const struct kan_doctor *d)
{
	json_auto_t *o =
		json_pack("{s:s,s:i,s:o,s:O,s:O,s:O,s:O}", "schema", "kanshiki.doctor/1", "exit",
			  d->status, "host", kan_host_json(), "checks", d->checks, "collectors",
			  d->collectors, "settings", d->settings, "clock", d->clock);
	kan_json_set_bytes(o, "home", kan_bytes_of(d->home));
	if (d->here.engine)
		json_object_set(o, "engine", d->here.engine);
	if (d->here.rights)
		json_object_set(o, "rights", d->here.rights);
	int printed = kan_print_json(o);
	return printed == KAN_EXIT_OK ? d->status : printed;
}

int kan_doctor_print(const struct kan_doctor *d)
{
	return kan_flag(d->a, "json") ? print_document(d) : print_text(d);
}
