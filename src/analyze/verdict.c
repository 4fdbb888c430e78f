/* The level, its strength of support, and how it began: grades of seven hypotheses. */
#include "analyze/verdict.h"

#include <string.h>

#include "analyze/analyze.h"
#include "base/row.h"

enum {
	ENOUGH = 3, /* votes for, so that a missing discriminator no longer matters */
	DOUBT = 2,  /* fewer votes for than this do not stand against a contradiction */
	STRONG = 2, /* what a class weighs at least, for strength high */
	SEEING = 3, /* what a hypothesis needs to be seen, at most */
};

/* What has to have been seen before a hypothesis can be judged by silence. */
struct needs {
	const char *collector, *artefact;
};
static const struct {
	const char *side;
	bool events; /* and the whole window of the engine's events */
	struct needs needs[SEEING];
} seeing[KAN_HYPOTHESES] = {
	[KAN_HYP_SERVICE] = {"outside",
			     false,
			     {{"processes", "data/processes/processes.ndjson"},
			      {"logs", "data/logs/files.ndjson"}}},
	[KAN_HYP_CONTAINER_API] = {"outside",
				   true,
				   {{"engine", "data/engine/events.json"},
				    {"engine", "data/engine/inspect.json"}}},
	[KAN_HYP_REMOTE_LOGIN] = {"outside",
				  false,
				  {{"processes", "data/processes/processes.ndjson"},
				   {"filesystem", "data/filesystem/changes.ndjson"}}},
	[KAN_HYP_SUPPLY_CHAIN] = {"inside", false, {{"image", "data/image/baseline.ndjson"}}},
	[KAN_HYP_EXEC] = {"inside",
			  true,
			  {{"processes", "data/processes/processes.ndjson"},
			   {"engine", "data/engine/events.json"}}},
	[KAN_HYP_LATERAL] = {"inside",
			     false,
			     {{"network", "data/network/sockets.ndjson"},
			      {"network", "data/network/addresses.ndjson"}}},
	[KAN_HYP_OPERATOR] = {"inside",
			      false,
			      {{"processes", "data/processes/processes.ndjson"},
			       {"filesystem", "data/filesystem/changes.ndjson"}}},
};

json_t *kan_discriminator_missing(enum kan_hypothesis h, const struct kan_facts *f)
{
	for (size_t i = 0; i < SEEING && seeing[h].needs[i].collector; i++) {
		const struct needs *n = &seeing[h].needs[i];
		enum kan_coverage c = kan_cover_of(f->cover, f->source, n->collector, n->artefact);
		if (c == KAN_COVER_NONE || c == KAN_COVER_CUT)
			return kan_cover_why(f->cover, n->collector, n->artefact);
	}
	return seeing[h].events ? kan_events_unseen(f) : NULL;
}

struct sums {
	int sum[2];          /* for, against */
	unsigned classes[2]; /* how many have a vote */
	unsigned strong_for; /* classes that weigh STRONG or more */
};

static struct sums sums_of(const struct kan_tally *t)
{
	struct sums s = {{0}, {0}, 0};
	for (size_t side = 0; side < 2; side++)
		for (size_t c = 0; c < KAN_TRUST_CLASSES; c++) {
			s.sum[side] += t->sides[side][c];
			s.classes[side] += t->sides[side][c] > 0;
			s.strong_for += side == 0 && t->sides[side][c] >= STRONG;
		}
	return s;
}

/* The first line that holds. *strength: NULL where the grade has none. */
static const char *grade_of(const char **strength, const struct sums *s, bool missing)
{
	int f = s->sum[0], a = s->sum[1];
	*strength = NULL;
	if (missing && f < ENOUGH)
		return "not assessable";
	if (a >= ENOUGH && f < DOUBT)
		return "contradicted";
	if (f >= ENOUGH && s->classes[0] >= 2 && f > a) {
		*strength = s->strong_for >= 2 && a == 0 && !missing ? "high" : "moderate";
		return "supported";
	}
	if (f >= 1 && f > a) {
		*strength = "low";
		return "weakly supported";
	}
	return "not supported";
}

