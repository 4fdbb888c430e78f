/* verify: time stamps over a bag's tag manifest and over commits, and how far they reach. */
#include "base/clock.h"
#include "custody/bag.h"
#include "custody/verify.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LATE_S = 3600, NS = 1000000000 };

const char kan_verify_at_stamp[] = "at its stamped time";
const char kan_verify_at_commit[] = "at the committer date";
const char kan_verify_at_today[] = "today";

static void remember(struct kan_verify *v, int64_t at)
{
	if (!v->stamped.n || at < v->stamped.first)
		v->stamped.first = at;
	if (!v->stamped.n || at > v->stamped.last)
		v->stamped.last = at;
	v->stamped.n++;
}

/* One reply over these bytes. 1: verified, and *at is its time; 0: told, or by nobody we know. */
static int one_stamp(int64_t *at, struct kan_verify *v, const char *path, struct kan_bytes reply,
		     struct kan_bytes message)
{
	struct kan_err err = {0};
	int rc = kan_tsp_verify(at, reply, &(struct kan_tsp_ask){.message = message, .ca = v->tsa},
				&err);

	if (rc == 0 && v->tsa) {
		remember(v, *at);
		return 1;
	}
	if (rc == 0) {
		v->stamped.unchecked++;
		if (*at > v->stamped.last)
			v->stamped.last = *at;
		return 0;
	}
	if (v->tsa && err.code == KAN_ENOTFOUND) {
		snprintf(v->stamped.foreign, sizeof(v->stamped.foreign), "%s", err.text);
		return 0;
	}
	kan_verify_fail(v, KAN_VERIFY_TIMESTAMP, KAN_CHECK_ALTERED, path, "%s", err.text);
	return 0;
}

void kan_verify_seal_stamp(struct kan_verify_seal_stamps *s, struct kan_verify *v, const char *path,
			   struct kan_bytes reply, struct kan_bytes manifest)
{
	int64_t at = 0;

	s->n++;
	v->stamped.foreign[0] = 0;
	if (one_stamp(&at, v, path, reply, manifest) == 1) {
		if (!s->at || at < s->at)
			s->at = at;
	} else if (v->stamped.foreign[0] && !s->foreign[0]) {
		snprintf(s->path, sizeof(s->path), "%s", path);
		snprintf(s->foreign, sizeof(s->foreign), "%s", v->stamped.foreign);
	}
}

/* Of two authorities one suffices; of none that we know, somebody else made the stamp. */
void kan_verify_seal_stamped(struct kan_verify *v, const struct kan_verify_seal_stamps *s)
{
	v->stamped.queued += !s->n && s->queued;
	if (s->at)
		v->stamped.seals++;
	else if (s->foreign[0])
		kan_verify_fail(v, KAN_VERIFY_TIMESTAMP, KAN_CHECK_ALTERED, s->path, "%s",
				s->foreign);
}

static int by_commit(const void *a, const void *b)
{
	return strcmp(((const struct kan_verify_stamp *)a)->commit,
		      ((const struct kan_verify_stamp *)b)->commit);
}

/* cases/<case>/anchors/<commit>.tsr */
static bool stamp_name(char commit[KAN_GIT_ID], const char *name)
{
	size_t hex = strspn(name, "0123456789abcdef");

	if (hex != KAN_GIT_ID - 1 || strcmp(name + hex, ".tsr") != 0)
		return false;
	memcpy(commit, name, hex);
	commit[hex] = 0;
	return true;
}

static void commit_stamp(struct kan_verify *v, const char *path, const char *id,
			 struct kan_verify_stamp *s)
{
	kan_auto_buf struct kan_buf reply = KAN_BUF(KAN_TSP_REPLY_MAX);
	kan_auto_buf struct kan_buf commit = KAN_BUF(KAN_GIT_OBJECT_MAX);
	struct kan_err err = {0};

