/* The write path: event file, added blobs, tree, signed commit, main moved; again when main moved.
 */
#include "custody/write.h"

#include "base/clock.h"
#include "base/row.h"
#include "base/self.h"
#include "custody/seen.h"
#include "custody/sshsig.h"
#include "custody/tombstone.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TRIES = 5, PERSON_MAX = 256 };

void kan_write_add(struct kan_write *w, const char *path, const char id[KAN_GIT_ID])
{
	w->files = kan_xrealloc(w->files, w->n + 1, sizeof(*w->files));
	w->files[w->n].path = kan_xstrdup(path);
	memcpy(w->files[w->n++].id, id, KAN_GIT_ID);
}

void kan_write_free(struct kan_write *w)
{
	for (size_t i = 0; i < w->n; i++)
		free(w->files[i].path);
	free(w->files);
	w->files = NULL;
	w->n = 0;
}

/* The bundle's bag and what is derived from it are two directories of a case. */
static void prefix(struct kan_buf *out, const struct kan_write *w, unsigned seq)
{
	if (strcmp(w->type, "derive") == 0)
		kan_buf_addf(out, "cases/%s/derived/%s/%06u/", w->case_id, w->bundle, seq);
	else
		kan_buf_addf(out, "cases/%s/bundles/%s/", w->case_id, w->bundle);
}

static int add_blob(struct kan_write *adds, struct kan_custody *c, const char *path,
		    struct kan_bytes content, struct kan_err *err)
{
	char id[KAN_GIT_ID];

	if (kan_git_put_blob(id, c->git, content, err) < 0)
		return -1;
	kan_write_add(adds, path, id);
	return 0;
}

/* All files of the commit with their full paths. */
static int all_adds(struct kan_write *adds, struct kan_custody *c, const struct kan_write *w,
		    unsigned seq, struct kan_bytes event, struct kan_err *err)
{
	kan_auto_buf struct kan_buf path = KAN_BUF(4096);
	size_t n;

	prefix(&path, w, seq);
	n = path.len;
	for (size_t i = 0; i < w->n; i++) {
		bool whole = strncmp(w->files[i].path, "cases/", 6) == 0;

		path.len = whole ? 0 : n;
		kan_buf_adds(&path, w->files[i].path);
		kan_write_add(adds, kan_buf_str(&path), w->files[i].id);
	}
	kan_buf_reset(&path);
	kan_form_event_path(&path, w->case_id, seq, w->type);
	return add_blob(adds, c, kan_buf_str(&path), event, err);
}

/* Event and signature go into the bag's seal/ by the same commit. */
static int add_stone(struct kan_write *adds, struct kan_custody *c, const struct kan_write *w,
		     unsigned seq, struct kan_bytes event, struct kan_err *err)
{
	kan_auto_buf struct kan_buf path = KAN_BUF(512);

	kan_buf_reset(&w->stone->event);
	kan_buf_reset(&w->stone->sig);
	kan_buf_addb(&w->stone->event, event);
	w->stone->seq = seq;
	prefix(&path, w, seq);
	kan_tombstone_path(&path, seq);
	if (kan_signer_sign(&w->stone->sig, c->signer, KAN_NS_FILE, event, err) < 0 ||
	    add_blob(adds, c, kan_buf_str(&path), event, err) < 0)
		return -1;
	kan_buf_adds(&path, ".sig");
	return add_blob(adds, c, kan_buf_str(&path), kan_buf_bytes(&w->stone->sig), err);
}

static int sign_commit(struct kan_buf *armour, struct kan_bytes commit, void *arg,
		       struct kan_err *err)
{
	const struct kan_custody *c = arg;

	return kan_signer_sign(armour, c->signer, KAN_NS_GIT, commit, err);
}

/* git takes these off both ends of a name, and < > out of its middle: so do we, and nothing
 * surprises. */
