/* The commits from root to tip: one signed event each, nothing changed, nothing left out. */
#include "custody/bag.h"
#include "custody/chain.h"
#include "custody/sshsig.h"
#include "custody/verify_ack.h"
#include "custody/verify_diff.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NS = 1000000000 };

struct case_end {
	char name[KAN_FORM_CASE];
	unsigned seq;
	char prev[KAN_SHA256_HEX];
};

struct history {
	struct kan_verify *v;
	struct case_end *cases;
	struct kan_verify_acks acks;
	size_t n_cases, commits, events, trusted, trusted_stamped;
	struct kan_buf strangers; /* each once, without a trust file */
	bool unread;              /* an event: told as object, event or history */
	bool cut;                 /* the root was not reached: what came before is unknown */
	bool over;  /* a commit adds more than any may: it is the last that was looked at */
	bool holes; /* a tree could not be read: what its commit changed is unknown */
};

/* One commit with what belongs to it. */
struct step {
	struct history *h;
	const char *id;
	struct kan_gitobj_commit commit;
	struct kan_verify_diff diff;
	struct kan_event event;
	struct kan_buf text; /* of the event */
	const char *path;    /* of the event */
	int64_t stamped;     /* UTC nanoseconds, 0: by no authority that is trusted */
};

static struct case_end *end_of(struct history *h, const char *name)
{
	for (size_t i = 0; i < h->n_cases; i++)
		if (strcmp(h->cases[i].name, name) == 0)
			return &h->cases[i];
	h->cases = kan_xrealloc(h->cases, h->n_cases + 1, sizeof(*h->cases));
	h->cases[h->n_cases] = (struct case_end){.seq = 0};
	snprintf(h->cases[h->n_cases].name, KAN_FORM_CASE, "%s", name);
	memcpy(h->cases[h->n_cases].prev, kan_event_first, KAN_SHA256_HEX);
	return &h->cases[h->n_cases++];
}

static void event_fail(const struct step *s, const char *what)
{
	kan_verify_fail(s->h->v, KAN_VERIFY_EVENTS, KAN_CHECK_ALTERED, s->path ? s->path : s->id,
			"commit %s: %s", s->id, what);
}

/* May an event of this type, about this bundle, add this file? */
static bool may_add(const struct kan_event *e, const char *path)
{
	kan_auto_buf struct kan_buf bag = KAN_BUF(512), derived = KAN_BUF(512),
				    anchors = KAN_BUF(512);
	struct kan_bytes p = kan_bytes_of(path);
	bool brings = strcmp(e->type, "collect") == 0 || strcmp(e->type, "import") == 0;
	bool derives = strcmp(e->type, "derive") == 0;

	kan_buf_addf(&bag, "cases/%s/bundles/%s/", e->case_id, e->bundle);
	kan_buf_addf(&derived, "cases/%s/derived/%s/%06u/", e->case_id, e->bundle, e->seq);
	kan_buf_addf(&anchors, "cases/%s/anchors/", e->case_id);
	if (brings && *e->bundle && kan_bytes_starts(p, kan_buf_str(&bag)))
		return true;
	if (derives && *e->bundle && kan_bytes_starts(p, kan_buf_str(&derived)))
		return true;
	if ((derives || strcmp(e->type, "anchor") == 0) &&
	    kan_bytes_starts(p, kan_buf_str(&anchors)))
		return true;
	kan_buf_adds(&bag, "seal/");
	return (strcmp(e->type, "anchor") == 0 || strcmp(e->type, "dispose") == 0) && *e->bundle &&
	       kan_bytes_starts(p, kan_buf_str(&bag));
}

/* The tombstone that a dispose event brings is that event, byte for byte. */
static void check_stone(struct step *s)
{
	kan_auto_buf struct kan_buf want = KAN_BUF(512);
	const char *event = NULL, *stone = NULL;

	kan_buf_addf(&want, "cases/%s/bundles/%s/seal/%06u-dispose.json", s->event.case_id,
		     s->event.bundle, s->event.seq);
	for (size_t i = 0; i < s->diff.n; i++) {
		if (s->diff.list[i].path == s->path)
			event = s->diff.list[i].id;
		if (strcmp(s->diff.list[i].path, kan_buf_str(&want)) == 0)
			stone = s->diff.list[i].id;
	}
	if (!event || !stone || strcmp(event, stone) != 0)
		event_fail(s, "its tombstone in the bag's seal/ is not this event");
	else
		kan_verify_keep_said(s->h->v, stone,
				     s->stamped ? s->stamped / NS : s->commit.committer.time);
}

