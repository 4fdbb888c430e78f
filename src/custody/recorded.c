/* The chain as a table of bundles: the seal that each was committed with. */
#include "custody/recorded.h"

#include <stdio.h>
#include <string.h>

#include "base/row.h"
#include "custody/chain.h"
#include "custody/lookup.h"

struct table {
	json_t *bundles;
	struct kan_git *git;
	const char *derived;
};

static json_t *bundle_of(const struct table *t, const struct kan_event *e, bool make)
{
	json_t *o = json_object_get(t->bundles, e->bundle);
	if (o || !make)
		return o;
	o = json_pack("{s:s,s:[],s:[]}", "case", e->case_id, "seals", "derived");
	json_object_set_new(t->bundles, e->bundle, o);
	return o;
}

/* The digest that the pointer in the commit names. */
static int derived(json_t *list, const struct table *t, const struct kan_chain_item *item,
		   struct kan_err *err)
{
	const struct kan_event *e = item->event;
	kan_auto_gitcommit struct kan_gitobj_commit commit = {0};
	kan_auto_buf struct kan_buf path = KAN_BUF(1024), text = KAN_BUF(KAN_FORM_POINTER_MAX);
	char id[KAN_GIT_ID], oid[KAN_SHA256_HEX];
	uint64_t size = 0;
	bool dir = false;
	kan_buf_addf(&path, "cases/%s/derived/%s/%06u/%s", e->case_id, e->bundle, e->seq,
		     t->derived);
	if (kan_gitobj_read_commit(&commit, t->git, item->commit, err) < 0)
		return -1;
	int rc = kan_gitobj_walk(id, &dir, t->git, commit.tree, kan_buf_str(&path), err);
	if (rc <= 0 || dir)
		return rc < 0 ? -1 : 0;
	if (kan_git_read(&text, t->git, id, KAN_GIT_BLOB, err) < 0 ||
	    kan_form_pointer_parse(oid, &size, kan_buf_bytes(&text), err) < 0)
		return -1;
	kan_json_add_word(list, oid);
	return 0;
}

static int record(const struct kan_chain_item *item, void *arg, struct kan_err *err)
{
	struct table *t = arg;
	const struct kan_event *e = item->event;
	bool brings = strcmp(e->type, "collect") == 0 || strcmp(e->type, "import") == 0;
	bool derives = t->derived && strcmp(e->type, "derive") == 0;
	if ((!brings && !derives) || !*e->bundle)
		return 0;
	json_t *o = bundle_of(t, e, brings);
	if (brings)
		kan_json_add_word(json_object_get(o, "seals"), e->seal);
	if (!derives || !o || !kan_json_has_word(json_object_get(o, "seals"), e->seal))
		return 0;
	return derived(json_object_get(o, "derived"), t, item, err);
}

static int walk(struct kan_git *git, const char *tip, const char *case_id, void *arg,
		struct kan_err *err)
{
	struct table *t = arg;
	char name[KAN_FORM_CASE];
	t->git = git;
	if (case_id)
		kan_form_case(name, kan_bytes_of(case_id));
	return kan_chain_each(git, tip, case_id ? name : NULL, record, t, err);
}

int kan_custody_recorded(json_t **out, const char *repo, const char *case_id, const char *derived,
			 struct kan_err *err)
{
	struct table t = {.bundles = json_object(), .derived = derived};
	if (kan_custody_look(repo, case_id, walk, &t, err) < 0) {
		json_decref(t.bundles);
		return -1;
	}
	*out = t.bundles;
	return 0;
}
