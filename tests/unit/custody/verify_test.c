/* verify: a good repository passes, and each way to tamper with it is noticed and named. */
#include "base/sandbox.h"
#include "custody/check.h"
#include "fixture.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void run_verify(struct findings *v, const struct fixture *f, const char *allowed)
{
	struct kan_err err = {0};

	cr_assert_eq(kan_custody_verify(f->repo,
					&(struct kan_custody_trust){.allowed_signers = allowed},
					findings_fn, v, &err),
		     0, "%s", err.text);
}

/* A repository with a bundle, a report and a note in it, and its trust file. */
static void make_repo(struct fixture *f)
{
	kan_auto_buf struct kan_buf line = KAN_BUF(4096);
	struct kan_custody *c = NULL;
	struct kan_receipt r, d;
	struct kan_err err = {0};
	char dir[512];

	fixture_make(f);
	fixture_commit(&r, f, BUNDLE_A);
	fixture_write(f->dir, "report/report.html", "<p>", 3);
	snprintf(dir, sizeof(dir), "%s/report", f->dir);
	cr_assert_eq(kan_custody_open(&c, f->home, NULL, &err), 0, "%s", err.text);
	cr_assert_eq(kan_custody_derive(&d, c, &r, dir, &fixture_act, &err), 0, "%s", err.text);
	cr_assert_eq(kan_custody_note(&d, c, &r, "seen", &fixture_act, &err), 0, "%s", err.text);
	cr_assert_eq(kan_custody_signer_line(&line, c, NULL, &err), 0);
	fixture_write(f->dir, "allowed", line.data, line.len);
	kan_custody_free(c);
}

static void finds(const struct fixture *f, const char *name, const char *path, const char *detail)
{
	struct findings v = FINDINGS;

	run_verify(&v, f, NULL);
	cr_expect(said(&v, name, "failed", path, detail), "%s of %s not found in:\n%s", name, path,
		  kan_buf_str(&v.text));
	kan_buf_free(&v.text);
}

Test(verify, a_good_repository_fails_nothing_and_says_who_is_not_vouched_for)
{
	auto_fixture struct fixture f;
	struct findings v = FINDINGS;

	make_repo(&f);
	run_verify(&v, &f, NULL);
	cr_assert_eq(v.failed, 0, "%s", kan_buf_str(&v.text));
	cr_assert(said(&v, "repo", "ok", "", ""));
	cr_assert(said(&v, "objects", "ok", "", "3 commits"));
	cr_assert(said(&v, "history", "ok", "", ""));
	cr_assert(said(&v, "events", "ok", "", "3 events in 1 cases"));
	cr_assert(said(&v, "commits", "ok", "", "3 commits"));
	cr_assert(said(&v, "pointers", "ok", "", ""));
	cr_assert(said(&v, "store", "ok", "", "4 objects"), "%s", kan_buf_str(&v.text));
	cr_assert(said(&v, "signers", "not-done", "", "no trust file"));
	cr_assert(said(&v, "signature", "not-done", "seal/", "no trust file"));
	cr_assert(said(&v, "anchors", "not-done", "", ""));
	kan_buf_free(&v.text);
}

Test(verify, with_a_trust_file_every_signer_is_known)
{
	auto_fixture struct fixture f;
	struct findings v = FINDINGS;
	char allowed[512];

	make_repo(&f);
	snprintf(allowed, sizeof(allowed), "%s/allowed", f.dir);
	run_verify(&v, &f, allowed);
	cr_assert_eq(v.failed, 0);
	cr_assert(said(&v, "signers", "ok", "", "3 commits by trusted signers"), "%s",
		  kan_buf_str(&v.text));
	cr_assert(said(&v, "signature", "ok", "", ""), "%s", kan_buf_str(&v.text));
	kan_buf_free(&v.text);
}

Test(verify, a_trust_file_that_does_not_name_the_key_trusts_nobody)
{
	auto_fixture struct fixture f;
	struct findings v = FINDINGS;
	char allowed[512];

	make_repo(&f);
	free(fixture_must(
		f.dir, "ssh-keygen -q -t ed25519 -N '' -f k && echo \"a@x $(cat k.pub)\" > other"));
	snprintf(allowed, sizeof(allowed), "%s/other", f.dir);
	run_verify(&v, &f, allowed);
	cr_assert_eq(v.failed, 0);
	cr_assert(said(&v, "signers", "not-done", "", "not in the trust file"));
	kan_buf_free(&v.text);
}

