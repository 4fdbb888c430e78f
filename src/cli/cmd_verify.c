/* verify: every check of the format, on a bundle or a repository, in the readers' sandbox. */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <kanshiki/bundle.h>
#include <kanshiki/custody.h>

#include "base/file.h"
#include "base/row.h"
#include "cli/box.h"
#include "cli/capture_doc.h"
#include "cli/carry.h"
#include "cli/cmd.h"
#include "cli/cmd_custody.h"
#include "cli/require.h"
#include "custody/check.h"
#include "custody/remote.h"

static const struct kan_option options[] = {
	{"allowed-signers", 0, "FILE",
	 "whom to trust, in ssh-keygen's format (else /etc/kanshiki/allowed_signers, else "
	 "~/.config/kanshiki/allowed_signers)"},
	{"ca", 0, "FILE", "whose certificates to trust for CMS signatures, as PEM"},
	{"seal", 0, "HEX", "the seal that was printed at the time"},
	{"tsa-ca", 0, "FILE", "PEM certificates of the authorities whose time stamps count"},
	{"remote", 0, "URL", "a repository: main there must be the one here"},
	{"credentials", 0, "FILE", "NAME:PASSWORD for an http(s) remote, in a file of mode 0600"},
	{"remote-ca", 0, "FILE",
	 "PEM certificates that vouch for an https remote (else the system's)"},
	{"require", 0, "LIST",
	 "signed, known-signer, stamped, pushed, anchored: exit 5 when it does not hold",
	 kan_require_words},
	{NULL, 0, NULL, NULL},
};

enum { SEAL_HEX = 64 };

static const char trust_file[] = "/etc/kanshiki/allowed_signers";

struct tally {
	bool json, repository, altered, missing, incomplete, unsigned_, unknown_signer, ca;
	bool pushed, stamped, anchored;
	unsigned ok, failed, not_done;
	json_t *checks;
	char first[1024];
};

static const char *const results[] = {"ok", "failed", "not-done"};

