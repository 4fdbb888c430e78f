/* The strip of ATT&CK: tactics in the order of an attack, techniques below each. */
#include <string.h>

#include "base/row.h"
#include "reports/pictures.h"

enum { COLUMN = 125, ROW = 22, TOP = 40, LEFT = 6, ABREAST = 6 };

static const char *const order[] = {"reconnaissance",  "resource-development",
				    "initial-access",  "execution",
				    "persistence",     "privilege-escalation",
				    "defense-evasion", "credential-access",
				    "discovery",       "lateral-movement",
				    "collection",      "command-and-control",
				    "exfiltration",    "impact"};

static int64_t first_finding(const struct kan_model *m, const json_t *technique)
{
	size_t i = 0, k = 0;
	json_t *f = NULL, *id = NULL;
	json_array_foreach (json_object_get(m->doc, "findings"), i, f)
		json_array_foreach (json_object_get(f, "attack"), k, id)
			if (json_equal(id, json_object_get(technique, "id")))
				return kan_json_int(f, "n");
	return 0;
}

static void column(struct kan_attack *a, const struct kan_model *m, const char *tactic)
{
	/* Six abreast: more would be drawn too small to read. */
	if (a->n_tactics && a->n_tactics % ABREAST == 0)
		a->band = a->height;
	int x = LEFT + COLUMN * (int)(a->n_tactics % ABREAST), top = a->band + TOP, y = top;
	size_t i = 0;
	json_t *t = NULL;
	json_array_foreach (json_object_get(m->doc, "techniques"), i, t) {
		if (!kan_json_has_word(json_object_get(t, "tactics"), tactic) ||
		    a->n == KAN_ATTACK_CELLS)
			continue;
		a->at[a->n++] = (struct kan_technique){x, y, t, first_finding(m, t)};
		y += ROW;
	}
	if (y == top)
		return;
	a->tactics[a->n_tactics].x = x;
	a->tactics[a->n_tactics].y = a->band;
	a->tactics[a->n_tactics++].name = tactic;
	a->height = y > a->height ? y : a->height;
}

void kan_attack_make(struct kan_attack *out, const struct kan_model *m)
{
	*out = (struct kan_attack){0};
	for (size_t i = 0; i < sizeof order / sizeof *order; i++)
		column(out, m, order[i]);
	out->width = KAN_PICTURE_WIDTH;
	out->height += LEFT;
}
