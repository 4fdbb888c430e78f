/* verify: every check of the format, on a bundle or a repository, in the readers' sandbox. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <kanshiki/bundle.h>
#include <kanshiki/custody.h>

#include "base/row.h"
#include "cli/box.h"
#include "cli/capture_doc.h"
#include "cli/cmd.h"
#include "custody/check.h"

static const struct kan_option options[] = {
	{"allowed-signers", 0, "FILE",
	 "whom to trust, in ssh-keygen's format (else /etc/kanshiki/allowed_signers)"},
	{"seal", 0, "HEX", "the seal that was printed at the time"},
	{"tsa-ca", 0, "FILE", "PEM certificates of the authorities whose time stamps count"},
	{"require", 0, "LIST",
	 "signed, known-signer, stamped, anchored: exit 5 when it does not hold"},
	{NULL, 0, NULL, NULL},
};

enum { SEAL_HEX = 64 };

/* What --require knows. */
static const char *const requirements[] = {"signed", "known-signer", "stamped", "anchored"};

static const char trust_file[] = "/etc/kanshiki/allowed_signers";

struct tally {
	bool json, repository, altered, missing, incomplete, unsigned_, unknown_signer, stamped,
		anchored;
	unsigned ok, failed, not_done;
	json_t *checks;
	char first[1024];
};

static const char *const results[] = {"ok", "failed", "not-done"};

static void note(struct tally *t, const struct kan_check *c)
{
	bool about_signer = strcmp(c->name, "signature") == 0 || strcmp(c->name, "commits") == 0 ||
			    strcmp(c->name, "signers") == 0;
	switch (c->result) {
	case KAN_CHECK_OK:
		t->ok++;
		t->stamped |= strcmp(c->name, "timestamp") == 0;
		t->anchored |= strcmp(c->name, "anchors") == 0 || strcmp(c->name, "timestamp") == 0;
		break;
	case KAN_CHECK_FAILED:
		t->failed++;
		t->missing |= c->kind == KAN_CHECK_MISSING;
		t->altered |= c->kind != KAN_CHECK_MISSING;
		if (!t->first[0])
			(void)snprintf(t->first, sizeof(t->first), "%s: %s",
				       c->path && *c->path ? c->path : c->name, c->detail);
		break;
	case KAN_CHECK_NOT_DONE:
		t->not_done++;
		t->incomplete |= c->kind == KAN_CHECK_INCOMPLETE;
		t->unsigned_ |= about_signer && strstr(c->detail, "unsigned") != NULL;
		t->unknown_signer |= about_signer;
		break;
	}
}

static void print_check(const struct kan_check *c)
{
	(void)printf("%-9s %-12s ", results[c->result], c->name);
	kan_print(stdout, kan_bytes_of(c->path && *c->path ? c->path : ""));
	(void)fputs(c->path && *c->path && c->detail && *c->detail ? ": " : "", stdout);
	kan_print(stdout, kan_bytes_of(c->detail ? c->detail : ""));
	(void)fputc('\n', stdout);
	if (c->result == KAN_CHECK_FAILED && c->third_party && *c->third_party) {
		(void)fputs("          check it with: ", stdout);
		kan_print(stdout, kan_bytes_of(c->third_party));
		(void)fputc('\n', stdout);
	}
}

static void on_check(const struct kan_check *c, void *arg)
{
	struct tally *t = arg;
	note(t, c);
	if (!t->json) {
		print_check(c);
		return;
	}
	json_t *o = json_object();
	kan_json_set_bytes(o, "name", kan_bytes_of(c->name));
	json_object_set_new(o, "result", json_string(results[c->result]));
	kan_json_set_bytes(o, "detail", kan_bytes_of(c->detail ? c->detail : ""));
	kan_json_set_bytes(o, "path", kan_bytes_of(c->path ? c->path : ""));
	kan_json_set_bytes(o, "third_party", kan_bytes_of(c->third_party ? c->third_party : ""));
	json_array_append_new(t->checks, o);
}

static bool has(const char *dir, const char *name)
{
	struct stat st;
	kan_auto_free char *path = kan_path(dir, name);
	return lstat(path, &st) == 0;
}

static bool wanted(const char *list, const char *word)
{
	const char *at = list ? strstr(list, word) : NULL;
	size_t n = strlen(word);
	return at && (at == list || at[-1] == ',') && (at[n] == 0 || at[n] == ',');
}

static bool required_word(const char *word, size_t n)
{
	for (size_t i = 0; i < sizeof(requirements) / sizeof(requirements[0]); i++)
		if (strlen(requirements[i]) == n && strncmp(word, requirements[i], n) == 0)
			return true;
	return false;
}

static int known_requirements(const char *list)
{
	for (const char *at = list; at && *at;) {
		size_t n = strcspn(at, ",");
		if (!required_word(at, n)) {
			kan_say("--require takes signed, known-signer, stamped and anchored, not "
				"'%.*s'",
				(int)n, at);
			return -1;
		}
		at += n + (at[n] == ',');
	}
	return 0;
}

/* A file that the user names and that cannot be read: told before the sandbox is up. */
static int given_file(const char *option, const char *path, struct kan_err *err)
{
	if (!path || access(path, R_OK) == 0)
		return 0;
	return kan_fail(err, KAN_EUSAGE, "--%s %s: %s", option, path, strerror(errno));
}

static int known_seal(const char *seal)
{
	if (!seal ||
	    (strlen(seal) == SEAL_HEX && strspn(seal, "0123456789abcdefABCDEF") == SEAL_HEX))
		return 0;
	kan_say("--seal takes the %d hexadecimal digits that were printed, not '%s'", SEAL_HEX,
		seal);
	return -1;
}