	if (kan_git_read(&commit, v->git, s->commit, KAN_GIT_COMMIT, &err) < 0) {
		kan_verify_fail(v, KAN_VERIFY_TIMESTAMP, KAN_CHECK_ALTERED, path,
				"a stamp for a commit that is not here: %s", err.text);
		s->seen = true;
		return;
	}
	if (kan_git_read(&reply, v->git, id, KAN_GIT_BLOB, &err) < 0) {
		kan_verify_fail(v, KAN_VERIFY_TIMESTAMP,
				err.code == KAN_ENOTFOUND ? KAN_CHECK_MISSING : KAN_CHECK_ALTERED,
				path, "%s", err.text);
		return;
	}
	v->stamped.foreign[0] = 0;
	s->good = one_stamp(&s->at, v, path, kan_buf_bytes(&reply), kan_buf_bytes(&commit)) == 1;
	if (v->stamped.foreign[0])
		kan_verify_fail(v, KAN_VERIFY_TIMESTAMP, KAN_CHECK_ALTERED, path, "%s",
				v->stamped.foreign);
}

static void anchors_of(struct kan_verify *v, const char *case_id,
		       const struct kan_gitobj_tree *anchors)
{
	for (size_t i = 0; i < anchors->n; i++) {
		const struct kan_gitobj_entry *e = &anchors->list[i];
		struct kan_verify_stamp s = {.at = 0};
		char path[KAN_VERIFY_PATH];

		snprintf(path, sizeof(path), "cases/%s/anchors/%s", case_id, e->name);
		if (e->dir || !stamp_name(s.commit, e->name)) {
			kan_verify_fail(v, KAN_VERIFY_TIMESTAMP, KAN_CHECK_ALTERED, path,
					"not the stamp of a commit");
			continue;
		}
		snprintf(s.case_id, sizeof(s.case_id), "%s", case_id);
		commit_stamp(v, path, e->id, &s);
		if (v->n_stamps % 64 == 0)
			v->stamps = kan_xrealloc(v->stamps, v->n_stamps + 64, sizeof(*v->stamps));
		v->stamps[v->n_stamps++] = s;
	}
}

/* Trees that cannot be read were told by the stage before. */
void kan_verify_stamps(struct kan_verify *v)
{
	kan_auto_gitcommit struct kan_gitobj_commit tip = {0};
	kan_auto_gittree struct kan_gitobj_tree cases = {0};
	char id[KAN_GIT_ID];
	bool dir = false;

	if (kan_gitobj_read_commit(&tip, v->git, v->tip, NULL) < 0 ||
	    kan_gitobj_walk(id, &dir, v->git, tip.tree, "cases", NULL) != 1 || !dir ||
	    kan_gitobj_read_tree(&cases, v->git, id, NULL) < 0)
		return;
	for (size_t i = 0; i < cases.n; i++) {
		kan_auto_gittree struct kan_gitobj_tree anchors = {0};

		if (cases.list[i].dir && kan_form_case_ok(cases.list[i].name) &&
		    kan_gitobj_walk(id, &dir, v->git, cases.list[i].id, "anchors", NULL) == 1 &&
		    dir && kan_gitobj_read_tree(&anchors, v->git, id, NULL) == 0)
			anchors_of(v, cases.list[i].name, &anchors);
	}
	if (v->n_stamps)
		qsort(v->stamps, v->n_stamps, sizeof(*v->stamps), by_commit);
}

/* A commit may be stamped in two cases: the first that is good counts. */
int64_t kan_verify_commit_stamp(struct kan_verify *v, const char *commit)
{
	size_t low = 0, high = v->n_stamps;
	int64_t at = 0;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcmp(v->stamps[middle].commit, commit) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	for (size_t i = low; i < v->n_stamps && strcmp(v->stamps[i].commit, commit) == 0; i++) {
		v->stamps[i].seen = true;
		if (v->stamps[i].good && !at)
			at = v->stamps[i].at;
	}
	return at;
}

/* After the history: each stamp has found its commit there. */
static void check_seen(struct kan_verify *v)
{
	for (size_t i = 0; i < v->n_stamps; i++) {
		char path[KAN_VERIFY_PATH];

		if (v->stamps[i].seen)
			continue;
		snprintf(path, sizeof(path), "cases/%s/anchors/%s.tsr", v->stamps[i].case_id,
			 v->stamps[i].commit);
		kan_verify_fail(v, KAN_VERIFY_TIMESTAMP, KAN_CHECK_ALTERED, path,
				"a stamp for a commit that is not in this history");
	}
}

