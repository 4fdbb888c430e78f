/* The rows that the document lists: processes, sockets, changes, and what the engine's diff lacks.
 */
#include <string.h>

#include "analyze/analyze.h"
#include "analyze/object.h"

void kan_lists_begin(struct kan_lists *l)
{
	static const char *const words[] = {"added",   "changed", "metadata", "identical",
					    "deleted", "parent",  "engine"};
	*l = (struct kan_lists){.processes = json_array(),
				.sockets = json_array(),
				.changes = json_array(),
				.hidden = json_array(),
				.counts = json_object(),
				.secrets = json_array(),
				.ghosts = json_array(),
				.damaged = json_array(),
				.setid = json_array(),
				.timeline = NULL};
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		json_object_set_new(l->counts, words[i], json_integer(0));
}

void kan_lists_free(struct kan_lists *l)
{
	json_decref(l->processes);
	json_decref(l->sockets);
	json_decref(l->changes);
	json_decref(l->hidden);
	json_decref(l->counts);
	json_decref(l->secrets);
	json_decref(l->ghosts);
	json_decref(l->damaged);
	json_decref(l->setid);
}

bool kan_lists_wants(const struct kan_kind *k)
{
	return strcmp(k->name, "process") == 0 || strcmp(k->name, "socket") == 0 ||
	       strcmp(k->name, "change") == 0 || strcmp(k->name, "secret") == 0 ||
	       kan_lists_wants_image(k->name);
}

static void list(json_t *to, size_t max, const struct kan_view *v, bool gaps)
{
	if (json_array_size(to) >= max)
		return;
	json_t *o = kan_object(v, gaps);
	json_object_set_new(o, "row", json_integer((json_int_t)v->line));
	json_array_append_new(to, o);
}

static void count(json_t *counts, const char *word)
{
	json_t *n = json_object_get(counts, word);
	if (n)
		json_integer_set(n, json_integer_value(n) + 1);
}

static void see_change(struct kan_lists *l, const struct kan_view *v, bool gaps)
{
	const char *change = kan_json_str(v->row, "change");
	count(l->counts, change);
	if (json_is_true(json_object_get(v->extra, "file.hidden_from_engine"))) {
		l->n_hidden++;
		list(l->hidden, KAN_LIST_HIDDEN, v, gaps);
	}
	if (strcmp(change, "parent") == 0 || strcmp(change, "engine") == 0 ||
	    strcmp(change, "identical") == 0)
		return;
	l->n_explained += json_is_true(json_object_get(v->extra, "explained"));
	l->n_changes++;
	list(l->changes, KAN_LIST_CHANGES, v, gaps);
}

void kan_lists_see(const struct kan_view *v, bool gaps, void *lists)
{
	struct kan_lists *l = lists;
	if (strcmp(v->kind->name, "process") == 0) {
		l->n_processes++;
		list(l->processes, KAN_LIST_PROCESSES, v, gaps);
	} else if (strcmp(v->kind->name, "secret") == 0) {
		l->n_secrets++;
		list(l->secrets, KAN_LIST_SECRETS, v, gaps);
	} else if (strcmp(v->kind->name, "change") == 0) {
		see_change(l, v, gaps);
	} else if (kan_lists_wants_image(v->kind->name)) {
		kan_lists_see_image(l, v);
	} else if (strncmp(kan_json_str(v->row, "family"), "inet", 4) == 0) {
		l->n_sockets++;
		list(l->sockets, KAN_LIST_SOCKETS, v, gaps);
	} else {
		l->n_unix++;
	}
}
