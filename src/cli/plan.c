/* --dry-run: what would be read, paused, changed and written. */
#include "cli/plan.h"

#include <stdlib.h>
#include <string.h>

#include "base/row.h"
#include "cli/capture_doc.h"

static void print_text(const char *s)
{
	kan_print(stdout, kan_bytes_of(s));
}

static void print_names(const char *label, const json_t *list)
{
	size_t i = 0;
	json_t *o = NULL;
	if (!json_array_size(list))
		return;
	(void)printf("  %-10s", label);
	json_array_foreach (list, i, o) {
		(void)fputs(i ? ", " : "", stdout);
		print_text(kan_json_str(o, "name"));
	}
	(void)fputc('\n', stdout);
}

static void print_left_out(const json_t *list)
{
	size_t i = 0;
	json_t *o = NULL;
	json_array_foreach (list, i, o) {
		(void)fputs(i ? "            " : "  not       ", stdout);
		print_text(kan_json_str(o, "name"));
		(void)fputs(": ", stdout);
		print_text(kan_json_str(o, "why"));
		(void)fputc('\n', stdout);
	}
}

static void print_pause(const json_t *pause, bool acts)
{
	const char *why = kan_json_str(pause, "why");
	(void)fputs("  pauses    ", stdout);
	if (*why)
		(void)printf("nothing: %s\n", why);
	else if (acts)
		(void)puts("from the first process that is read until the last act");
	else
		(void)printf("%s, %.1f s at most\n", kan_json_str(pause, "mode"),
			     (double)kan_json_int(pause, "max_ms") / 1000);
}

static void print_space(const json_t *space)
{
	char free_words[32], needed[32];
	const json_t *left = json_object_get(space, "free");
	kan_size_words(free_words, sizeof free_words, (uint64_t)json_integer_value(left));
	kan_size_words(needed, sizeof needed, (uint64_t)kan_json_int(space, "needed"));
	(void)fputs("  writes    ", stdout);
	print_text(kan_json_str(space, "place"));
	(void)printf(", about %s%s%s%s\n", needed, json_is_null(left) ? "" : " of ",
		     json_is_null(left) ? "" : free_words, json_is_null(left) ? "" : " free");
	if (json_is_integer(left) && json_integer_value(left) < kan_json_int(space, "needed"))
		(void)puts(
			"            THAT IS TOO LITTLE: choose another place with -o or --home");
}

/* What an act would change, as the container is now. */
static const char *act_words(const json_t *plan, int what)
{
	const json_t *host = json_object_get(json_object_get(plan, "inspect"), "HostConfig");
	static const char *const words[] = {
		[KAN_RESPOND_PAUSE] = "it stays paused",
		[KAN_RESPOND_DISCONNECT] = "it is taken off its networks",
		[KAN_RESPOND_KILL] = "SIGKILL: no code of it runs any more, its memory is lost",
		[KAN_RESPOND_STOP] = "SIGTERM, which runs its handler, then SIGKILL",
		[KAN_RESPOND_NO_RESTART] = "its restart policy becomes no",
		[KAN_RESPOND_LABEL] = "it is renamed to NAME-quarantined",
	};
	const char *policy = kan_json_str(json_object_get(host, "RestartPolicy"), "Name");
	if (what == KAN_RESPOND_NO_RESTART && (!*policy || strcmp(policy, "no") == 0))
		return "nothing: the engine does not restart it";
	return words[what];
}

static json_t *plan_json(const json_t *plan, const struct kan_plan_acts *acts)
{
	json_t *o = json_copy((json_t *)(uintptr_t)plan), *list = json_array();
	json_object_del(o, "inspect");
	json_object_set_new(o, "schema", json_string("kanshiki.plan/1"));
	for (size_t i = 0; i < acts->n; i++)
		json_array_append_new(list, json_string(kan_respond_words[acts->what[i]]));
	json_object_set_new(o, "acts", list);
	return o;
}

int kan_plan_print(const json_t *plan, const struct kan_plan_acts *acts, bool json)
{
	const json_t *c = json_object_get(plan, "container");
	if (json) {
		json_auto_t *o = plan_json(plan, acts);
		return kan_print_json(o);
	}
	(void)fputs("would capture ", stdout);
	print_text(kan_json_str(c, "name"));
	(void)printf(" (%.12s), ", kan_json_str(c, "id"));
	print_text(kan_json_str(c, "image"));
	(void)fputs(", ", stdout);
	print_text(kan_json_str(c, "state"));
	(void)printf("; depth %s\n", kan_json_str(plan, "depth"));
	print_names("reads", json_object_get(plan, "collect"));
	print_left_out(json_object_get(plan, "leave_out"));
	print_pause(json_object_get(plan, "pause"), acts->n != 0);
	for (size_t i = 0; i < acts->n; i++)
		(void)printf("  %-10s%s: %s\n", i ? "" : "changes",
			     kan_respond_words[acts->what[i]], act_words(plan, (int)acts->what[i]));
	print_space(json_object_get(plan, "space"));
	(void)puts("nothing was done");
	return KAN_EXIT_OK;
}