Test(verify, a_packed_copy_of_the_repository_is_as_good)
{
	auto_fixture struct fixture f;
	struct findings v = FINDINGS;

	make_repo(&f);
	free(fixture_must(f.repo,
			  "git repack -q -a -d && git pack-refs --all && git prune-packed &&"
			  " test -f packed-refs && test ! -f refs/heads/main"));
	run_verify(&v, &f, NULL);
	cr_assert_eq(v.failed, 0, "%s", kan_buf_str(&v.text));
	cr_assert(said(&v, "objects", "ok", "", "3 commits"));
	kan_buf_free(&v.text);
}

Test(verify, something_else_is_no_repository)
{
	auto_fixture struct fixture f;
	struct findings v = FINDINGS;
	struct kan_err err = {0};

	fixture_make(&f);
	cr_assert_eq(kan_custody_verify(f.dir, NULL, findings_fn, &v, &err), -1);
	cr_assert_eq(err.code, KAN_ENOTFOUND);
}

Test(verify, an_altered_and_a_missing_lfs_object_are_told_apart)
{
	auto_fixture struct fixture f;
	struct findings v = FINDINGS;

	make_repo(&f);
	free(fixture_must(
		f.dir,
		"o() { sha256sum %s/data/$1 | sed 's,^\\(..\\)\\(..\\)\\([^ ]*\\).*,"
		"%s/lfs/objects/\\1/\\2/\\1\\2\\3,'; };"
		" a=$(o engine/inspect.json); m=$(o processes/processes.ndjson);"
		" rm -f $m; cp --remove-destination $a t; printf Y | dd of=t conv=notrunc 2>&1;"
		" mv -f t $a",
		BUNDLE_A, f.repo));
	run_verify(&v, &f, NULL);
	cr_expect(said(&v, "store", "failed",
		       "altered cases/inc-42/bundles/" BUNDLE_A "/data/engine/inspect.json",
		       "altered"),
		  "%s", kan_buf_str(&v.text));
	cr_expect(said(&v, "store", "failed",
		       "missing cases/inc-42/bundles/" BUNDLE_A "/data/processes/processes.ndjson",
		       "missing"),
		  "%s", kan_buf_str(&v.text));
	kan_buf_free(&v.text);
}

Test(verify, an_object_behind_a_committed_fetchexclude_is_hashed_all_the_same)
{
	auto_fixture struct fixture f;

	make_repo(&f);
	free(fixture_must(
		f.dir,
		"a=%s/lfs/objects/$(cd %s/lfs/objects && find . -type f | head -1);"
		" cp $a t; chmod u+w t; echo >> t; mv -f t $a;"
		" git clone -q %s w && cd w && printf '[lfs]\\n\\tfetchexclude = *\\n' > "
		".lfsconfig &&"
		" git add .lfsconfig && git -c user.name=x -c user.email=x@x commit -qm x &&"
		" git push -q",
		f.repo, f.repo, f.repo));
	finds(&f, "store", "cases/", "altered");
	finds(&f, "repo", ".lfsconfig", "");
	finds(&f, "history", "", "adds 0 events");
}

Test(verify, a_missing_and_an_altered_git_object_are_told_apart_by_their_path)
{
	auto_fixture struct fixture f;
	struct findings v = FINDINGS;

	make_repo(&f);
	free(fixture_must(
		f.repo,
		"o() { git rev-parse main:cases/inc-42/bundles/%s/$1 | sed 's,^..,objects/&/,'; };"
		" a=$(o bag-info.txt); m=$(o capture.json); b=$(o bagit.txt);"
		" rm -f $m; cp $b t; chmod u+w t; mv -f t $a",
		BUNDLE_A));
	run_verify(&v, &f, NULL);
	cr_expect(said(&v, "objects", "failed",
		       "altered cases/inc-42/bundles/" BUNDLE_A "/bag-info.txt", ""),
		  "%s", kan_buf_str(&v.text));
	cr_expect(said(&v, "objects", "failed",
		       "missing cases/inc-42/bundles/" BUNDLE_A "/capture.json", "missing"),
		  "%s", kan_buf_str(&v.text));
	kan_buf_free(&v.text);
}

