/* Evidence handed over: the giver's transfer, the receiver's signature, the giver's record of it.
 */
#include "custody/move.h"

#include "base/clock.h"
#include "base/row.h"
#include "custody/signers.h"
#include "custody/sshsig.h"
#include "custody/write.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char ack_word[] = "kanshiki-ack/1 ";
enum { ACK_LINE = sizeof(ack_word) - 1 + 64 + 1 + 64 };

struct gather {
	const char *bundle; /* or NULL: every one */
	json_t *what;       /* array */
};

static int keep(const struct kan_chain_item *item, void *arg, struct kan_err *err)
{
	struct gather *g = arg;
	const struct kan_event *e = item->event;
	const json_t *have;
	size_t i;

	(void)err;
	if ((strcmp(e->type, "collect") != 0 && strcmp(e->type, "import") != 0) ||
	    (g->bundle && strcmp(g->bundle, e->bundle) != 0))
		return 0;
	json_array_foreach (g->what, i, have)
		if (strcmp(json_string_value(json_object_get(have, "seal")), e->seal) == 0)
			return 0;
	json_array_append_new(g->what,
			      json_deep_copy(json_array_get(json_object_get(e->doc, "what"), 0)));
	return 0;
}

static const char *seal_of(const json_t *what)
{
	return json_string_value(json_object_get(what, "seal"));
}

static int by_seal(const void *a, const void *b)
{
	return strcmp(seal_of(*(json_t *const *)a), seal_of(*(json_t *const *)b));
}

static json_t *sorted(json_t *list)
{
	size_t n = json_array_size(list);
	kan_auto_free json_t **entries = kan_xrealloc(NULL, n + 1, sizeof(json_t *));
	json_t *out = json_array();

	for (size_t i = 0; i < n; i++)
		entries[i] = json_array_get(list, i);
	if (n)
		qsort(entries, n, sizeof(json_t *), by_seal);
	for (size_t i = 0; i < n; i++)
		json_array_append(out, entries[i]);
	return out;
}

static int each_event(struct kan_custody *c, const char *case_id, kan_chain_fn *fn, void *arg,
		      struct kan_err *err)
{
	char tip[KAN_GIT_ID] = "";

	return kan_git_tip(tip, c->git, err) < 0
		       ? -1
		       : kan_chain_each(c->git, tip, case_id, fn, arg, err);
}

static int gather(json_t **what, struct kan_custody *c, const char *case_id, const char *bundle,
		  struct kan_err *err)
{
	struct gather g = {bundle, json_array()};
	int rc = each_event(c, case_id, keep, &g, err);

	*what = rc < 0 ? NULL : sorted(g.what);
	json_decref(g.what);
	if (rc < 0)
		return -1;
	if (json_array_size(*what))
		return 0;
	return bundle ? kan_fail(err, KAN_ENOTFOUND, "%s is not in case %s", bundle, case_id)
		      : kan_fail(err, KAN_ENOTFOUND, "case %s has no bundle here", case_id);
}

static void add_lines(struct kan_buf *out, const char *event, const json_t *what)
{
	const json_t *w;
	size_t i;

	json_array_foreach (what, i, w)
		kan_buf_addf(out, "%s%s %s\n", ack_word, event, seal_of(w));
}

static int case_of(char name[KAN_FORM_CASE], const struct kan_act *act, struct kan_err *err)
{
	if (!act->case_id || !*act->case_id)
		return kan_fail(err, KAN_EUSAGE, "which case? see kanshiki custody log");
	kan_form_case(name, kan_bytes_of(act->case_id));
	return 0;
}

/* Of several bundles the event names each, the commit's subject none. */
static void name_one(struct kan_write *w, const json_t *what)
{
	const json_t *only = json_array_size(what) == 1 ? json_array_get(what, 0) : NULL;

	w->bundle = only ? json_string_value(json_object_get(only, "bundle")) : "";
	w->seal = only ? seal_of(only) : "";
	w->what = what;
}

int kan_custody_transfer(struct kan_receipt *out, struct kan_buf *lines, struct kan_custody *c,
			 const struct kan_transfer_ask *ask, const struct kan_act *act,
			 struct kan_err *err)
{
	struct kan_write w = {.type = "transfer", .act = act};
	kan_auto_close int lock = -1;
	json_auto_t *what = NULL, *more = NULL;
	struct kan_chain_end end;
	char name[KAN_FORM_CASE];

	if (case_of(name, act, err) < 0 || kan_home_lock(&lock, &c->home, err) < 0 ||
	    gather(&what, c, name, ask->bundle, err) < 0)
		return -1;
	more = json_pack("{s:{s:s,s:s,s:s}}", "transfer", "to", ask->to, "method", ask->method,
			 "reference", ask->reference);
	if (!more)
		return kan_fail(err, KAN_EUSAGE, "the words of a transfer must be UTF-8");
	w.case_id = name;
	w.more = more;
	name_one(&w, what);
	if (kan_write_event(out, c, &w, err) < 0 ||
	    kan_chain_end(&end, c->git, out->commit, name, err) < 0)
		return -1;
	add_lines(lines, end.prev, what);
	return 0;
}

int kan_ack_lines(char event[KAN_SHA256_HEX], struct kan_bytes lines, kan_ack_fn *fn, void *arg,
		  struct kan_err *err)
{
	const size_t head = sizeof(ack_word) - 1;
	char seal[KAN_SHA256_HEX] = "", before[KAN_SHA256_HEX] = "", first[KAN_SHA256_HEX] = "";

