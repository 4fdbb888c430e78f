/* Who may say that a file is gone on purpose, and what exactly he said. */
#include "custody/tombstone.h"

#include "custody/bag.h"
#include "custody/event.h"
#include "custody/files.h"
#include "custody/sshsig.h"

#include "base/file.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { SEQ_DIGITS = 6 };

static const char tail[] = "-dispose.json";

void kan_tombstones_free(struct kan_tombstones *t)
{
	free(t->list);
	*t = (struct kan_tombstones){0};
}

void kan_tombstone_path(struct kan_buf *out, unsigned seq)
{
	kan_buf_addf(out, "seal/%06u%s", seq, tail);
}

bool kan_tombstone_is(const char *path, unsigned *seq)
{
	kan_auto_buf struct kan_buf again = KAN_BUF(64);

	if (strncmp(path, "seal/", 5) != 0 || strspn(path + 5, "0123456789") != SEQ_DIGITS)
		return false;
	*seq = (unsigned)strtoul(path + 5, NULL, 10);
	kan_tombstone_path(&again, *seq);
	return strcmp(kan_buf_str(&again), path) == 0;
}

const struct kan_tombstone *kan_tombstones_find(const struct kan_tombstones *t, const char *path,
						const char *oid)
{
	for (size_t i = 0; i < t->n; i++)
		if (strcmp(t->list[i].path, path) == 0 && strcmp(t->list[i].object.oid, oid) == 0)
			return &t->list[i];
	return NULL;
}

static void fault(struct kan_verify *v, const struct kan_tombstone_ask *ask, const char *what)
{
	kan_verify_fail(v, KAN_VERIFY_SIGNATURE, KAN_CHECK_ALTERED, ask->path, "tombstone: %s",
			what);
}

void kan_tombstone_key(struct kan_buf *keys, struct kan_bytes armour, struct kan_bytes manifest)
{
	kan_auto_sshsig struct kan_sshsig sig = {0};
	char fpr[KAN_KEY_FPR];

	if (kan_sshsig_parse(&sig, armour, NULL) < 0 ||
	    kan_sshsig_verify(&sig, KAN_NS_FILE, manifest, NULL) < 0)
		return;
	kan_key_fingerprint(fpr, sig.key);
	kan_buf_addf(keys, "%s\n", fpr);
}

static bool listed(const char *keys, const char *fpr)
{
	size_t n = strlen(fpr);

	for (const char *at = strstr(keys, fpr); at; at = strstr(at + 1, fpr))
		if ((at == keys || at[-1] == '\n') && at[n] == '\n')
			return true;
	return false;
}

/* Whose word counts. false: told. */
static bool signer_counts(struct kan_verify *v, const struct kan_tombstone_ask *ask,
			  const struct kan_sshsig *sig)
{
	char fpr[KAN_KEY_FPR];
	const char *why = "its key has not signed the seal";

	if (v->ours)
		return true;
	kan_key_fingerprint(fpr, sig->key);
	if (v->signers &&
	    kan_signers_find(v->signers,
			     &(struct kan_signers_ask){NULL, sig->key, KAN_NS_FILE, ask->at}, &why))
		return true;
	if (!v->signers && listed(ask->seal_keys, fpr))
		return true;
	kan_verify_skip(v, KAN_VERIFY_SIGNATURE, ask->path, "tombstone by %s does not count: %s",
			fpr, why);
	return false;
}

static bool one(struct kan_tombstones *out, const struct kan_event *e, const char *bag,
		const json_t *entry)
{
	struct kan_tombstone t = {.path = ""};
	const char *bundle = json_string_value(json_object_get(entry, "bundle"));
	const char *path = json_string_value(json_object_get(entry, "path"));
	const char *oid = json_string_value(json_object_get(entry, "oid"));
	json_int_t size = json_integer_value(json_object_get(entry, "size"));

	if (!bundle || strcmp(bundle, e->bundle) != 0 || !path || strncmp(path, "data/", 5) != 0 ||
	    snprintf(t.path, sizeof(t.path), "%s%s", bag, path) >= (int)sizeof(t.path) || !oid ||
	    !kan_is_sha256_hex(oid) || size < 0)
		return false;
	memcpy(t.object.oid, oid, KAN_SHA256_HEX);
	t.object.size = (uint64_t)size;
	out->list = kan_xrealloc(out->list, out->n + 1, sizeof(*out->list));
	out->list[out->n++] = t;
	return true;
}

/* Under another number it would count a second time, for a file that it does not speak of. */
static bool own_name(const struct kan_tombstone_ask *ask, const struct kan_event *e)
{
	kan_auto_buf struct kan_buf want = KAN_BUF(64);
	size_t n = strlen(ask->path);

	kan_tombstone_path(&want, e->seq);
	return n >= want.len && strcmp(ask->path + n - want.len, kan_buf_str(&want)) == 0;
}