/* Commit what the shell text leaves in a clone's index, as somebody without our key. */
static void foreign_commit(const struct fixture *f, const char *change)
{
	free(fixture_must(f->dir,
			  "GIT_LFS_SKIP_SMUDGE=1 git clone -q %s w && cd w && C=cases/inc-42 && %s"
			  " git -c user.name=x -c user.email=x@x commit -qam x && git push -q -f",
			  f->repo, change));
}

Test(verify, a_file_changed_by_a_later_commit_is_not_append_only)
{
	auto_fixture struct fixture f;

	make_repo(&f);
	foreign_commit(&f, "echo >> $C/events/000001-collect.json;");
	finds(&f, "history", "cases/inc-42/events/000001-collect.json", "changes this");
}

Test(verify, a_file_removed_by_a_later_commit_is_not_append_only)
{
	auto_fixture struct fixture f;

	make_repo(&f);
	foreign_commit(&f, "git rm -q $C/events/000003-note.json;");
	finds(&f, "history", "cases/inc-42/events/000003-note.json", "removes this");
}

Test(verify, a_file_added_to_a_bag_is_in_no_manifest)
{
	auto_fixture struct fixture f;

	make_repo(&f);
	foreign_commit(&f, "echo x > $C/bundles/" BUNDLE_A "/stray.txt; git add -A;");
	finds(&f, "pointers", "stray.txt", "in no manifest");
}

Test(verify, an_unsigned_commit_is_said)
{
	auto_fixture struct fixture f;
	struct findings v = FINDINGS;

	make_repo(&f);
	foreign_commit(&f, "echo x > y; git add y;");
	run_verify(&v, &f, NULL);
	cr_expect(said(&v, "commits", "not-done", "", "unsigned"));
	cr_expect(said(&v, "history", "failed", "", "adds 0 events"));
	kan_buf_free(&v.text);
}

/* Rewrite the tip's bytes with sed, and put main there. */
static void rewrite_tip(const struct fixture *f, const char *edit)
{
	free(fixture_must(
		f->repo,
		"n=$(git cat-file commit main | %s | git hash-object -t commit -w --stdin) &&"
		" git update-ref refs/heads/main $n",
		edit));
}

Test(verify, an_amended_or_redated_commit_breaks_its_signature)
{
	auto_fixture struct fixture f;

	make_repo(&f);
	rewrite_tip(&f, "sed 's/^committer \\(.*\\) [0-9]* +0000/committer \\1 1700000000 +0000/'");
	finds(&f, "commits", "", "does not fit");
	finds(&f, "events", "", "dates are not the event's");
}

Test(verify, a_commit_with_its_signature_cut_out_contradicts_its_event)
{
	auto_fixture struct fixture f;

	make_repo(&f);
	rewrite_tip(&f, "sed '/^gpgsig/,/END SSH/d'");
	finds(&f, "signers", "000003-note.json", "names another key");
}

Test(verify, a_commit_of_a_foreign_key_contradicts_its_event)
{
	auto_fixture struct fixture f;

	make_repo(&f);
	free(fixture_must(f.dir,
			  "ssh-keygen -q -t ed25519 -N '' -f k; cd %s;"
			  " git cat-file commit main | sed '/^gpgsig/,/END SSH/d' > ../../c;"
			  " ssh-keygen -q -Y sign -f ../../k -n git ../../c;"
			  " n=$( { sed '/^$/,$d' ../../c; sed '1s/^/gpgsig /;1!s/^/ /' ../../c.sig;"
			  " sed -n '/^$/,$p' ../../c; } | git hash-object -t commit -w --stdin) &&"
			  " git update-ref refs/heads/main $n",
			  f.repo));
	finds(&f, "signers", "000003-note.json", "names another key");
}

Test(verify, a_dropped_commit_in_the_middle_breaks_the_chain)
{
	auto_fixture struct fixture f;

	make_repo(&f);
	rewrite_tip(&f, "sed \"s/^parent .*/parent $(git rev-parse main~2)/\"");
	finds(&f, "commits", "", "does not fit");
	finds(&f, "history", "", "adds 2 events");
}

