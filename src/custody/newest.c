/* The chain from its end: what happened last is asked for most. Events are read where main has them
 * all; of the commits before it only what they say of themselves. */
#include "custody/newest.h"

#include <stdlib.h>
#include <string.h>

struct case_events {
	struct kan_gitobj_tree tree;
	bool read;
};

struct kan_newest {
	struct kan_git *git;
	char tip[KAN_GIT_ID];
	struct kan_gitobj_tree cases; /* main's cases/, empty without one */
	struct case_events *events;   /* of each of them, once asked for */
};

void kan_newest_free(struct kan_newest *v)
{
	if (!v)
		return;
	for (size_t i = 0; i < v->cases.n; i++)
		kan_gitobj_tree_free(&v->events[i].tree);
	free(v->events);
	kan_gitobj_tree_free(&v->cases);
	free(v);
}

void kan_newest_auto(struct kan_newest **v)
{
	kan_newest_free(*v);
}

static int read_cases(struct kan_newest *v, struct kan_err *err)
{
	kan_auto_gitcommit struct kan_gitobj_commit c = {0};
	char cases[KAN_GIT_ID];
	bool dir;
	int found;

	if (kan_gitobj_read_commit(&c, v->git, v->tip, err) < 0)
		return kan_wrap(err, "commit");
	found = kan_gitobj_walk(cases, &dir, v->git, c.tree, "cases", err);
	if (found <= 0)
		return found;
	return kan_gitobj_read_tree(&v->cases, v->git, cases, err);
}

int kan_newest_open(struct kan_newest **out, struct kan_git *g, const char *tip,
		    struct kan_err *err)
{
	kan_auto_newest struct kan_newest *v = kan_xalloc(sizeof(*v));

	v->git = g;
	memcpy(v->tip, tip, KAN_GIT_ID);
	if (*tip && read_cases(v, err) < 0)
		return -1;
	v->events = kan_xalloc((v->cases.n + 1) * sizeof(*v->events));
	*out = kan_take_ptr(v);
	return 0;
}

/* NULL: main has no such case. */
static int events_of(const struct kan_gitobj_tree **out, struct kan_newest *v, const char *case_id,
		     struct kan_err *err)
{
	const struct kan_gitobj_entry *e = kan_gitobj_find(&v->cases, case_id);
	struct case_events *events = e ? &v->events[e - v->cases.list] : NULL;
	char id[KAN_GIT_ID];
	bool dir;
	int found = 1;

	*out = NULL;
	if (events && !events->read)
		found = kan_gitobj_walk(id, &dir, v->git, e->id, "events", err);
	if (!events || found <= 0)
		return found < 0 ? -1 : 0;
	if (!events->read && kan_gitobj_read_tree(&events->tree, v->git, id, err) < 0)
		return -1;
	events->read = true;
	*out = &events->tree;
	return 0;
}

static int event_bytes(struct kan_buf *out, struct kan_newest *v, const char *case_id, unsigned seq,
		       const char *type, struct kan_err *err)
{
	kan_auto_buf struct kan_buf path = KAN_BUF(256);
	const struct kan_gitobj_tree *events;
	const struct kan_gitobj_entry *e = NULL;

	kan_form_event_path(&path, case_id, seq, type);
	if (events_of(&events, v, case_id, err) < 0)
		return -1;
	if (events)
		e = kan_gitobj_find(events, strrchr(kan_buf_str(&path), '/') + 1);
	if (!e || e->dir)
		return kan_fail(err, KAN_ETAMPER, "%s: missing: run verify", kan_buf_str(&path));
	return kan_git_read(out, v->git, e->id, KAN_GIT_BLOB, err);
}

static bool has(struct kan_bytes text, const char *needle)
{
	return !needle || memmem(text.p, text.n, needle, strlen(needle)) != NULL;
}

/* The commit's event, when it is one that is asked for. */
static int visit(struct kan_newest *v, const struct kan_gitobj_commit *c, const char *id,
		 const struct kan_newest_ask *ask, struct kan_err *err)
{
	kan_auto_event struct kan_event e = {0};
	kan_auto_buf struct kan_buf text = KAN_BUF(KAN_EVENT_MAX);
	char type[KAN_FORM_TYPE], in_case[KAN_FORM_CASE];
	unsigned seq;

	if (!kan_form_message_parse(type, in_case, &seq, c->message))
		return kan_fail(err, KAN_ETAMPER, "commit %s is not of kanshiki: run verify", id);
	if ((ask->case_id && strcmp(ask->case_id, in_case) != 0) ||
	    (ask->type && strcmp(ask->type, type) != 0))
		return 0;
	if (event_bytes(&text, v, in_case, seq, type, err) < 0)
		return -1;
	if (!has(kan_buf_bytes(&text), ask->needle))
		return 0;
	if (kan_event_parse(&e, kan_buf_bytes(&text), err) < 0)
		return -1;
	if (!kan_chain_fits(c, &e, kan_buf_bytes(&text)))
		return kan_fail(err, KAN_ETAMPER, "commit %s does not fit its event: run verify",
				id);
	return ask->fn(&(struct kan_chain_item){&e, id, kan_buf_bytes(&c->sig)}, ask->arg, err);
}

int kan_newest_each(struct kan_newest *v, const struct kan_newest_ask *ask, struct kan_err *err)
{
	char at[KAN_GIT_ID];
	int rc = 0;

	memcpy(at, v->tip, KAN_GIT_ID);
	for (size_t n = 0; *at && !rc; n++) {
		kan_auto_gitcommit struct kan_gitobj_commit c = {0};

		if (n >= KAN_CHAIN_COMMITS_MAX)
			return kan_fail(err, KAN_ELIMIT, "more than %d commits",
					KAN_CHAIN_COMMITS_MAX);
		if (kan_gitobj_read_commit(&c, v->git, at, err) < 0)
			return kan_wrap(err, "commit");
		rc = visit(v, &c, at, ask, err);
		memcpy(at, c.parent, KAN_GIT_ID);
	}
	return rc;
}

int kan_newest_one(struct kan_newest *v, const char *commit, const struct kan_newest_ask *ask,
		   struct kan_err *err)
{
	kan_auto_gitcommit struct kan_gitobj_commit c = {0};

	if (kan_gitobj_read_commit(&c, v->git, commit, err) < 0)
		return kan_wrap(err, "commit");
	return visit(v, &c, commit, ask, err);
}

int kan_newest_case(struct kan_newest *v, const char *case_id, unsigned from, kan_newest_fn *fn,
		    void *arg, struct kan_err *err)
{
	const struct kan_gitobj_tree *events;
	char type[KAN_FORM_TYPE];
	unsigned seq;
	int rc = 0;

	if (events_of(&events, v, case_id, err) < 0)
		return -1;
	for (size_t i = 0; events && i < events->n && !rc; i++) {
		kan_auto_buf struct kan_buf text = KAN_BUF(KAN_EVENT_MAX);

		if (!kan_form_event_name(&seq, type, events->list[i].name))
			return kan_fail(err, KAN_ETAMPER,
					"case %s has what is no event: run verify", case_id);
		if (seq < from)
			continue;
		if (kan_git_read(&text, v->git, events->list[i].id, KAN_GIT_BLOB, err) < 0)
			return -1;
		rc = fn(kan_buf_bytes(&text), arg, err);
	}
	return rc;
}