static void note(struct tally *t, const struct kan_check *c)
{
	bool about_signer =
		strcmp(c->name, "signature") == 0 || strcmp(c->name, "commits") == 0 ||
		strcmp(c->name, "signers") == 0 ||
		(t->ca && strcmp(c->name, "cms") == 0 && strncmp(c->detail, "good", 4) == 0);
	switch (c->result) {
	case KAN_CHECK_OK:
		t->ok++;
		t->stamped |= strcmp(c->name, "timestamp") == 0;
		t->anchored |= strcmp(c->name, "anchors") == 0 || strcmp(c->name, "timestamp") == 0;
		t->pushed |= strcmp(c->name, "remote") == 0;
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
		/* Not there, or nothing that can be verified here: it is not signed for us. */
		t->unsigned_ |=
			(strcmp(c->name, "signature") == 0 || strcmp(c->name, "commits") == 0) &&
			strncmp(c->detail, "good", 4) != 0;
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

/* A file that the user names and that cannot be read: told before the sandbox is up. */
static int given_file(const struct kan_args *a, const char *option, const char *path,
		      struct kan_err *err)
{
	if (!path || access(path, R_OK) == 0)
		return 0;
	int why = errno;
	return kan_fail(err, KAN_EUSAGE, "%s %s: %s", kan_arg_called(a, option), path,
			strerror(why));
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

static bool is_bag(const char *path)
{
	return has(path, "tagmanifest-sha256.txt") || has(path, "bagit.txt") ||
	       has(path, "journal.ndjson");
}

/* A bag, a .partial, a repository, or a home. */
static int check(struct tally *t, const char *path, const struct kan_custody_trust *trust,
		 const struct kan_args *a, struct kan_err *err)
{
	if (is_bag(path)) {
		if (trust->remote)
			return kan_fail(err, KAN_EUSAGE,
					"--remote is of a repository: %s is a bundle", path);
		return kan_custody_verify_bag(path, kan_arg(a, "seal"), trust, on_check, t, err);
	}
	t->repository = true;
	if (kan_arg(a, "seal"))
		return kan_fail(err, KAN_EUSAGE, "--seal is of a bundle: %s is none", path);
	if (has(path, "HEAD") && has(path, "objects"))
		return kan_custody_verify(path, trust, on_check, t, err);
	if (has(path, "custody.git")) {
		kan_auto_free char *repo = kan_path(path, "custody.git");
		kan_say("the repository of this home; a bag in %s/bundles is verified by its own "
			"name",
			path);
		return kan_custody_verify(repo, trust, on_check, t, err);
	}
	return kan_fail(err, KAN_ENOTFOUND, "%s: no bundle and no repository there", path);
}

static int conclude(struct tally *t, const char *require, const struct kan_sandbox_state *box)
{
	int status = KAN_EXIT_OK;
	const char *result = "verified", *why = "";
	bool unmet = (kan_require_has(require, "signed") && t->unsigned_) ||
		     (kan_require_has(require, "known-signer") && t->unknown_signer) ||
		     (kan_require_has(require, "pushed") && !t->pushed) ||
		     (kan_require_has(require, "stamped") && !t->stamped) ||
		     (kan_require_has(require, "anchored") && !t->anchored);
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

/* A trust file where one is looked for: silence about one that cannot be read would be a no. */
static char *trust_at(char *path)
{
	if (access(path, R_OK) == 0)
		return path;
	if (errno != ENOENT && errno != ENOTDIR)
		kan_say("%s: %s: nobody is trusted by it", path, strerror(errno));
	free(path);
	return NULL;
}

static char *trusted(const struct kan_args *a)
{
	const char *given = kan_arg(a, "allowed-signers");
	const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
	if (given)
		return kan_xstrdup(given);
	char *found = trust_at(kan_xstrdup(trust_file));
	if (!found && config && *config == '/')
		return trust_at(kan_path(config, "kanshiki/allowed_signers"));
	if (!found && home && *home == '/')
		return trust_at(kan_path(home, ".config/kanshiki/allowed_signers"));
	return found;
}

/* A child asks, and hands over 40 digits: what a remote answers is parsed where no evidence is. */
static int ask_remote(char id[KAN_GIT_ID], const struct kan_remote *r, struct kan_err *err)
{
	char answer[1 + KAN_ERR_TEXT] = "";
	struct kan_err why = {0};
	int end = -1;
	pid_t pid = 0;
	if (kan_sandbox_fork(&pid, &end, err) < 0)
		return -1;
	if (pid == 0) {
		int rc = kan_remote_main(id, r, "git-upload-pack", &why);
		answer[0] = (char)('0' + (rc < 0 ? (int)why.code : KAN_OK));
		(void)snprintf(answer + 1, sizeof(answer) - 1, "%s", rc < 0 ? why.text : id);
		_exit(kan_write_all(end, answer, sizeof(answer), NULL) < 0);
	}
	struct kan_buf got = KAN_BUF(sizeof(answer));
	int rc = kan_read_all(&got, end, err);
	(void)close(end);
	kan_sandbox_end(pid);
	if (rc == 0 && got.len != sizeof(answer))
		rc = kan_fail(err, KAN_EIO, "%s: whoever asked it has died", r->url);
	if (rc == 0 && got.data[0] != '0' + KAN_OK)
		rc = kan_fail(err, (enum kan_code)(got.data[0] - '0'), "%s",
			      (const char *)got.data + 1);
	else if (rc == 0)
		(void)snprintf(id, KAN_GIT_ID, "%s", (const char *)got.data + 1);
	kan_buf_free(&got);
	return rc;
}

/* The remote that trust names, before the sandbox. */
static int take_remote(struct kan_custody_trust *trust, struct kan_remote *r, char id[KAN_GIT_ID],
		       const struct kan_args *a, struct kan_err *err)
{
	char *secret = NULL;
	const char *url = trust->remote_name;
	if (!url)
		return 0;
	int rc = kan_take_remote(r, &secret, url, a, err);
	if (rc == 0)
		rc = ask_remote(id, r, err);
	kan_wipe_text(secret);
	r->user = NULL;
	trust->remote = id;
	trust->remote_name = r->url;
	return rc;
}

static int run_on(const struct kan_args *a, const char *word)
{
	char remote_main[KAN_GIT_ID] = "";
	struct kan_remote remote;
	struct tally t = {.json = kan_flag(a, "json"),
			  .ca = kan_arg(a, "ca") != NULL,
			  .anchored = kan_arg(a, "seal") != NULL, /* unequal, it fails */
			  .checks = json_array()};
	struct kan_sandbox_state box = {0};
	struct kan_err err = {0};
	const char *require = kan_arg(a, "require");
	kan_auto_free char *signers = trusted(a);
	const char *ca = kan_arg(a, "ca");
	struct kan_custody_trust trust = {.allowed_signers = signers,
					  .ca = ca,
					  .tsa_ca = kan_arg(a, "tsa-ca"),
					  .printed = kan_arg(a, "seal") != NULL};
	int status = KAN_EXIT_USAGE;
	kan_auto_free char *path = kan_absolute(word);
	/* A site's remote is of its repositories: a bundle has none. */
	trust.remote_name = is_bag(path) ? kan_arg_given(a, "remote") : kan_arg(a, "remote");
	if (kan_require_check(require) == 0 && known_seal(kan_arg(a, "seal")) == 0) {
		const char *read_paths[] = {path, signers ? signers : path, ca ? ca : path,
					    trust.tsa_ca ? trust.tsa_ca : path, NULL};
		const char *write_paths[] = {NULL};
		if (given_file(a, "allowed-signers", signers, &err) == 0 &&
		    given_file(a, "ca", ca, &err) == 0 &&
		    given_file(a, "tsa-ca", trust.tsa_ca, &err) == 0 &&
		    take_remote(&trust, &remote, remote_main, a, &err) == 0 &&
		    readable(path, &err) == 0 &&
		    kan_sandbox_reader(&box, read_paths, write_paths, &err) == 0)
			(void)check(&t, path, &trust, a, &err);
		if (err.code == KAN_OK)
			kan_say_box(&box);
		status = err.code != KAN_OK ? kan_say_err(&err) : conclude(&t, require, &box);
	}
	json_decref(t.checks);
	return status;
}

/* What removes the place again, also when it is told to end. */
static pid_t worker;

static void pass_on(int signal_number)
{
	if (worker > 0)
		(void)kill(worker, signal_number);
}

/* The bundle within place, by a child; whatever becomes of it, its status comes back. */
static int verify_in(const struct kan_args *a, const char *place, struct kan_err *err)
{
	struct kan_carried c = {.fd = -1};
	int state = 0;
	worker = fork();
	if (worker < 0)
		return kan_fail_sys(err, "fork");
	if (worker == 0) {
		(void)signal(SIGINT, SIG_DFL);
		(void)signal(SIGTERM, SIG_DFL);
		int status = KAN_EXIT_FAILED;
		if (kan_carry_unpack(&c, place, a->words[0], err) < 0) {
			status = kan_say_err(err);
		} else {
			kan_auto_close int fd = open(place, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
			kan_auto_free char *path = kan_path(place, c.bundle);
			status = kan_carry_keep(&c, fd, err) < 0 ? kan_say_err(err)
								 : run_on(a, path);
		}
		exit(kan_status_written(status));
	}
	while (waitpid(worker, &state, 0) < 0 && errno == EINTR)
		;
	if (WIFEXITED(state)) {
		kan_json_told(); /* by the child */
		return WEXITSTATUS(state);
	}
	int by = WIFSIGNALED(state) ? WTERMSIG(state) : 0;
	if (by == SIGINT || by == SIGTERM)
		return KAN_EXIT_INTERRUPTED;
	return kan_fail(err, KAN_EIO, "%s: whoever verified it has died of signal %d: not verified",
			a->words[0], by);
}

static void sweep_place(const char *place)
{
	kan_auto_close int fd = open(place, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd >= 0)
		kan_carry_empty(fd);
	(void)rmdir(place);
}

/* A tar is unpacked as import does it, into a place of its own that is gone afterwards. */
static int verify_tar(const struct kan_args *a)
{
	struct kan_err err = {0};
	const char *tmp = getenv("TMPDIR");
	kan_auto_free char *place = kan_path(tmp && *tmp == '/' ? tmp : "/tmp", "kanshiki-XXXXXX");
	if (!mkdtemp(place)) {
		(void)kan_fail_sys(&err, "%s", place);
		return kan_say_err(&err);
	}
	(void)signal(SIGINT, pass_on);
	(void)signal(SIGTERM, pass_on);
	int status = verify_in(a, place, &err);
	if (status < 0)
		status = kan_say_err(&err);
	sweep_place(place);
	return status;
}

static int run(const struct kan_args *a)
{
	struct stat st;
	bool tar = strcmp(a->words[0], "-") == 0 ||
		   (stat(a->words[0], &st) == 0 && !S_ISDIR(st.st_mode));
	return tar ? verify_tar(a) : run_on(a, a->words[0]);
}

extern const struct kan_command kan_cmd_verify;
const struct kan_command kan_cmd_verify = {
	.name = "verify",
	.args = "[OPTIONS] BUNDLE|REPOSITORY|FILE.tar|-",
	.summary = "check a bundle, a repository or a tar; says what failed, and whose tool shows "
		   "it too",
	.options = options,
	.min_words = 1,
	.max_words = 1,
	.run = run,
};