Test(verify, a_merge_is_noticed)
{
	auto_fixture struct fixture f;

	make_repo(&f);
	rewrite_tip(&f, "sed \"s/^parent .*/&\\nparent $(git rev-parse main~2)/\"");
	finds(&f, "history", "", "a merge");
}

/* A shell line that plants something in the repository. */
static void planted(const char *plant, const char *path, const char *detail)
{
	auto_fixture struct fixture f;

	make_repo(&f);
	free(fixture_must(f.repo, "%s", plant));
	finds(&f, "repo", path, detail);
}

Test(verify, whatever_leads_out_of_the_repository_is_noticed)
{
	planted("echo /tmp > objects/info/alternates", "objects/info/alternates",
		"another history");
	planted("echo ../x > commondir", "commondir", "another history");
	planted("mkdir -p info; git rev-parse main > info/grafts", "info/grafts",
		"another history");
	planted("git rev-parse main~ > shallow", "shallow", "another history");
	planted("git replace main~ main~2", "refs/replace/", "a second ref");
	planted("git branch other main~", "refs/heads/other", "a second ref");
	planted("git tag t && git pack-refs --all", "packed-refs", "a second ref: refs/tags/t");
	planted("ln -s /etc x", "x", "a link");
	/* An object of the repository may begin with it: what it is called follows the clock. */
	planted("rm -rf objects/ab; mkfifo objects/ab", "objects/ab", "a special file");
	planted("ln -s /etc objects/zz", "objects/zz", "a link");
	planted("echo ref: refs/remotes/other > HEAD", "HEAD", "does not name main");
	planted("echo ref: refs/heads/a/../b > HEAD", "HEAD", "does not name main");
	planted("rm refs/heads/main", "refs/heads/main", "main has no commit");
	planted("echo junk > refs/heads/main", "refs/heads/main", "not the id");
}

Test(verify, a_repository_with_links_is_not_read_through_them)
{
	auto_fixture struct fixture f;
	struct findings v = FINDINGS;

	make_repo(&f);
	free(fixture_must(f.repo, "mv objects ../o && ln -s ../o objects"));
	run_verify(&v, &f, NULL);
	cr_expect(said(&v, "repo", "failed", "objects", "a link"));
	cr_expect(said(&v, "objects", "not-done", "", "links"));
	kan_buf_free(&v.text);
}

Test(verify, configuration_of_the_repository_is_never_run)
{
	auto_fixture struct fixture f;
	struct findings v = FINDINGS;

	make_repo(&f);
	free(fixture_must(
		f.repo,
		"git config gpg.ssh.program '%s/evil'; git config core.fsmonitor '%s/evil';"
		" git config include.path ../../evil.conf; mkdir hooks;"
		" printf '#!/bin/sh\\ntouch %s/ran\\n' > %s/evil; chmod +x %s/evil",
		f.dir, f.dir, f.dir, f.dir, f.dir));
	run_verify(&v, &f, NULL);
	cr_assert_eq(v.failed, 0, "%s", kan_buf_str(&v.text));
	cr_assert_eq(fixture_run(NULL, f.dir, "test ! -e ran"), 0);
	kan_buf_free(&v.text);
}

static void seal_says(const struct fixture *f, const char *allowed, const char *result,
		      const char *detail)
{
	struct findings v = FINDINGS;
	struct kan_err err = {0};
	char bag[512];

	snprintf(bag, sizeof(bag), "%s/" BUNDLE_A, f->dir);
	cr_assert_eq(kan_custody_verify_seal(
			     bag, &(struct kan_custody_trust){.allowed_signers = allowed},
			     findings_fn, &v, &err),
		     0, "%s", err.text);
	cr_expect(said(&v, "signature", result, "", detail), "%s", kan_buf_str(&v.text));
	kan_buf_free(&v.text);
}