static void take_event(struct kan_tombstones *out, struct kan_verify *v,
		       const struct kan_tombstone_ask *ask, const struct kan_event *e)
{
	const json_t *list = json_object_get(e->doc, "dispose"), *entry;
	size_t i;

	if (!own_name(ask, e)) {
		fault(v, ask, "its name is another event's");
		return;
	}
	if (strcmp(e->type, "dispose") != 0 || strcmp(e->bundle, ask->bundle) != 0 ||
	    !json_array_size(list)) {
		fault(v, ask, "it is not about this bundle");
		return;
	}
	json_array_foreach (list, i, entry)
		if (!one(out, e, ask->bag, entry))
			fault(v, ask, "an entry of another form");
}

void kan_tombstone_take(struct kan_tombstones *out, struct kan_verify *v,
			const struct kan_tombstone_ask *ask)
{
	kan_auto_sshsig struct kan_sshsig sig = {0};
	kan_auto_event struct kan_event e = {0};
	struct kan_err err = {0};

	if (kan_sshsig_parse(&sig, ask->armour, &err) < 0 ||
	    kan_sshsig_verify(&sig, KAN_NS_FILE, ask->event, &err) < 0 ||
	    kan_event_parse(&e, ask->event, &err) < 0)
		fault(v, ask, err.text);
	else if (signer_counts(v, ask, &sig))
		take_event(out, v, ask, &e);
}

/* Who signed the seal: where it was sealed, and each station that it came to. */
static void seal_keys(struct kan_buf *keys, int dir)
{
	kan_auto_buf struct kan_buf manifest = KAN_BUF(KAN_BAG_TAGMANIFEST_MAX);

	if (kan_files_read(&manifest, dir, KAN_BAG_TAGMANIFEST, NULL) < 0)
		return;
	for (unsigned n = 1; n <= KAN_BAG_PROOF_NAMES; n++) {
		kan_auto_buf struct kan_buf armour = KAN_BUF(KAN_BAG_PROOF_MAX);
		char name[KAN_BAG_PROOF_PATH];

		kan_bag_proof(name, n, "sig");
		if (kan_files_read(&armour, dir, name, NULL) == 0)
			kan_tombstone_key(keys, kan_buf_bytes(&armour), kan_buf_bytes(&manifest));
	}
}

bool kan_tombstone_by_sealer(int dir, const char *fpr)
{
	kan_auto_buf struct kan_buf keys = KAN_BUF(KAN_TOMBSTONE_KEYS);

	seal_keys(&keys, dir);
	return listed(kan_buf_str(&keys), fpr);
}

static void of_file(struct kan_tombstones *out, struct kan_verify *v, int dir, const char *bundle,
		    const char *name, const char *keys)
{
	kan_auto_buf struct kan_buf path = KAN_BUF(256), beside = KAN_BUF(256);
	kan_auto_buf struct kan_buf event = KAN_BUF(KAN_BAG_PROOF_MAX);
	kan_auto_buf struct kan_buf armour = KAN_BUF(KAN_BAG_PROOF_MAX);
	struct kan_tombstone_ask ask = {
		.bundle = bundle, .bag = "", .seal_keys = keys, .at = time(NULL)};
	struct kan_err err = {0};
	unsigned seq;

	kan_buf_addf(&path, "seal/%s", name);
	kan_buf_addf(&beside, "seal/%s.sig", name);
	ask.path = kan_buf_str(&path);
	if (!kan_tombstone_is(ask.path, &seq))
		return;
	if (kan_files_read(&event, dir, ask.path, &err) < 0 ||
	    kan_files_read(&armour, dir, kan_buf_str(&beside), &err) < 0) {
		fault(v, &ask, err.text);
		return;
	}
	ask.event = kan_buf_bytes(&event);
	ask.armour = kan_buf_bytes(&armour);
	kan_tombstone_take(out, v, &ask);
}

void kan_tombstones_of_dir(struct kan_tombstones *out, struct kan_verify *v, int dir,
			   const char *bundle)
{
	kan_auto_buf struct kan_buf keys = KAN_BUF(KAN_TOMBSTONE_KEYS);
	kan_auto_files struct kan_files_list list = {0};
	kan_auto_close int seal = -1;

	if (kan_open_beneath(&seal, dir, "seal", O_RDONLY | O_DIRECTORY, 0, NULL) < 0 ||
	    kan_files_list(&list, seal, NULL) < 0) /* the layout tells */
		return;
	seal_keys(&keys, dir);
	for (size_t i = 0; i < list.n && i < KAN_BAG_PROOFS; i++)
		of_file(out, v, dir, bundle, list.path[i], kan_buf_str(&keys));
}