static void none_verified(struct kan_verify *v, const char *last)
{
	const struct kan_verify_stamped *s = &v->stamped;

	if (s->unchecked)
		kan_verify_skip(v, KAN_VERIFY_TIMESTAMP, "",
				"%zu stamps over these bytes, the last says %s; no --tsa-ca: no"
				" authority vouches for them",
				s->unchecked, last);
	else if (s->queued)
		kan_verify_skip(v, KAN_VERIFY_TIMESTAMP, "",
				"not stamped yet: %zu requests wait, kanshiki custody anchor sends"
				" them",
				s->queued);
	else
		kan_verify_skip(v, KAN_VERIFY_TIMESTAMP, "", "%s",
				v->git || v->trust->printed
					? "no time stamp"
					: "no time stamp and no --seal: whoever holds the key"
					  " could have rebuilt everything");
}

static void say_late(char out[64], int64_t at, int64_t committed)
{
	out[0] = 0;
	if (committed && at / NS - committed > LATE_S)
		snprintf(out, 64, ", late: %" PRId64 " h after the commit",
			 (at / NS - committed) / 3600);
}

void kan_verify_timestamps(struct kan_verify *v)
{
	const struct kan_verify_stamped *s = &v->stamped;
	char first[KAN_RFC3339], last[KAN_RFC3339];
	bool repo = v->git != NULL;

	check_seen(v);
	kan_rfc3339(first, s->first);
	kan_rfc3339(last, s->last);
	if (!s->n && !v->told[KAN_VERIFY_TIMESTAMP])
		none_verified(v, last);
	else if (!s->n)
		kan_verify_done(v, KAN_VERIFY_TIMESTAMP, "none");
	else if (repo && (s->seals < v->n_bags || s->commits < v->n_brought))
		kan_verify_skip(v, KAN_VERIFY_TIMESTAMP, "",
				"%zu of %zu seals and %zu of %zu of their commits are stamped, from"
				" %s to %s",
				s->seals, v->n_bags, s->commits, v->n_brought, first, last);
	else if (repo)
		kan_verify_done(v, KAN_VERIFY_TIMESTAMP,
				"%zu seals and their commits are stamped, from %s to %s%s",
				s->seals, first, last, s->late);
	else
		kan_verify_done(v, KAN_VERIFY_TIMESTAMP, "the seal was stamped at %s", first);
}

void kan_verify_reach(struct kan_verify *v, const struct kan_verify_reach *reach)
{
	char late[64];

	if (reach->brought)
		v->n_brought++;
	if (!reach->at)
		return;
	v->reach = *reach;
	if (reach->brought) {
		v->stamped.commits++;
		say_late(late, reach->at, reach->committed);
		if (*late)
			snprintf(v->stamped.late, sizeof(v->stamped.late), "%s", late);
	}
}

/* What is outside the evidence and knows how far it reached. */
void kan_verify_anchors(struct kan_verify *v)
{
	char at[KAN_RFC3339];

	kan_rfc3339(at, v->reach.at);
	if (v->reach.at)
		kan_verify_done(v, KAN_VERIFY_ANCHORS,
				"a stamp of %s covers the first %zu of %zu commits, up to event %u"
				" of case %s",
				at, v->reach.commits, v->n_commits, v->reach.seq, v->reach.case_id);
	else if (v->stamped.seals)
		kan_verify_done(v, KAN_VERIFY_ANCHORS,
				"stamps cover %zu seals, and no commit: what the events say of"
				" them is as its signers say",
				v->stamped.seals);
	else if (v->anchored)
		kan_verify_done(v, KAN_VERIFY_ANCHORS,
				"a copy that somebody else keeps has the same main");
	else
		kan_verify_skip(v, KAN_VERIFY_ANCHORS, "",
				"no verified stamp and no equal remote: whoever holds the key could"
				" have rebuilt everything");
}