static void check_adds(struct step *s, bool root)
{
	if (strcmp(s->event.type, "dispose") == 0)
		check_stone(s);
	for (size_t i = 0; i < s->diff.n; i++) {
		const char *path = s->diff.list[i].path;

		if (path == s->path || (root && strcmp(path, KAN_FORM_ATTRIBUTES) == 0) ||
		    may_add(&s->event, path))
			continue;
		kan_verify_fail(s->h->v, KAN_VERIFY_HISTORY, KAN_CHECK_ALTERED, path,
				"commit %s adds what its event does not speak of", s->id);
	}
}

/* An anchor event names the one file that it brings, and what that is over. */
static void check_anchor(struct step *s)
{
	const json_t *anchor = json_object_get(s->event.doc, "anchor");
	const char *file = json_string_value(json_object_get(anchor, "file"));
	const char *commit = json_string_value(json_object_get(anchor, "commit"));
	const char *seal = json_string_value(json_object_get(anchor, "seal"));
	kan_auto_buf struct kan_buf path = KAN_BUF(512);
	size_t brought = 0;

	if (strcmp(s->event.type, "anchor") != 0)
		return;
	for (size_t i = 0; file && i < s->diff.n; i++)
		brought += strcmp(s->diff.list[i].path, file) == 0;
	if (brought != 1 || s->diff.n != 2)
		event_fail(s, "it does not bring the one file that it names");
	if (commit)
		kan_form_anchor_path(&path, s->event.case_id, commit);
	if (!commit == !seal || (commit && strcmp(kan_buf_str(&path), file ? file : "") != 0) ||
	    (seal && strcmp(seal, s->event.seal) != 0))
		event_fail(s, "it is not over what it names");
}

/* The one event of the commit: read and parsed. false: told. */
static bool take_event(struct step *s)
{
	char case_id[KAN_FORM_CASE], type[KAN_FORM_TYPE];
	const char *id = NULL;
	struct kan_err err = {0};
	unsigned seq, found = 0;

	for (size_t i = 0; i < s->diff.n; i++)
		if (kan_form_event_at(s->diff.list[i].path, case_id, &seq, type)) {
			s->path = s->diff.list[i].path;
			id = s->diff.list[i].id;
			found++;
		}
	if (!found && (s->diff.holes || s->diff.over))
		return false;
	if (found != 1) {
		kan_verify_fail(s->h->v, KAN_VERIFY_HISTORY, KAN_CHECK_ALTERED, "",
				"commit %s adds %u events, not one", s->id, found);
		return false;
	}
	s->text = KAN_BUF(KAN_EVENT_MAX);
	if (kan_git_read(&s->text, s->h->v->git, id, KAN_GIT_BLOB, &err) < 0) {
		kan_verify_bad_object(s->h->v, id, s->path, &err);
		return false;
	}
	if (kan_event_parse(&s->event, kan_buf_bytes(&s->text), &err) < 0) {
		event_fail(s, err.text);
		return false;
	}
	return true;
}

static void check_chain(struct step *s)
{
	kan_auto_buf struct kan_buf path = KAN_BUF(512);
	const struct kan_event *e = &s->event;
	struct case_end *end = end_of(s->h, e->case_id);

	kan_form_event_path(&path, e->case_id, e->seq, e->type);
	if (strcmp(kan_buf_str(&path), s->path) != 0)
		event_fail(s, "its file has another case, number or type than itself");
	if (e->seq != end->seq + 1)
		event_fail(s, "seq does not follow: an event is missing or out of order");
	if (strcmp(e->prev, end->prev) != 0)
		event_fail(s, "prev is not the digest of the event before");
	end->seq = e->seq;
	kan_sha256_hex(end->prev, kan_buf_bytes(&s->text));
}