Test(verify, a_bundles_seal_is_checked_against_its_signature_and_the_trust_file)
{
	auto_fixture struct fixture f;
	char allowed[512];

	make_repo(&f);
	snprintf(allowed, sizeof(allowed), "%s/allowed", f.dir);
	seal_says(&f, NULL, "not-done", "nobody vouches");
	seal_says(&f, allowed, "ok", "trusted");
	free(fixture_must(
		f.dir,
		"cd %s && chmod u+w tagmanifest-sha256.txt && echo >> tagmanifest-sha256.txt",
		BUNDLE_A));
	seal_says(&f, allowed, "failed", "does not fit");
	free(fixture_must(f.dir, "cd %s && rm -f seal/*", BUNDLE_A));
	seal_says(&f, allowed, "not-done", "no signature");
	free(fixture_must(f.dir, "cd %s && ln -s /etc/passwd seal/tagmanifest-sha256.txt.sig",
			  BUNDLE_A));
	seal_says(&f, allowed, "failed", "not a regular file");
}

/* Files whose every byte is evidence: loose objects and LFS objects. */
static char *evidence_files(const struct fixture *f)
{
	return fixture_must(f->repo, "find objects lfs/objects -type f | sort");
}

static void flip(const struct fixture *f, const char *path, long at)
{
	char full[1024];
	FILE *file;
	int c;

	snprintf(full, sizeof(full), "%s/%s", f->repo, path);
	file = fopen(full, "r+");
	cr_assert_not_null(file, "%s", full);
	fseek(file, at, SEEK_SET);
	c = fgetc(file);
	fseek(file, at, SEEK_SET);
	fputc(c ^ 0x20, file);
	cr_assert_eq(fclose(file), 0);
}

static unsigned failures(const struct fixture *f)
{
	struct findings v = FINDINGS;

	run_verify(&v, f, NULL);
	kan_buf_free(&v.text);
	return v.failed;
}

static void try_flips(const struct fixture *f, const char *path, long size)
{
	const long at[] = {0, size / 3, size / 2, size - 1};

	for (size_t i = 0; i < sizeof(at) / sizeof(at[0]); i++) {
		flip(f, path, at[i]);
		cr_expect_neq(failures(f), 0, "%s at %ld", path, at[i]);
		flip(f, path, at[i]);
	}
}

Test(verify, a_changed_byte_anywhere_in_the_evidence_is_noticed, .timeout = 100)
{
	auto_fixture struct fixture f;
	kan_auto_free char *files = NULL;
	char *save = NULL;

	make_repo(&f);
	/* The bag's files are the same inodes as the objects: as root, modes are no obstacle. */
	free(fixture_must(f.repo, "chmod -R u+w objects lfs"));
	files = evidence_files(&f);
	for (char *p = strtok_r(files, "\n", &save); p; p = strtok_r(NULL, "\n", &save)) {
		kan_auto_free char *size = fixture_must(f.repo, "stat -c %%s %s", p);

		try_flips(&f, p, strtol(size, NULL, 10));
	}
	cr_assert_eq(failures(&f), 0);
}

Test(verify, a_missing_file_anywhere_in_the_evidence_is_noticed)
{
	auto_fixture struct fixture f;
	kan_auto_free char *files = NULL;
	char *save = NULL;

	make_repo(&f);
	files = evidence_files(&f);
	for (char *p = strtok_r(files, "\n", &save); p; p = strtok_r(NULL, "\n", &save)) {
		free(fixture_must(f.repo, "mv %s ../away", p));
		cr_expect_neq(failures(&f), 0, "%s", p);
		free(fixture_must(f.repo, "mv ../away %s", p));
	}
	cr_assert_eq(failures(&f), 0);
}

static bool ok_said(const struct findings *v, const char *name)
{
	return said(v, name, "ok", "", "");
}

Test(verify, what_could_not_be_looked_at_is_never_called_good)
{
	static const char *const gone[] = {"main:", "main:cases", "main:cases/inc-42/bundles",
					   "main", "main~2"};
	static const struct {
		const char *name;
		bool commits; /* only a missing commit takes this one away */
	} checks[] = {
		{"pointers", false}, {"store", false}, {"signature", false}, {"commits", true}};

	for (size_t i = 0; i < sizeof(gone) / sizeof(gone[0]); i++) {
		auto_fixture struct fixture f;
		struct findings v = FINDINGS;
		char allowed[512];
		const bool is_commit = !strchr(gone[i], ':');

		make_repo(&f);
		snprintf(allowed, sizeof(allowed), "%s/allowed", f.dir);
		free(fixture_must(f.repo, "rm -f $(git rev-parse %s | sed 's,^..,objects/&/,')",
				  gone[i]));
		run_verify(&v, &f, allowed);
		cr_expect(said(&v, "objects", "failed", "missing", ""), "%s", gone[i]);
		for (size_t c = 0; c < sizeof(checks) / sizeof(checks[0]); c++)
			if (checks[c].commits == is_commit && strcmp(gone[i], "main~2") != 0)
				cr_expect_not(ok_said(&v, checks[c].name), "%s without %s:\n%s",
					      checks[c].name, gone[i], kan_buf_str(&v.text));
		cr_expect_not(ok_said(&v, "events") && ok_said(&v, "history"), "%s", gone[i]);
		kan_buf_free(&v.text);
	}
}