static json_t *hypothesis(enum kan_hypothesis h, const struct kan_tally *t,
			  const struct kan_facts *f)
{
	const struct sums s = sums_of(t);
	const char *strength = NULL;
	json_t *missing = kan_discriminator_missing(h, f);
	const char *grade = grade_of(&strength, &s, missing != NULL);
	json_t *o = json_pack("{s:s,s:s,s:s,s:O,s:O,s:i,s:i}", "name", kan_hypothesis_names[h],
			      "side", seeing[h].side, "grade", grade, "for", t->names[0], "against",
			      t->names[1], "weight_for", s.sum[0], "weight_against", s.sum[1]);
	if (strength)
		json_object_set_new(o, "strength", json_string(strength));
	if (missing)
		json_object_set_new(o, "missing", missing);
	return o;
}

static json_t *hypotheses(const struct kan_run *run, const json_t *findings)
{
	struct kan_tally tallies[KAN_HYPOTHESES];
	json_t *list = json_array();
	kan_votes_count(tallies, run, findings);
	for (int h = 0; h < KAN_HYPOTHESES; h++) {
		json_array_append_new(list,
				      hypothesis((enum kan_hypothesis)h, &tallies[h], run->facts));
		json_decref(tallies[h].names[0]);
		json_decref(tallies[h].names[1]);
	}
	return list;
}

static int severity_of(const json_t *o)
{
	for (int s = KAN_CRITICAL; s > KAN_LOW; s--)
		if (strcmp(kan_json_str(o, "severity"), kan_severity_names[s]) == 0)
			return s;
	return KAN_LOW;
}

static bool counts(const json_t *finding)
{
	return strcmp(kan_json_str(finding, "class"), "intrusion") == 0 &&
	       severity_of(finding) >= KAN_MEDIUM;
}

static bool is_certain(const json_t *finding)
{
	return counts(finding) && severity_of(finding) == KAN_CRITICAL &&
	       strcmp(kan_json_str(finding, "confidence"), "high") == 0;
}

/* A heavy story seen by two kinds of witnesses. What one session of the image's own programs did
 * may be an operator's. */
static bool is_heavy(const json_t *story)
{
	return severity_of(story) >= KAN_HIGH &&
	       json_array_size(json_object_get(story, "classes")) >= 2 &&
	       !json_is_true(json_object_get(story, "session"));
}

static const char *level_of(const json_t *findings, const json_t *stories)
{
	const char *level = "none";
	size_t i = 0;
	json_t *v = NULL;
	json_array_foreach ((json_t *)(uintptr_t)findings, i, v) {
		if (is_certain(v))
			return "intrusion";
		if (counts(v))
			level = "suspicious";
	}
	json_array_foreach ((json_t *)(uintptr_t)stories, i, v)
		if (is_heavy(v))
			return "intrusion";
	return level;
}

/* Classes of the findings that count, the hardest to forge first. */
static json_t *classes_of(const json_t *findings)
{
	json_t *list = json_array(), *f = NULL, *c = NULL;
	for (unsigned rank = 0; rank < KAN_TRUST_CLASSES; rank++) {
		size_t i = 0, k = 0;
		const json_t *has = NULL;
		json_array_foreach ((json_t *)(uintptr_t)findings, i, f)
			json_array_foreach (json_object_get(f, "classes"), k, c)
				if (counts(f) && kan_trust_rank(json_string_value(c)) == rank)
					has = c;
		if (has)
			json_array_append_new(list, json_string(json_string_value(has)));
	}
	return list;
}

/* Strength of support, never a probability. */
static const char *strength_of(const json_t *classes)
{
	static const unsigned weak = 4; /* host, engine, container-text: see kan_trust_rank */
	if (json_array_size(classes) >= 2)
		return "high";
	const char *only = json_string_value(json_array_get(classes, 0));
	return only && kan_trust_rank(only) < weak ? "moderate" : "low";
}

json_t *kan_verdict(const struct kan_run *run, const json_t *findings, const json_t *stories)
{
	const char *level = level_of(findings, stories);
	json_t *classes = classes_of(findings);
	json_t *o = json_pack("{s:s,s:O,s:o}", "level", level, "classes", classes, "hypotheses",
			      hypotheses(run, findings));
	if (strcmp(level, "none") != 0)
		json_object_set_new(o, "confidence", json_string(strength_of(classes)));
	json_decref(classes);
	return o;
}