static void check_message(struct step *s)
{
	kan_auto_buf struct kan_buf again = KAN_BUF(4096);
	char sha[KAN_SHA256_HEX];

	kan_sha256_hex(sha, kan_buf_bytes(&s->text));
	kan_form_message(&again, &(struct kan_form_commit){.type = s->event.type,
							   .case_id = s->event.case_id,
							   .bundle = s->event.bundle,
							   .seal = s->event.seal,
							   .event_sha256 = sha,
							   .seq = s->event.seq});
	if (!kan_bytes_eq(kan_buf_bytes(&again), s->commit.message))
		event_fail(s, "the commit's message does not fit the event");
	if (s->commit.committer.time != s->event.utc_ns / NS ||
	    s->commit.author.time != s->commit.committer.time)
		event_fail(s, "the commit's dates are not the event's");
}

/* One bundle that the event speaks of: the bag in the tree is that one. */
static void check_bundle(struct step *s, const json_t *w)
{
	const struct kan_event *e = &s->event;
	struct kan_verify *v = s->h->v;
	const char *bundle = json_string_value(json_object_get(w, "bundle"));
	const char *seal = json_string_value(json_object_get(w, "seal"));
	uint64_t octets = (uint64_t)json_integer_value(json_object_get(w, "octets"));
	uint64_t files = (uint64_t)json_integer_value(json_object_get(w, "files"));

	for (size_t i = 0; i < v->n_bags; i++) {
		struct kan_verify_bag *bag = &v->bags[i];

		if (strcmp(bag->case_id, e->case_id) != 0 || strcmp(bag->bundle, bundle) != 0)
			continue;
		if (strcmp(e->type, "collect") == 0 || strcmp(e->type, "import") == 0)
			bag->committed = s->commit.committer.time;
		if (*bag->seal && strcmp(bag->seal, seal) != 0)
			event_fail(s, "its seal is not that of the bag");
		if (!v->holes && (bag->octets != octets || bag->files != files))
			event_fail(s, "octets or files are not those of the bag");
		return;
	}
	if (!v->holes)
		event_fail(s, "its bundle is not in the tree");
}

static void check_what(struct step *s)
{
	const json_t *list = json_object_get(s->event.doc, "what");

	for (size_t i = 0; i < s->event.n_what; i++)
		check_bundle(s, json_array_get(list, i));
}

static void check_ack(struct step *s)
{
	char sha[KAN_SHA256_HEX];
	const char *wrong;

	kan_sha256_hex(sha, kan_buf_bytes(&s->text));
	wrong = kan_verify_ack(&s->h->acks, &s->event, sha);
	if (wrong)
		event_fail(s, wrong);
}

static bool same(struct kan_bytes v, const char *s)
{
	return kan_bytes_eq(v, kan_bytes_of(s));
}

/* Who signed, who committed and who the event names must be one story. */
static void check_who(struct step *s, struct kan_bytes key)
{
	const struct kan_event *e = &s->event;
	const struct kan_gitobj_commit *c = &s->commit;
	char fpr[KAN_KEY_FPR] = "", host[KAN_FORM_HOST];
	const char *wrong = NULL;

	if (key.n)
		kan_key_fingerprint(fpr, key);
	kan_form_host(host, e->host);
	if (strcmp(fpr, e->key_fpr) != 0)
		wrong = "its event names another key than the one that signed";
	else if (!same(c->author.email, e->email))
		wrong = "its author is not the operator of its event";
	else if (strcmp(e->key, "given") == 0 && !same(c->committer.email, e->email))
		wrong = "its committer is not the operator of its event";
	else if (strcmp(e->key, "host") == 0 &&
		 (!same(c->committer.name, "kanshiki") || !same(c->committer.email, host)))
		wrong = "its committer is not the host";
	if (wrong)
		kan_verify_fail(s->h->v, KAN_VERIFY_SIGNERS, KAN_CHECK_ALTERED, s->path,
				"commit %s: %s", s->id, wrong);
}