Test(verify, an_event_that_was_left_out_of_the_chain_is_noticed_though_every_commit_is_signed)
{
	auto_fixture struct fixture f;

	make_repo(&f);
	/* The operator's own key signs a history without the second event. */
	free(fixture_must(
		f.dir,
		"cd %s; t=$(git ls-tree -r main | grep -v 000002 | GIT_INDEX_FILE=$PWD/../idx git"
		" update-index --index-info; GIT_INDEX_FILE=$PWD/../idx git write-tree);"
		" { echo tree $t; echo parent $(git rev-parse main~2);"
		"  git cat-file commit main | sed '1,2d;/^gpgsig/,/END SSH/d'; } > ../c;"
		" ssh-keygen -q -Y sign -f ../keys/host -n git ../c;"
		" n=$( { sed '/^$/,$d' ../c; sed '1s/^/gpgsig /;1!s/^/ /' ../c.sig;"
		" sed -n '/^$/,$p' ../c; } | git hash-object -t commit -w --stdin) &&"
		" git update-ref refs/heads/main $n && git log --format=%%s | wc -l",
		f.repo));
	finds(&f, "events", "000003-note.json", "seq does not follow");
	finds(&f, "events", "000003-note.json", "prev is not the digest");
}

Test(verify, a_payload_edited_with_its_manifests_rebuilt_contradicts_event_and_signature)
{
	auto_fixture struct fixture f;
	struct findings v = FINDINGS;

	make_repo(&f);
	foreign_commit(&f, "cd $C/bundles/*/ && sed -i s/web-03/web-04/ bag-info.txt &&"
			   " h=$(sha256sum bag-info.txt) &&"
			   " sed -i \"s/^.*  bag-info.txt/$h/\" tagmanifest-sha256.txt && git add "
			   "-A && cd -;");
	run_verify(&v, &f, NULL);
	cr_expect(
		said(&v, "events", "failed", "000001-collect.json", "seal is not that of the bag"));
	cr_expect(said(&v, "signature", "failed", "seal/tagmanifest", "does not fit"));
	cr_expect(said(&v, "history", "failed", "bag-info.txt", "changes this"));
	kan_buf_free(&v.text);
}

/* What the command does before it reads a repository that somebody handed over. */
static void verify_in_sandbox(const struct fixture *f, const char *allowed)
{
	const char *const read_paths[] = {f->repo, allowed, NULL}, *const none[] = {NULL};
	struct kan_sandbox_state state;
	struct findings v = FINDINGS;
	struct kan_err err = {0};
	int rc = kan_sandbox_reader(&state, read_paths, none, &err);

	if (!rc)
		rc = kan_custody_verify(f->repo,
					&(struct kan_custody_trust){.allowed_signers = allowed},
					findings_fn, &v, &err);
	if (rc || v.failed || !said(&v, "signers", "ok", "", "3 commits"))
		fprintf(stderr, "%s\n%s", err.text, kan_buf_str(&v.text));
	else
		_exit(0);
	_exit(1);
}

Test(verify, runs_in_the_readers_sandbox)
{
	auto_fixture struct fixture f;
	char allowed[512];
	int status;
	pid_t pid;

	make_repo(&f);
	free(fixture_must(f.repo, "git repack -q -d"));
	snprintf(allowed, sizeof(allowed), "%s/allowed", f.dir);
	pid = fork();
	if (pid == 0)
		verify_in_sandbox(&f, allowed);
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0, "status %d", status);
}
