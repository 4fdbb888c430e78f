/* import: a sealed bundle that has no commit here. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <kanshiki/bundle.h>
#include <kanshiki/custody.h>

#include "cli/capture_doc.h"
#include "cli/cmd.h"
#include "cli/cmd_custody.h"
#include "cli/tsa.h"
#include "custody/anchor.h"
#include "custody/check.h"

static const struct kan_option options[] = {
	{"case", 0, "ID", "the case (default: the one in the bundle)"},
	{"key", 0, "FILE", "sign with this Ed25519 key (default: the home's host key)"},
	{"note", 0, "TEXT", "why"},
	{"tsa", 0, "URL", "time stamps of seal and commit by this authority (RFC 3161)"},
	{"tsa-ca", 0, "FILE", "PEM certificates of the authorities whose stamps count"},
	{NULL, 0, NULL, NULL},
};

/* What was altered is not signed: our signature would vouch for it. */
static int whole_bundle(char **path, const struct kan_args *a, struct kan_err *err)
{
	struct kan_bundle *b = NULL;
	struct kan_err fault = {0};
	if (kan_find_bundle(path, a, a->words[0], err) < 0 ||
	    kan_bundle_open(&b, *path, false, err) < 0)
		return -1;
	kan_bundle_free(b);
	if (kan_bundle_verify(*path, NULL, kan_first_fault, &fault, err) < 0)
		return -1;
	if (fault.code != KAN_OK)
		return kan_fail(err, fault.code, "%s: %s", *path, fault.text);
	return 0;
}

/* The commit is there already: no stamp is one more warning. */
static int stamp_commit(const struct kan_tsa *t, struct kan_custody *c,
			const struct kan_receipt *of, const struct kan_act *act,
			struct kan_err *err)
{
	kan_auto_buf struct kan_buf stamp = KAN_BUF(KAN_TSP_REPLY_MAX);
	struct kan_receipt anchored = {0};
	kan_tsa_commit(&stamp, t, c, of);
	if (!stamp.len)
		return 0;
	return kan_anchor_commit(&anchored, c, of, kan_buf_bytes(&stamp), act, err) < 0 ? -1 : 0;
}

/* What is in seal/ goes along for ever: a proof of other bytes is none. */
static int proofs_fit(const char *path, struct kan_err *err)
{
	struct kan_err fault = {0};
	if (kan_custody_verify_seal(path, NULL, kan_first_fault, &fault, err) < 0)
		return -1;
	return fault.code == KAN_OK ? 0 : kan_fail(err, fault.code, "%s: %s", path, fault.text);
}

/* Stamped, signed, committed, the commit stamped. */
static int import(struct kan_receipt *r, struct kan_custody *c, const char *path,
		  const struct kan_tsa *t, const struct kan_act *act, struct kan_err *err)
{
	enum kan_stamp stamp = kan_tsa_seal(t, c, path);
	if (proofs_fit(path, err) < 0 || kan_custody_sign(c, path, err) < 0 ||
	    kan_custody_commit(r, c, path, "import", act, err) < 0)
		return -1;
	return !t->ask.url || stamp < KAN_STAMP_UNCHECKED ? 0 : stamp_commit(t, c, r, act, err);
}

static int run(const struct kan_args *a)
{
	struct kan_custody *c = NULL;
	struct kan_receipt r = {0};
	struct kan_err err = {0};
	struct kan_tsa tsa = {0};
	if (kan_tsa_of(&tsa, a) < 0)
		return KAN_EXIT_USAGE;
	struct kan_act act = {
		.case_id = kan_arg(a, "case"), .purpose = kan_arg(a, "note"), .argv = a->argv};
	kan_auto_free char *home = kan_home(a);
	kan_auto_free char *path = NULL;
	int status = KAN_EXIT_OK;
	if (whole_bundle(&path, a, &err) < 0 || kan_custody_with_key(&c, home, a, &err) < 0 ||
	    import(&r, c, path, &tsa, &act, &err) < 0)
		status = kan_say_err(&err);
	else
		status = kan_print_receipt(&r, kan_flag(a, "json"));
	kan_custody_free(c);
	kan_tsa_free(&tsa);
	return status;
}

extern const struct kan_command kan_cmd_import;
const struct kan_command kan_cmd_import = {
	.name = "import",
	.args = "[OPTIONS] BUNDLE",
	.summary = "commit a sealed bundle directory that has no commit here",
	.options = options,
	.min_words = 1,
	.max_words = 1,
	.run = run,
};