static void tell_stranger(struct step *s, const char *fpr, const char *email)
{
	kan_auto_buf struct kan_buf who = KAN_BUF(512);

	kan_buf_addf(&who, "%s of %s\n", fpr, email);
	if (strstr(kan_buf_str(&s->h->strangers), kan_buf_str(&who)))
		return;
	kan_buf_addb(&s->h->strangers, kan_buf_bytes(&who));
	kan_verify_skip(s->h->v, KAN_VERIFY_SIGNERS, "",
			"no trust file: nobody vouches for %s of %s", fpr, email);
}

static void check_trust(struct step *s, struct kan_bytes key)
{
	struct kan_verify *v = s->h->v;
	char email[256], fpr[KAN_KEY_FPR];
	int64_t at = s->stamped ? s->stamped / NS : s->commit.committer.time;
	const char *why;

	snprintf(email, sizeof(email), "%.*s", (int)s->commit.committer.email.n,
		 (const char *)s->commit.committer.email.p);
	kan_key_fingerprint(fpr, key);
	if (!v->signers) {
		tell_stranger(s, fpr, email);
		return;
	}
	if (!kan_signers_find(v->signers, &(struct kan_signers_ask){email, key, KAN_NS_GIT, at},
			      &why)) {
		kan_verify_skip(v, KAN_VERIFY_SIGNERS, s->id, "%s of %s %s: %s", fpr, email,
				s->stamped ? kan_verify_at_stamp : kan_verify_at_commit, why);
		return;
	}
	s->h->trusted++;
	s->h->trusted_stamped += s->stamped != 0;
}

/* The commit's own signature, whatever its event says. */
static void check_signature(struct step *s)
{
	kan_auto_sshsig struct kan_sshsig sig = {0};
	struct kan_verify *v = s->h->v;
	struct kan_err err = {0};

	if (!s->commit.sig.len) {
		kan_verify_skip(v, KAN_VERIFY_COMMITS, s->id, "unsigned");
		if (s->event.doc)
			check_who(s, (struct kan_bytes){0});
		return;
	}
	if (kan_sshsig_parse(&sig, kan_buf_bytes(&s->commit.sig), &err) < 0 ||
	    kan_sshsig_verify(&sig, KAN_NS_GIT, kan_buf_bytes(&s->commit.payload), &err) < 0) {
		if (err.code == KAN_EUNSUPPORTED)
			kan_verify_skip(v, KAN_VERIFY_COMMITS, s->id, "%s", err.text);
		else
			kan_verify_fail(v, KAN_VERIFY_COMMITS, KAN_CHECK_ALTERED, s->id, "%s",
					err.text);
		if (err.code != KAN_EUNSUPPORTED)
			return;
	} else {
		check_trust(s, sig.key);
	}
	if (s->event.doc)
		check_who(s, sig.key);
}

static void run_step(struct step *s, const char *before)
{
	if (s->commit.parents > 1)
		kan_verify_fail(s->h->v, KAN_VERIFY_HISTORY, KAN_CHECK_ALTERED, s->id, "a merge");
	if (!s->h->cut)
		kan_verify_diff(&s->diff, before, s->commit.tree);
	s->h->holes |= s->diff.holes || s->diff.over;
	s->h->over |= s->diff.over;
	if (!s->h->cut && take_event(s)) {
		s->h->events++;
		check_adds(s, !*before);
		check_anchor(s);
		check_chain(s);
		check_message(s);
		check_what(s);
		check_ack(s);
	} else {
		s->h->unread = true;
	}
	check_signature(s);
}

static void reach(const struct step *s)
{
	const struct kan_event *e = &s->event;
	bool event = e->doc != NULL;
	struct kan_verify_reach r = {.at = s->stamped,
				     .committed = s->commit.committer.time,
				     .commits = s->h->commits,
				     .seq = event ? e->seq : 0,
				     .brought = event && (strcmp(e->type, "collect") == 0 ||
							  strcmp(e->type, "import") == 0)};

	snprintf(r.case_id, sizeof(r.case_id), "%s", event ? e->case_id : "");
	kan_verify_reach(s->h->v, &r);
}

