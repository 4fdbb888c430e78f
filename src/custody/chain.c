/* Walks of the event chain in an object store. */
#include "custody/chain.h"

#include <stdlib.h>
#include <string.h>

static int commit_tree(char tree[KAN_GIT_ID], struct kan_git *g, const char *commit,
		       struct kan_err *err)
{
	kan_auto_gitcommit struct kan_gitobj_commit c = {0};

	if (kan_gitobj_read_commit(&c, g, commit, err) < 0)
		return -1;
	memcpy(tree, c.tree, KAN_GIT_ID);
	return 0;
}

/* The last of the sorted names is the end of the chain, when they are as many as its number. */
static int end_of(struct kan_chain_end *out, struct kan_git *g, const char *events,
		  struct kan_err *err)
{
	kan_auto_gittree struct kan_gitobj_tree t = {0};
	kan_auto_buf struct kan_buf raw = KAN_BUF(KAN_EVENT_MAX);
	const struct kan_gitobj_entry *last;
	struct kan_chain_end end;
	char type[KAN_FORM_TYPE];

	if (kan_gitobj_read_tree(&t, g, events, err) < 0)
		return -1;
	last = t.n ? &t.list[t.n - 1] : NULL;
	if (!last || !kan_form_event_name(&end.seq, type, last->name) || end.seq != t.n)
		return kan_fail(err, KAN_ETAMPER, "the events have holes: run verify");
	if (kan_git_read(&raw, g, last->id, KAN_GIT_BLOB, err) < 0)
		return -1;
	kan_sha256_hex(end.prev, kan_buf_bytes(&raw));
	*out = end;
	return 0;
}

int kan_chain_end(struct kan_chain_end *out, struct kan_git *g, const char *tip,
		  const char *case_id, struct kan_err *err)
{
	kan_auto_buf struct kan_buf path = KAN_BUF(256);
	char tree[KAN_GIT_ID], events[KAN_GIT_ID];
	bool dir;
	int found = 0;

	kan_buf_addf(&path, "cases/%s/events", case_id);
	if (*tip) {
		if (commit_tree(tree, g, tip, err) < 0)
			return -1;
		found = kan_gitobj_walk(events, &dir, g, tree, kan_buf_str(&path), err);
	}
	if (found < 0)
		return -1;
	if (found)
		return end_of(out, g, events, err);
	*out = (struct kan_chain_end){.seq = 0};
	memcpy(out->prev, kan_event_first, KAN_SHA256_HEX);
	return 0;
}

int kan_chain_ids(struct kan_chain_ids *out, struct kan_git *g, const char *tip,
		  struct kan_err *err)
{
	kan_auto_free char(*ids)[KAN_GIT_ID] = NULL;
	char at[KAN_GIT_ID];
	size_t n = 0, cap = 0;

	memcpy(at, tip, KAN_GIT_ID);
	while (*at) {
		kan_auto_gitcommit struct kan_gitobj_commit c = {0};

		if (n >= KAN_CHAIN_COMMITS_MAX)
			return kan_fail(err, KAN_ELIMIT, "more than %d commits",
					KAN_CHAIN_COMMITS_MAX);
		if (n == cap) {
			cap = cap ? 2 * cap : 64;
			ids = kan_xrealloc(ids, cap, sizeof(*ids));
		}
		memcpy(ids[n++], at, KAN_GIT_ID);
		if (kan_gitobj_read_commit(&c, g, at, err) < 0)
			return kan_wrap(err, "commit");
		memcpy(at, c.parent, KAN_GIT_ID);
	}
	*out = (struct kan_chain_ids){.id = kan_take_ptr(ids), .n = n};
	return 0;
}

/* The event's bytes where the message says they are. */
static int event_bytes(struct kan_buf *out, struct kan_git *g, const struct kan_gitobj_commit *c,
		       const char *path, struct kan_err *err)
{
	char id[KAN_GIT_ID];
	bool dir;
	int found = kan_gitobj_walk(id, &dir, g, c->tree, path, err);

	if (found < 0)
		return -1;
	if (!found || dir)
		return kan_fail(err, KAN_ETAMPER, "%s: missing: run verify", path);
	return kan_git_read(out, g, id, KAN_GIT_BLOB, err);
}

bool kan_chain_fits(const struct kan_gitobj_commit *c, const struct kan_event *e,
		    struct kan_bytes text)
{
	kan_auto_buf struct kan_buf again = KAN_BUF(4096);
	char sha[KAN_SHA256_HEX];

	kan_sha256_hex(sha, text);
	kan_form_message(&again, &(struct kan_form_commit){.type = e->type,
							   .case_id = e->case_id,
							   .bundle = e->bundle,
							   .seal = e->seal,
							   .event_sha256 = sha,
							   .seq = e->seq});
	return kan_bytes_eq(kan_buf_bytes(&again), c->message);
}

static int visit(struct kan_git *g, const char *id, const char *case_id, kan_chain_fn *fn,
		 void *arg, struct kan_err *err)
{
	kan_auto_gitcommit struct kan_gitobj_commit c = {0};
	kan_auto_event struct kan_event e = {0};
	kan_auto_buf struct kan_buf path = KAN_BUF(256);
	kan_auto_buf struct kan_buf text = KAN_BUF(KAN_EVENT_MAX);
	char type[KAN_FORM_TYPE], in_case[KAN_FORM_CASE];
	unsigned seq;

	if (kan_gitobj_read_commit(&c, g, id, err) < 0)
		return -1;
	if (!kan_form_message_parse(type, in_case, &seq, c.message))
		return kan_fail(err, KAN_ETAMPER, "commit %s is not of kanshiki: run verify", id);
	if (case_id && strcmp(case_id, in_case) != 0)
		return 0;
	kan_form_event_path(&path, in_case, seq, type);
	if (event_bytes(&text, g, &c, kan_buf_str(&path), err) < 0 ||
	    kan_event_parse(&e, kan_buf_bytes(&text), err) < 0)
		return -1;
	if (!kan_chain_fits(&c, &e, kan_buf_bytes(&text)))
		return kan_fail(err, KAN_ETAMPER, "commit %s does not fit its event: run verify",
				id);
	return fn(&(struct kan_chain_item){&e, id, kan_buf_bytes(&c.sig)}, arg, err);
}

int kan_chain_each(struct kan_git *g, const char *tip, const char *case_id, kan_chain_fn *fn,
		   void *arg, struct kan_err *err)
{
	struct kan_chain_ids ids = {0};
	int rc;

	if (!*tip)
		return 0;
	rc = kan_chain_ids(&ids, g, tip, err);
	for (size_t i = ids.n; !rc && i > 0; i--)
		rc = visit(g, ids.id[i - 1], case_id, fn, arg, err);
	free(ids.id);
	return rc;
}
