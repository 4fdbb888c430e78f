/* The verdict in words: the level with what carries it, and how it began. */
#include <stdio.h>
#include <string.h>

#include "base/row.h"
#include "reports/model.h"

enum { TEXT = 256, ENTRY_MAX = 2 };

/* Witnesses, as a reader calls them. */
static const char *witness(const char *trust)
{
	static const char *const words[][2] = {{"kernel-process", "processes"},
					       {"kernel-socket", "sockets"},
					       {"storage", "files"},
					       {"image", "the image"},
					       {"host", "the host"},
					       {"engine", "the engine"},
					       {"container-text", "its own words"}};
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (strcmp(trust, words[i][0]) == 0)
			return words[i][1];
	return trust;
}

static const char *level_word(const char *level)
{
	return strcmp(level, "intrusion") == 0 ? "INTRUSION" : "SUSPICIOUS";
}

/* "INTRUSION, strength high: processes, sockets" */
static void say_level(struct kan_model *m, const json_t *verdict)
{
	char text[TEXT];
	size_t i = 0, n = 0;
	json_t *c = NULL;
	n += (size_t)snprintf(text, sizeof text,
			      "%s, strength %s: ", level_word(kan_json_str(verdict, "level")),
			      kan_json_str(verdict, "confidence"));
	json_array_foreach (json_object_get(verdict, "classes"), i, c)
		if (n < sizeof text)
			n += (size_t)snprintf(text + n, sizeof text - n, "%s%s", i ? ", " : "",
					      witness(json_string_value(c)));
	kan_part_text(m->headline, text);
}

int64_t kan_model_number(const struct kan_model *m, const char *id)
{
	size_t i = 0;
	json_t *f = NULL;
	json_array_foreach (json_object_get(m->doc, "findings"), i, f)
		if (strcmp(kan_json_str(f, "id"), id) == 0)
			return kan_json_int(f, "n");
	return 0;
}

static int64_t first_finding(const struct kan_model *m, const json_t *ids)
{
	int64_t first = 0;
	size_t i = 0;
	json_t *id = NULL;
	json_array_foreach ((json_t *)(uintptr_t)ids, i, id) {
		int64_t n = kan_model_number(m, json_string_value(id));
		first = n && (!first || n < first) ? n : first;
	}
	return first;
}

/* Supported ones first, then what could not be judged; the rest is in the report. */
static int worth(const json_t *h)
{
	static const char *const grades[] = {"supported high", "supported moderate",
					     "weakly supported low", "not assessable "};
	char text[TEXT];
	(void)snprintf(text, sizeof text, "%s %s", kan_json_str(h, "grade"),
		       kan_json_str(h, "strength"));
	for (int i = 0; i < 4; i++)
		if (strcmp(text, grades[i]) == 0)
			return i;
	return 4;
}

void kan_model_hypothesis(json_t *parts, const json_t *h)
{
	char text[TEXT];
	const char *strength = kan_json_str(h, "strength");
	const json_t *missing = json_object_get(h, "missing");
	bool blind = strcmp(kan_json_str(h, "grade"), "not assessable") == 0;
	(void)snprintf(text, sizeof text, "%s (%s): %s%s%s", kan_json_str(h, "name"),
		       kan_json_str(h, "side"), kan_json_str(h, "grade"), *strength ? ", " : "",
		       strength);
	kan_part_text(parts, text);
	if (!blind)
		return;
	kan_part_text(parts, ": missing ");
	kan_part_value(parts, missing, "what");
}

static void entry(struct kan_model *m, const json_t *list)
{
	for (int rank = 0; rank < 4; rank++) {
		size_t i = 0;
		json_t *h = NULL;
		json_array_foreach ((json_t *)(uintptr_t)list, i, h) {
			if (worth(h) != rank || m->entry.n == ENTRY_MAX)
				continue;
			json_t *p = json_array();
			kan_model_hypothesis(p, h);
			kan_entry_add(&m->entry, p, first_finding(m, json_object_get(h, "for")));
		}
	}
}

void kan_model_verdict(struct kan_model *m)
{
	const json_t *verdict = json_object_get(m->doc, "verdict");
	const char *level = kan_json_str(verdict, "level");
	m->headline = json_array();
	m->alarm = *level && strcmp(level, "none") != 0;
	if (!m->alarm) {
		size_t rules = json_array_size(json_object_get(m->doc, "rules"));
		kan_part_text(m->headline,
			      rules && m->not_assessed >= rules
				      ? "Not assessed: nothing that a rule looks at was collected"
				      : "No intrusion found in what was collected");
		return;
	}
	say_level(m, verdict);
	entry(m, json_object_get(verdict, "hypotheses"));
}