	for (; lines.n; lines.p += ACK_LINE + 1, lines.n -= ACK_LINE + 1) {
		char found[KAN_SHA256_HEX] = "";

		if (lines.n <= ACK_LINE || lines.p[ACK_LINE] != '\n' ||
		    !kan_bytes_starts(lines, ack_word) || lines.p[head + 64] != ' ')
			return kan_fail(err, KAN_EFORMAT,
					"not the lines that custody transfer wrote");
		memcpy(found, lines.p + head, 64);
		memcpy(seal, lines.p + head + 65, 64);
		if (!kan_is_sha256_hex(found) || !kan_is_sha256_hex(seal) ||
		    (*first && strcmp(first, found) != 0) || strcmp(before, seal) >= 0)
			return kan_fail(err, KAN_EFORMAT,
					"not the lines that custody transfer wrote");
		memcpy(first, found, sizeof(first));
		memcpy(before, seal, sizeof(before));
		if (fn && fn(seal, arg, err) < 0)
			return -1;
	}
	memcpy(event, first, KAN_SHA256_HEX);
	return *first ? 0 : kan_fail(err, KAN_EFORMAT, "there are no lines to sign");
}

int kan_custody_ack_sign(struct kan_buf *armour, struct kan_custody *c, struct kan_bytes lines,
			 struct kan_err *err)
{
	char event[KAN_SHA256_HEX];

	if (kan_ack_lines(event, lines, NULL, NULL, err) < 0)
		return -1;
	return kan_signer_sign(armour, c->signer, KAN_NS_CUSTODY, lines, err);
}

/* The transfer whose lines a signature is over. */
struct answered {
	const struct kan_sshsig *sig;
	char event[KAN_SHA256_HEX];
	json_t *what;
};

void kan_transfer_lines(struct kan_buf *out, const char *event_sha256, const json_t *event)
{
	add_lines(out, event_sha256, json_object_get(event, "what"));
}

static int match(const struct kan_chain_item *item, void *arg, struct kan_err *err)
{
	struct answered *a = arg;
	kan_auto_buf struct kan_buf lines = KAN_BUF(KAN_ACK_LINES_MAX);
	kan_auto_buf struct kan_buf text = KAN_BUF(2 * KAN_EVENT_MAX);
	char sha[KAN_SHA256_HEX];

	if (strcmp(item->event->type, "transfer") != 0)
		return 0;
	if (kan_json_dump(&text, item->event->doc, err) < 0)
		return -1;
	kan_sha256_hex(sha, kan_buf_bytes(&text));
	kan_transfer_lines(&lines, sha, item->event->doc);
	if (kan_sshsig_verify(a->sig, KAN_NS_CUSTODY, kan_buf_bytes(&lines), NULL) < 0)
		return 0;
	memcpy(a->event, sha, sizeof(sha));
	a->what = json_deep_copy(json_object_get(item->event->doc, "what"));
	return 1;
}

static int vouch(struct kan_ack_done *done, const struct kan_sshsig *sig, const char *file,
		 int64_t at, struct kan_err *err)
{
	kan_auto_signers struct kan_signers *signers = NULL;
	const char *who, *why;

	kan_key_fingerprint(done->fpr, sig->key);
	done->principal[0] = 0;
	if (!file)
		return 0;
	if (kan_signers_load(&signers, file, err) < 0)
		return -1;
	who = kan_signers_find(signers,
			       &(struct kan_signers_ask){NULL, sig->key, KAN_NS_CUSTODY, at}, &why);
	if (!who)
		return kan_fail(err, KAN_EREFUSED, "signed by %s: %s", done->fpr, why);
	snprintf(done->principal, sizeof(done->principal), "%s", who);
	return 0;
}

static int record(struct kan_receipt *out, struct kan_custody *c, const struct answered *a,
		  const struct kan_ack_ask *ask, const struct kan_act *act, struct kan_err *err)
{
	char name[KAN_FORM_CASE];
	struct kan_write w = {.type = "ack", .act = act, .case_id = name};
	json_auto_t *more = json_pack("{s:{s:s,s:s,s:s%}}", "ack", "by", ask->by, "event", a->event,
				      "signature", (const char *)ask->armour.p, ask->armour.n);

	if (!more)
		return kan_fail(err, KAN_EUSAGE, "the words of an acknowledgement must be UTF-8");
	kan_form_case(name, kan_bytes_of(act->case_id));
	w.more = more;
	name_one(&w, a->what);
	return kan_write_event(out, c, &w, err);
}

int kan_custody_ack(struct kan_receipt *out, struct kan_ack_done *done, struct kan_custody *c,
		    const struct kan_ack_ask *ask, const struct kan_act *act, struct kan_err *err)
{
	kan_auto_sshsig struct kan_sshsig sig = {0};
	struct answered a = {.sig = &sig};
	kan_auto_close int lock = -1;
	char name[KAN_FORM_CASE];
	int rc;

	if (case_of(name, act, err) < 0 || kan_sshsig_parse(&sig, ask->armour, err) < 0 ||
	    vouch(done, &sig, ask->allowed_signers, kan_now_ns() / 1000000000, err) < 0 ||
	    kan_home_lock(&lock, &c->home, err) < 0)
		return -1;
	rc = each_event(c, name, match, &a, err);
	if (rc == 0)
		rc = kan_fail(err, KAN_ETAMPER,
			      "the signature is over the lines of no transfer of case %s", name);
	if (rc == 1)
		rc = record(out, c, &a, ask, act, err);
	json_decref(a.what);
	return rc;
}