static void plain_name(char out[PERSON_MAX], const char *name)
{
	static const char crud[] = " .,:;<>\"\\'\t\r\n";
	kan_auto_buf struct kan_buf clean = KAN_BUF(4096);
	size_t n = 0;

	(void)kan_text_clean(&clean, kan_bytes_of(name));
	for (const char *p = kan_buf_str(&clean); *p && n + 1 < PERSON_MAX; p++)
		if (!strchr("<>\n", *p) && (n || !strchr(crud, *p)))
			out[n++] = *p;
	while (n && strchr(crud, out[n - 1]))
		n--;
	out[n] = 0;
	if (!n)
		snprintf(out, PERSON_MAX, "unknown");
}

struct people {
	char author[PERSON_MAX], author_email[PERSON_MAX];
	char host[KAN_FORM_HOST];
	struct kan_git_commit *commit;
};

/* A trust file's principal: what could not stand there is refused, not repaired. */
static int check_email(const char *email, struct kan_err *err)
{
	size_t n = strlen(email);

	if (!n || n >= PERSON_MAX || strchr(".,:;'", email[0]) || strchr(".,:;'", email[n - 1]))
		return kan_fail(err, KAN_EUSAGE, "operator's e-mail is not one");
	for (const char *p = email; *p; p++)
		if (*p <= ' ' || *p >= 0x7f || strchr("<>\"\\*?!,", *p))
			return kan_fail(err, KAN_EUSAGE, "operator's e-mail is not one");
	return 0;
}

/* Author: the operator. Committer: who signs. */
static int set_people(struct people *p, const struct kan_custody *c, const struct kan_act *act,
		      struct kan_err *err)
{
	json_auto_t *who = kan_operator_json(act->name, act->email);
	const char *name = json_string_value(json_object_get(who, "name"));
	const char *email = json_string_value(json_object_get(who, "email"));

	if (check_email(email ? email : "", err) < 0)
		return -1;
	plain_name(p->author, name ? name : "");
	snprintf(p->author_email, sizeof(p->author_email), "%s", email);
	kan_home_host(p->host);
	p->commit->author = (struct kan_git_person){p->author, p->author_email};
	p->commit->committer = kan_signer_is_host(c->signer)
				       ? (struct kan_git_person){"kanshiki", p->host}
				       : p->commit->author;
	return 0;
}

struct attempt {
	char tip[KAN_GIT_ID], commit[KAN_GIT_ID];
	struct kan_chain_end end;
	struct kan_event_input event;
	struct kan_buf text, message;
};

static void make_input(struct attempt *a, const struct kan_custody *c, const struct kan_write *w)
{
	a->event = (struct kan_event_input){
		.case_id = w->case_id,
		.type = w->type,
		.prev = a->end.prev,
		.seq = a->end.seq + 1,
		.utc_ns = kan_now_ns(),
		.act = w->act,
		.home = c->home.path,
		.key_fpr = kan_signer_fpr(c->signer),
		.host_key = kan_signer_is_host(c->signer),
		.warning = kan_signer_warning(c->signer),
		.offset_ms = c->offset_known ? &c->offset_ms : NULL,
		.more = w->more,
		.what = w->what,
		.note = w->note,
		.finding = w->finding,
		.as = w->as,
		.done = w->done,
		.failed = w->failed,
	};
}

/* Where the chain ends now, and the event that goes on from there. */
static int make_event(struct attempt *a, struct kan_custody *c, const struct kan_write *w,
		      struct kan_err *err)
{
	char sha[KAN_SHA256_HEX];
	int tip;

	a->tip[0] = 0;
	tip = kan_git_tip(a->tip, c->git, err);
	if (tip < 0 || kan_chain_end(&a->end, c->git, a->tip, w->case_id, err) < 0)
		return -1;
	if (a->end.seq >= KAN_FORM_SEQ_MAX)
		return kan_fail(err, KAN_ELIMIT, "case %s has %d events: begin a new case",
				w->case_id, KAN_FORM_SEQ_MAX);
	make_input(a, c, w);
	kan_buf_reset(&a->text);
	kan_buf_reset(&a->message);
	if (kan_event_make(&a->text, &a->event, err) < 0)
		return -1;
	kan_sha256_hex(sha, kan_buf_bytes(&a->text));
	kan_form_message(&a->message, &(struct kan_form_commit){.type = w->type,
								.case_id = w->case_id,
								.bundle = w->bundle,
								.seal = w->seal,
								.event_sha256 = sha,
								.seq = a->event.seq});
	return 0;
}