/* What may not be looked into is not the same as what is not there. */
static int readable(const char *path, struct kan_err *err)
{
	struct stat st;
	if (stat(path, &st) < 0 || access(path, S_ISDIR(st.st_mode) ? R_OK | X_OK : R_OK) < 0)
		return kan_fail_sys(err, "%s", path);
	return 0;
}

/* A bag, a .partial, a repository, or a home. */
static int check(struct tally *t, const char *path, const struct kan_custody_trust *trust,
		 const struct kan_args *a, struct kan_err *err)
{
	if (has(path, "tagmanifest-sha256.txt") || has(path, "bagit.txt") ||
	    has(path, "journal.ndjson")) {
		if (kan_bundle_verify(path, kan_arg(a, "seal"), on_check, t, err) < 0)
			return -1;
		if (!has(path, "tagmanifest-sha256.txt") && !has(path, "seal"))
			return 0; /* not sealed: there is nothing that could be signed */
		return kan_custody_verify_seal(path, trust, on_check, t, err);
	}
	t->repository = true;
	if (kan_arg(a, "seal"))
		return kan_fail(err, KAN_EUSAGE, "--seal is of a bundle: %s is none", path);
	if (has(path, "HEAD") && has(path, "objects"))
		return kan_custody_verify(path, trust, on_check, t, err);
	if (has(path, "custody.git")) {
		kan_auto_free char *repo = kan_path(path, "custody.git");
		return kan_custody_verify(repo, trust, on_check, t, err);
	}
	return kan_fail(err, KAN_ENOTFOUND, "%s: no bundle and no repository there", path);
}

static int conclude(struct tally *t, const char *require, const struct kan_sandbox_state *box)
{
	int status = KAN_EXIT_OK;
	const char *result = "verified", *why = "";
	bool unmet = (wanted(require, "signed") && t->unsigned_) ||
		     (wanted(require, "known-signer") && t->unknown_signer) ||
		     (wanted(require, "stamped") && !t->stamped) ||
		     (wanted(require, "anchored") && !t->anchored);
	if (t->failed) {
		status = KAN_EXIT_TAMPERED;
		result = "tampered";
		why = t->altered && t->missing ? "altered, and a part is missing"
		      : t->missing             ? "a part is missing"
					       : "altered";
	} else if (t->incomplete || unmet) {
		status = KAN_EXIT_MISSING;
		result = "incomplete";
		why = unmet ? "a --require is not met" : "partial or unsealed";
	}
	if (t->json) {
		json_t *o =
			json_pack("{s:s,s:s,s:i,s:s,s:O}", "schema", "kanshiki.verify/1", "result",
				  result, "exit", status, "why", why, "checks", t->checks);
		json_object_set_new(o, "sandbox", kan_box_json(box));
		(void)kan_print_json(o);
		json_decref(o);
	} else {
		(void)printf("%s: %u ok, %u failed, %u not done%s%s\n", result, t->ok, t->failed,
			     t->not_done, *why ? ": " : "", why);
		if (t->first[0]) {
			(void)fputs("first: ", stdout);
			kan_print(stdout, kan_bytes_of(t->first));
			(void)fputc('\n', stdout);
		}
		(void)fputs(
			t->repository
				? "by other people's tools: git clone, then git fsck --strict, git "
				  "verify-commit, git lfs fsck --dry-run\n"
				: "by other people's tools, in the bundle: sha256sum -c --quiet "
				  "tagmanifest-sha256.txt manifest-sha256.txt "
				  "(README-verify.txt)\n",
			stdout);
	}
	return status;
}

static const char *trusted(const struct kan_args *a)
{
	const char *given = kan_arg(a, "allowed-signers");
	if (given)
		return given;
	return access(trust_file, R_OK) == 0 ? trust_file : NULL;
}

static int run(const struct kan_args *a)
{
	struct tally t = {.json = kan_flag(a, "json"),
			  .checks = json_array(),
			  .anchored = kan_arg(a, "seal") != NULL}; /* unequal, it fails */
	struct kan_sandbox_state box = {0};
	struct kan_err err = {0};
	const char *require = kan_arg(a, "require"), *signers = trusted(a);
	struct kan_custody_trust trust = {.allowed_signers = signers,
					  .tsa_ca = kan_arg(a, "tsa-ca"),
					  .printed = kan_arg(a, "seal") != NULL};
	int status = KAN_EXIT_USAGE;
	kan_auto_free char *path = kan_absolute(a->words[0]);
	if (known_requirements(require) == 0 && known_seal(kan_arg(a, "seal")) == 0) {
		const char *read_paths[] = {path, signers ? signers : path,
					    trust.tsa_ca ? trust.tsa_ca : path, NULL};
		const char *write_paths[] = {NULL};
		if (given_file("allowed-signers", signers, &err) == 0 &&
		    given_file("tsa-ca", trust.tsa_ca, &err) == 0 && readable(path, &err) == 0 &&
		    kan_sandbox_reader(&box, read_paths, write_paths, &err) == 0)
			(void)check(&t, path, &trust, a, &err);
		if (err.code == KAN_OK)
			kan_say_box(&box);
		status = err.code != KAN_OK ? kan_say_err(&err) : conclude(&t, require, &box);
	}
	json_decref(t.checks);
	return status;
}

extern const struct kan_command kan_cmd_verify;
const struct kan_command kan_cmd_verify = {
	.name = "verify",
	.args = "[OPTIONS] BUNDLE|REPOSITORY",
	.summary = "check a bundle or a repository; says what failed, and whose tool shows it too",
	.options = options,
	.min_words = 1,
	.max_words = 1,
	.run = run,
};