/* before: the parent's tree, replaced by this commit's. false: the commit cannot be read, told. */
static bool one_commit(struct history *h, const char *id, char before[KAN_GIT_ID])
{
	struct step s = {.h = h, .id = id, .diff = {.v = h->v, .commit = id}};
	struct kan_err err = {0};

	if (kan_gitobj_read_commit(&s.commit, h->v->git, id, &err) < 0) {
		kan_verify_bad_object(h->v, id, id, &err);
		return false;
	}
	h->commits++;
	s.stamped = kan_verify_commit_stamp(h->v, id);
	run_step(&s, before);
	reach(&s);
	memcpy(before, s.commit.tree, KAN_GIT_ID);
	kan_gitobj_commit_free(&s.commit);
	kan_verify_diff_free(&s.diff);
	kan_event_free(&s.event);
	kan_buf_free(&s.text);
	return true;
}

/* Ids from tip to root, as far as they can be read; what cannot is told. */
static struct kan_chain_ids all_ids(struct history *h)
{
	struct kan_verify *v = h->v;
	struct kan_chain_ids ids = {0};
	char at[KAN_GIT_ID];
	size_t cap = 0;

	memcpy(at, v->tip, KAN_GIT_ID);
	while (*at) {
		kan_auto_gitcommit struct kan_gitobj_commit c = {0};
		struct kan_err err = {0};

		if (kan_gitobj_read_commit(&c, v->git, at, &err) < 0) {
			kan_verify_bad_object(v, at, at, &err);
			kan_verify_skip(v, KAN_VERIFY_HISTORY, at,
					"neither this nor what came before can be read");
			h->cut = true;
			break;
		}
		if (ids.n >= KAN_CHAIN_COMMITS_MAX) {
			kan_verify_fail(v, KAN_VERIFY_HISTORY, KAN_CHECK_ALTERED, at,
					"more than %d commits", KAN_CHAIN_COMMITS_MAX);
			h->cut = true;
			break;
		}
		if (ids.n == cap) {
			cap = cap ? 2 * cap : 64;
			ids.id = kan_xrealloc(ids.id, cap, sizeof(*ids.id));
		}
		memcpy(ids.id[ids.n++], at, KAN_GIT_ID);
		memcpy(at, c.parent, KAN_GIT_ID);
	}
	return ids;
}

void kan_verify_history(struct kan_verify *v)
{
	struct history h = {.v = v, .strangers = KAN_BUF(1 << 20)};
	struct kan_chain_ids ids = all_ids(&h);
	char before[KAN_GIT_ID] = "";

	for (size_t i = ids.n; i > 0; i--)
		if (!one_commit(&h, ids.id[i - 1], before) || h.over)
			break;
	free(ids.id);
	if (h.unread || h.cut || h.over)
		kan_verify_skip(v, KAN_VERIFY_EVENTS, "", "not every event can be read");
	if (h.holes)
		kan_verify_skip(v, KAN_VERIFY_HISTORY, "",
				"not every tree can be read: what was changed is unknown");
	if (h.cut || h.over) {
		kan_verify_skip(v, KAN_VERIFY_COMMITS, "", "not every commit can be read");
		kan_verify_skip(v, KAN_VERIFY_SIGNERS, "", "not every commit can be read");
	}
	kan_verify_done(v, KAN_VERIFY_OBJECTS,
			"every object of %zu commits has the bytes of its id", h.commits);
	kan_verify_done(v, KAN_VERIFY_HISTORY, "%zu commits in one line, each only adds",
			h.commits);
	kan_verify_done(v, KAN_VERIFY_EVENTS,
			"%zu events in %zu cases, each chained to the one before", h.events,
			h.n_cases);
	kan_verify_done(v, KAN_VERIFY_COMMITS, "%zu commits with a good signature", h.commits);
	kan_verify_done(v, KAN_VERIFY_SIGNERS,
			"%zu commits by trusted signers, %zu at their stamped times, the others at"
			" their committer dates",
			h.trusted, h.trusted_stamped);
	v->n_commits = h.commits;
	free(h.cases);
	kan_buf_free(&h.strangers);
	kan_verify_acks_free(&h.acks);
}