/* 0 done, 1 main moved, -1 error. */
static int try_once(struct attempt *a, struct kan_custody *c, const struct kan_write *w,
		    struct kan_err *err)
{
	kan_auto_write struct kan_write adds = {0};
	struct kan_git_commit commit = {.sign = sign_commit, .arg = c};
	struct people people = {.commit = &commit};
	int rc;

	if (make_event(a, c, w, err) < 0 || set_people(&people, c, w->act, err) < 0)
		return -1;
	if (!*a->tip &&
	    add_blob(&adds, c, KAN_FORM_ATTRIBUTES, kan_bytes_of(kan_form_attributes), err) < 0)
		return -1;
	if (all_adds(&adds, c, w, a->event.seq, kan_buf_bytes(&a->text), err) < 0 ||
	    (w->stone && add_stone(&adds, c, w, a->event.seq, kan_buf_bytes(&a->text), err) < 0))
		return -1;
	commit.tip = a->tip;
	commit.adds = adds.files;
	commit.n = adds.n;
	commit.time = a->event.utc_ns / 1000000000;
	commit.message = kan_buf_str(&a->message);
	if (kan_home_moving(&c->home, true, err) < 0)
		return -1;
	rc = kan_git_commit(a->commit, c->git, &commit, err);
	/* On an error too: what is there is now nobody's doubt but git's. */
	return kan_home_moving(&c->home, false, rc < 0 ? NULL : err) < 0 ? -1 : rc;
}

static void fill_receipt(struct kan_receipt *out, const struct kan_custody *c)
{
	memset(out, 0, sizeof(*out));
	snprintf(out->repo, sizeof(out->repo), "%s", c->home.repo);
}

int kan_write_event(struct kan_receipt *out, struct kan_custody *c, const struct kan_write *w,
		    struct kan_err *err)
{
	struct attempt a = {.text = KAN_BUF(2 * KAN_EVENT_MAX), .message = KAN_BUF(4096)};
	int rc = 1;

	for (int i = 0; i < TRIES && rc == 1; i++)
		rc = try_once(&a, c, w, err);
	if (rc == 1)
		rc = kan_fail(err, KAN_EIO, "%s: main moved %d times under us: try again",
			      c->home.repo, TRIES);
	if (!rc) {
		fill_receipt(out, c);
		snprintf(out->case_id, sizeof(out->case_id), "%s", w->case_id);
		snprintf(out->bundle, sizeof(out->bundle), "%s", w->bundle);
		snprintf(out->seal, sizeof(out->seal), "%s", w->seal);
		snprintf(out->commit, sizeof(out->commit), "%s", a.commit);
		snprintf(out->signer, sizeof(out->signer), "%s", kan_signer_fpr(c->signer));
		out->event = a.event.seq;
		out->host_key = kan_signer_is_host(c->signer);
		if (w->act->request_id)
			kan_seen_note(c->home.fd, w->act->request_id, a.commit);
	}
	kan_buf_free(&a.text);
	kan_buf_free(&a.message);
	return rc;
}

void kan_write_receipt(struct kan_receipt *out, const struct kan_custody *c,
		       const struct kan_chain_item *item)
{
	const struct kan_event *e = item->event;

	fill_receipt(out, c);
	snprintf(out->case_id, sizeof(out->case_id), "%s", e->case_id);
	snprintf(out->bundle, sizeof(out->bundle), "%s", e->bundle);
	snprintf(out->seal, sizeof(out->seal), "%s", e->seal);
	snprintf(out->commit, sizeof(out->commit), "%s", item->commit);
	snprintf(out->signer, sizeof(out->signer), "%s", e->key_fpr);
	out->event = e->seq;
	out->host_key = strcmp(e->key, "host") == 0;
}
