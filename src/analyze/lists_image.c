/* The rows of the image that the document lists: what differs, what is hidden, what is set-uid. */
#include <stdlib.h>
#include <string.h>

#include "analyze/analyze.h"
#include "analyze/integrity.h"
#include "analyze/object.h"

enum { SET_ID = 06000, OCTAL = 8 };

bool kan_lists_wants_image(const char *kind)
{
	return strcmp(kind, "baseline") == 0 || strcmp(kind, "ghost") == 0 ||
	       strcmp(kind, "integrity") == 0;
}

static void list(json_t *to, uint64_t *n, const struct kan_view *v, const char *const *more)
{
	if (++*n > KAN_LIST_IMAGE)
		return;
	json_t *o = kan_object(v, false);
	json_object_set_new(o, "row", json_integer((json_int_t)v->line));
	for (; *more; more++)
		if (json_object_get(v->row, *more))
			json_object_set(o, *more, json_object_get(v->row, *more));
	json_array_append_new(to, o);
}

/* A path that differs in more than what honest tools change too; or an image, a manifest or a
 * layer. */
static bool is_damage(const json_t *row)
{
	if (strcmp(kan_json_str(row, "about"), "path") == 0)
		return !kan_integrity_noted(row);
	return strcmp(kan_json_str(row, "result"), "damaged") == 0;
}

static bool is_set_id(const json_t *row)
{
	return strcmp(kan_json_str(row, "type"), "file") == 0 &&
	       (strtoul(kan_json_str(row, "mode"), NULL, OCTAL) & SET_ID);
}

void kan_lists_see_image(struct kan_lists *l, const struct kan_view *v)
{
	static const char *const of_damage[] = {"rung", "about", NULL};
	static const char *const of_ghost[] = {"type", "hidden_by", "stored", NULL};
	static const char *const of_file[] = {"uid", "gid", NULL};
	if (strcmp(v->kind->name, "ghost") == 0)
		list(l->ghosts, &l->n_ghosts, v, of_ghost);
	else if (strcmp(v->kind->name, "integrity") == 0 && is_damage(v->row))
		list(l->damaged, &l->n_damaged, v, of_damage);
	else if (strcmp(v->kind->name, "baseline") == 0 && is_set_id(v->row))
		list(l->setid, &l->n_setid, v, of_file);
}
