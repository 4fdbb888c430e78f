/* The repository that a home gets, judged by git, git-lfs and ssh-keygen. */
#include "custody/act.h"
#include "custody/check.h"
#include "fixture.h"

#include "base/digest.h"
#include "custody/form.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static struct kan_custody *open_home(const struct fixture *f)
{
	struct kan_custody *c = NULL;
	struct kan_err err = {0};

	cr_assert_eq(kan_custody_open(&c, f->home, NULL, &err), 0, "%s", err.text);
	return c;
}

/* What git prints in the repository. */
static char *git(const struct fixture *f, const char *args)
{
	return fixture_must(f->repo, "git -c safe.directory='*' %s", args);
}

static void git_says(const struct fixture *f, const char *args, const char *want)
{
	kan_auto_free char *out = git(f, args);

	cr_assert_str_eq(out, want, "git %s: %s", args, out);
}

static long number(const char *text)
{
	return strtol(text, NULL, 10);
}

/* Derive one report, by the receipt of a bundle. */
static void derive(struct kan_receipt *out, struct fixture *f, const struct kan_receipt *of)
{
	struct kan_custody *c = open_home(f);
	struct kan_err err = {0};
	char dir[512];

	fixture_write(f->dir, "report/report.html", "<p>", 3);
	fixture_write(f->dir, "report/deep/report.json", "{}", 2);
	snprintf(dir, sizeof(dir), "%s/report", f->dir);
	cr_assert_eq(kan_custody_derive(out, c, of, dir, &fixture_act, &err), 0, "%s", err.text);
	kan_custody_free(c);
}

static void write_allowed(struct fixture *f)
{
	kan_auto_buf struct kan_buf line = KAN_BUF(4096);
	struct kan_custody *c = open_home(f);

	cr_assert_eq(kan_custody_signer_line(&line, c, NULL, NULL), 0);
	fixture_write(f->dir, "allowed", line.data, line.len);
	kan_custody_free(c);
}

Test(custody, first_use_makes_a_private_home_with_a_key_and_a_bare_repository)
{
	auto_fixture struct fixture f;
	kan_auto_free char *modes = NULL, *config = NULL;

	fixture_make(&f);
	kan_custody_free(open_home(&f));
	modes = fixture_must(f.home,
			     "stat -c '%%a %%n' . bundles reports keys custody.git keys/host");
	cr_assert_str_eq(
		modes, "700 .\n700 bundles\n700 reports\n700 keys\n700 custody.git\n600 keys/host");
	git_says(&f, "symbolic-ref HEAD", "refs/heads/main");
	git_says(&f, "rev-parse --is-bare-repository", "true");
	config = git(&f, "config --local --list");
	cr_assert(strstr(config, "gc.auto=0"));
	cr_assert(strstr(config, "core.logallrefupdates=always"));
	cr_assert(strstr(config, "core.fsync=all"));
	cr_assert(strstr(config, "receive.denynonfastforwards=true"));
	cr_assert(strstr(config, "receive.denydeletes=true"));
	cr_assert_eq(fixture_run(NULL, f.repo, "test ! -e hooks"), 0);
}

Test(custody, a_home_that_others_can_enter_is_refused)
{
	auto_fixture struct fixture f;
	struct kan_custody *c = NULL;
	struct kan_err err = {0};

	fixture_make(&f);
	free(fixture_must(f.dir, "mkdir -m 750 home"));
	cr_assert_eq(kan_custody_open(&c, f.home, NULL, &err), -1);
	cr_assert_eq(err.code, KAN_EREFUSED);
	free(fixture_must(f.dir, "rmdir home; mkdir -m 700 real; ln -s real home"));
	err = (struct kan_err){0};
	cr_assert_eq(kan_custody_open(&c, f.home, NULL, &err), -1);
	cr_assert_eq(err.code, KAN_EREFUSED);
}

Test(custody, a_repository_file_that_is_a_fifo_a_link_or_a_hole_is_refused_at_once, .timeout = 60)
{
	static const char *const names[] = {"config", "HEAD", "packed-refs", "refs/heads/main",
					    "kanshiki.lock"};
	static const char *const becomes[] = {"mkfifo", "ln -s /dev/zero", "truncate -s 1T"};
	auto_fixture struct fixture f;

	fixture_make(&f);
	kan_custody_free(open_home(&f));
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		for (size_t k = 0; k < sizeof(becomes) / sizeof(becomes[0]); k++) {
			struct kan_custody *c = NULL;
			struct kan_err err = {0};

			free(fixture_must(f.repo, "mv %s ../kept 2>/dev/null; rm -f %s; %s %s",
					  names[i], names[i], becomes[k], names[i]));
			cr_assert_eq(kan_custody_open(&c, f.home, NULL, &err), -1, "%s", names[i]);
			cr_assert_eq(err.code, KAN_ETAMPER, "%s", err.text);
			free(fixture_must(f.repo, "rm %s; ! test -e ../kept || mv ../kept %s",
					  names[i], names[i]));
		}
	kan_custody_free(open_home(&f));
}

Test(custody, the_second_use_finds_the_first_ones_key)
{
	auto_fixture struct fixture f;
	kan_auto_free char *a = NULL, *b = NULL;

	fixture_make(&f);
	kan_custody_free(open_home(&f));
	a = fixture_must(f.home, "sha256sum keys/host");
	kan_custody_free(open_home(&f));
	b = fixture_must(f.home, "sha256sum keys/host");
	cr_assert_str_eq(a, b);
	cr_assert_eq(fixture_run(NULL, f.home, "ssh-keygen -y -f keys/host | cmp - keys/host.pub"),
		     0);
}

Test(custody, a_collect_commit_has_the_bag_its_event_and_nothing_else)
{
	auto_fixture struct fixture f;
	struct kan_receipt r;

	fixture_make(&f);
	fixture_commit(&r, &f, BUNDLE_A);
	cr_assert_str_eq(r.case_id, "inc-42");
	cr_assert_str_eq(r.bundle, BUNDLE_A);
	cr_assert_eq(r.event, 1);
	cr_assert(r.host_key);
	git_says(&f, "rev-parse main", r.commit);
	git_says(&f,
		 "ls-tree -r --name-only main | grep -v exe/ | sed 's,.*/bundles/" BUNDLE_A "/,,'",
		 ".gitattributes\nREADME-verify.txt\nbag-info.txt\nbagit.txt\ncapture.json\ndata/"
		 "engine/inspect.json\n"
		 "data/filesystem/empty.bin\ndata/processes/processes.ndjson\ngaps.ndjson\n"
		 "journal.ndjson\nmanifest-sha256.txt\n"
		 "seal/tagmanifest-sha256.txt.sig\ntagmanifest-sha256.txt\n"
		 "cases/inc-42/events/000001-collect.json");
}

Test(custody, the_tree_holds_pointers_for_artefacts_and_bytes_for_the_rest)
{
	auto_fixture struct fixture f;
	struct kan_receipt r;

	fixture_make(&f);
	fixture_commit(&r, &f, BUNDLE_A);
	free(fixture_must(f.dir,
			  "B=%s; cd home/custody.git; P=cases/inc-42/bundles/$B;"
			  "for x in bagit.txt bag-info.txt capture.json gaps.ndjson journal.ndjson "
			  "manifest-sha256.txt tagmanifest-sha256.txt README-verify.txt; do"
			  " git cat-file blob main:$P/$x | cmp - ../../$B/$x || exit 1; done;"
			  "for x in data/engine/inspect.json data/processes/processes.ndjson; do"
			  " git lfs pointer --file=../../$B/$x 2>/dev/null |"
			  " cmp - <(git cat-file blob main:$P/$x) || exit 1; done;"
			  "test $(git cat-file -s main:$P/data/filesystem/empty.bin) = 0",
			  BUNDLE_A));
	free(git(&f, "ls-tree -r main | awk '$1 != \"100644\" {exit 1}'"));
}

Test(custody, the_commit_names_operator_host_and_digests)
{
	auto_fixture struct fixture f;
	struct kan_receipt r;
	kan_auto_free char *body = NULL;
	char want[512];

	fixture_make(&f);
	fixture_commit(&r, &f, BUNDLE_A);
	git_says(&f, "log -1 --format='%an <%ae>' main", "Aiko Mori <aiko@example.org>");
	git_says(&f, "log -1 --format='%cn %ce' main | sed \"s/@$(uname -n)/@HOST/\"",
		 "kanshiki kanshiki@HOST");
	git_says(&f, "log -1 --format=%ad --date=raw main | cut -d' ' -f2", "+0000");
	body = git(&f, "log -1 --format=%B main");
	snprintf(want, sizeof(want),
		 "kanshiki: collect inc-42 " BUNDLE_A
		 "\n\nKanshiki-Event: 1\nKanshiki-Event-SHA256: ");
	cr_assert_eq(strncmp(body, want, strlen(want)), 0, "%s", body);
	free(fixture_must(
		f.repo, "test \"$(git cat-file blob main:cases/inc-42/events/000001-collect.json |"
			" sha256sum | cut -c1-64)\" = \"$(git log -1 --format=%%B main |"
			" sed -n 's/^Kanshiki-Event-SHA256: //p')\""));
	free(fixture_must(f.dir,
			  "test \"$(sha256sum %s/tagmanifest-sha256.txt | cut -c1-64)\" = %s &&"
			  " git -C home/custody.git log -1 --format=%%B main | grep -qx"
			  " 'Kanshiki-Seal: %s'",
			  BUNDLE_A, r.seal, r.seal));
}

Test(custody, gits_own_checks_are_content)
{
	auto_fixture struct fixture f;
	struct kan_receipt r, d;
	kan_auto_free char *fsck = NULL, *log = NULL;

	fixture_make(&f);
	fixture_commit(&r, &f, BUNDLE_A);
	derive(&d, &f, &r);
	write_allowed(&f);
	fsck = fixture_must(f.repo, "git fsck --full --strict 2>&1");
	cr_assert_str_eq(fsck, "", "%s", fsck);
	free(fixture_must(f.dir,
			  "GIT_LFS_SKIP_SMUDGE=1 git clone -q --no-local file://%s v && cd v &&"
			  " git rev-list main | xargs -n1 git -c gpg.format=ssh -c"
			  " gpg.ssh.allowedSignersFile=%s/allowed verify-commit",
			  f.repo, f.dir));
	log = fixture_must(f.dir,
			   "cd v && git -c gpg.format=ssh -c gpg.ssh.allowedSignersFile=%s/allowed"
			   " log --format='%%G? %%GS %%ce' main | sed \"s/@$(uname -n)/@HOST/g\" |"
			   " uniq",
			   f.dir);
	cr_assert_str_eq(log, "G kanshiki@HOST kanshiki@HOST");
}

Test(custody, git_lfs_finds_every_object_and_a_checkout_is_the_bag)
{
	auto_fixture struct fixture f;
	struct kan_receipt r, d;

	fixture_make(&f);
	fixture_commit(&r, &f, BUNDLE_A);
	derive(&d, &f, &r);
	free(fixture_must(
		f.dir,
		"GIT_LFS_SKIP_SMUDGE=1 git clone -q --no-local file://%s v && cd v &&"
		" git -c lfs.url=file://%s lfs fetch --all &&"
		" git -c lfs.fetchexclude= lfs fsck --dry-run main &&"
		" git lfs install --local --skip-repo && git lfs checkout &&"
		" git status --porcelain && diff -r cases/inc-42/bundles/%s ../%s &&"
		" cmp cases/inc-42/derived/%s/000002/deep/report.json ../report/deep/report.json",
		f.repo, f.repo, BUNDLE_A, BUNDLE_A, BUNDLE_A));
}

Test(custody, ssh_keygen_verifies_the_seal)
{
	auto_fixture struct fixture f;
	struct kan_receipt r;

	fixture_make(&f);
	fixture_commit(&r, &f, BUNDLE_A);
	write_allowed(&f);
	free(fixture_must(f.dir,
			  "cd %s && ssh-keygen -Y verify -f ../allowed -I kanshiki@$(uname -n)"
			  " -n file -s seal/tagmanifest-sha256.txt.sig < tagmanifest-sha256.txt",
			  BUNDLE_A));
}

Test(custody, signing_twice_leaves_one_signature_and_another_key_adds_one)
{
	auto_fixture struct fixture f;
	struct kan_custody *c;
	char path[512], key[512];
	struct kan_err err = {0};

	fixture_make(&f);
	fixture_bag(path, &f, BUNDLE_A, "x");
	c = open_home(&f);
	cr_assert_eq(kan_custody_sign(c, path, NULL), 0);
	cr_assert_eq(kan_custody_sign(c, path, NULL), 0);
	kan_custody_free(c);
	free(fixture_must(f.dir, "ssh-keygen -q -t ed25519 -N '' -f k"));
	snprintf(key, sizeof(key), "%s/k", f.dir);
	cr_assert_eq(kan_custody_open(&c, f.home, key, &err), 0, "%s", err.text);
	cr_assert_eq(kan_custody_sign(c, path, NULL), 0);
	kan_custody_free(c);
	free(fixture_must(path, "test \"$(ls seal)\" = \"$(printf 'tagmanifest-sha256.txt.2.sig\n"
				"tagmanifest-sha256.txt.sig')\""));
}

Test(custody, with_a_given_key_the_operator_is_the_committer)
{
	auto_fixture struct fixture f;
	struct kan_custody *c = NULL;
	struct kan_receipt r;
	struct kan_err err = {0};
	char path[512], key[512];
	kan_auto_free char *fpr = NULL;

	fixture_make(&f);
	fixture_bag(path, &f, BUNDLE_A, "x");
	free(fixture_must(f.dir, "openssl genpkey -algorithm ed25519 -out k && chmod 600 k"));
	snprintf(key, sizeof(key), "%s/k", f.dir);
	cr_assert_eq(kan_custody_open(&c, f.home, key, &err), 0, "%s", err.text);
	cr_assert_eq(kan_custody_commit(&r, c, path, "collect", &fixture_act, &err), 0, "%s",
		     err.text);
	kan_custody_free(c);
	cr_assert_not(r.host_key);
	git_says(&f, "log -1 --format='%cn <%ce>' main", "Aiko Mori <aiko@example.org>");
	fpr = git(&f, "cat-file blob main:cases/inc-42/events/000001-collect.json |"
		      " jq -r '.who.key + \" \" + .who.key_fpr'");
	cr_assert_eq(strncmp(fpr, "given SHA256:", 13), 0);
	cr_assert_str_eq(fpr + 6, r.signer);
}

Test(custody, derived_files_get_a_directory_of_their_event)
{
	auto_fixture struct fixture f;
	struct kan_receipt r, d;

	fixture_make(&f);
	fixture_commit(&r, &f, BUNDLE_A);
	derive(&d, &f, &r);
	cr_assert_eq(d.event, 2);
	cr_assert_str_eq(d.seal, r.seal);
	git_says(&f, "diff-tree -r --name-status main~ main",
		 "A\tcases/inc-42/derived/" BUNDLE_A "/000002/deep/report.json\n"
		 "A\tcases/inc-42/derived/" BUNDLE_A "/000002/report.html\n"
		 "A\tcases/inc-42/events/000002-derive.json");
	free(fixture_must(
		f.repo,
		"test \"$(git cat-file blob main:cases/inc-42/events/000002-derive.json |"
		" jq -r .prev)\" = \"$(git cat-file blob"
		" main:cases/inc-42/events/000001-collect.json | sha256sum | cut -c1-64)\""));
}

Test(custody, nothing_is_derived_from_a_bundle_that_is_not_here)
{
	auto_fixture struct fixture f;
	struct kan_receipt r, d;
	struct kan_custody *c;
	struct kan_err err = {0};
	char dir[512];

	fixture_make(&f);
	fixture_commit(&r, &f, BUNDLE_A);
	fixture_write(f.dir, "report/report.html", "<p>", 3);
	snprintf(dir, sizeof(dir), "%s/report", f.dir);
	snprintf(r.bundle, sizeof(r.bundle), "%s", BUNDLE_B);
	c = open_home(&f);
	cr_assert_eq(kan_custody_derive(&d, c, &r, dir, &fixture_act, &err), -1);
	cr_assert_eq(err.code, KAN_ENOTFOUND);
	kan_custody_free(c);
}

Test(custody, a_judgement_and_the_end_of_a_case_are_events_of_a_case_that_is_there)
{
	auto_fixture struct fixture f;
	struct kan_custody *c = NULL;
	struct kan_receipt r, n;
	struct kan_err err = {0};
	struct kan_act other = fixture_act;

	fixture_make(&f);
	fixture_commit(&r, &f, BUNDLE_A);
	cr_assert_eq(kan_custody_open(&c, f.home, NULL, &err), 0);
	cr_assert_eq(kan_custody_judge(&n, c, "F-e24b6005", "dismissed", "our own tool",
				       &fixture_act, &err),
		     0, "%s", err.text);
	cr_assert_eq(kan_custody_close(&n, c, "rebuilt", &fixture_act, &err), 0, "%s", err.text);
	other.case_id = "inc-43";
	cr_assert_eq(kan_custody_judge(&n, c, "F-e24b6005", "confirmed", "", &other, &err), -1);
	cr_assert_eq(err.code, KAN_ENOTFOUND);
	kan_custody_free(c);
	git_says(&f,
		 "cat-file blob main:cases/inc-42/events/000002-note.json | jq -c "
		 "'[.note.finding,.note.as,.note.text]'",
		 "[\"F-e24b6005\",\"dismissed\",\"our own tool\"]");
	git_says(&f,
		 "cat-file blob main:cases/inc-42/events/000003-close.json | jq -c "
		 "'[.type,.note.text]'",
		 "[\"close\",\"rebuilt\"]");
	git_says(&f, "ls-tree --name-only main:cases", "inc-42");
}

Test(custody, a_note_is_an_event_with_or_without_a_bundle)
{
	auto_fixture struct fixture f;
	struct kan_receipt r, n;
	struct kan_custody *c;
	struct kan_err err = {0};

	fixture_make(&f);
	fixture_commit(&r, &f, BUNDLE_A);
	c = open_home(&f);
	cr_assert_eq(kan_custody_note(&n, c, &r, "found by monitoring", &fixture_act, &err), 0,
		     "%s", err.text);
	cr_assert_eq(n.event, 2);
	cr_assert_eq(kan_custody_note(&n, c, NULL, "called the owner", &fixture_act, &err), 0);
	cr_assert_eq(n.event, 3);
	cr_assert_str_eq(n.bundle, "");
	kan_custody_free(c);
	git_says(&f, "log --format=%s main",
		 "kanshiki: note inc-42 -\nkanshiki: note inc-42 " BUNDLE_A
		 "\nkanshiki: collect inc-42 " BUNDLE_A);
	git_says(&f,
		 "cat-file blob main:cases/inc-42/events/000003-note.json | jq -c "
		 "'[.note.text,.what]'",
		 "[\"called the owner\",[]]");
}

Test(custody, two_bundles_of_a_case_share_one_chain_and_another_case_has_its_own)
{
	auto_fixture struct fixture f;
	struct kan_receipt a, b, n;
	struct kan_custody *c;
	struct kan_act act = fixture_act;

	fixture_make(&f);
	fixture_commit(&a, &f, BUNDLE_A);
	fixture_commit(&b, &f, BUNDLE_B);
	cr_assert_eq(b.event, 2);
	act.case_id = "Other case!";
	c = open_home(&f);
	cr_assert_eq(kan_custody_note(&n, c, NULL, "x", &act, NULL), 0);
	kan_custody_free(c);
	cr_assert_eq(n.event, 1);
	cr_assert_eq(strncmp(n.case_id, "other-case--", 12), 0, "%s", n.case_id);
}

Test(custody, a_bundle_is_committed_once)
{
	auto_fixture struct fixture f;
	struct kan_receipt r, again;
	struct kan_custody *c;
	struct kan_err err = {0};
	char path[512];

	fixture_make(&f);
	fixture_commit(&r, &f, BUNDLE_A);
	snprintf(path, sizeof(path), "%s/" BUNDLE_A, f.dir);
	c = open_home(&f);
	cr_assert_eq(kan_custody_commit(&again, c, path, "import", &fixture_act, &err), 0, "%s",
		     err.text);
	cr_assert_str_eq(again.commit, r.commit);
	free(fixture_must(f.dir, "chmod -R u+w %s && rm -r %s", BUNDLE_A, BUNDLE_A));
	fixture_bag(path, &f, BUNDLE_A, "other bytes");
	cr_assert_eq(kan_custody_commit(&again, c, path, "import", &fixture_act, &err), -1);
	cr_assert_eq(err.code, KAN_EREFUSED);
	kan_custody_free(c);
	git_says(&f, "rev-list --count main", "1");
}

Test(custody, an_imported_bag_with_an_altered_artefact_is_not_committed)
{
	auto_fixture struct fixture f;
	struct kan_receipt r;
	struct kan_custody *c;
	struct kan_err err = {0};
	char path[512];

	fixture_make(&f);
	fixture_bag(path, &f, BUNDLE_A, "x");
	free(fixture_must(path, "chmod u+w data/engine/inspect.json &&"
				" printf Y | dd of=data/engine/inspect.json conv=notrunc 2>&1"));
	c = open_home(&f);
	cr_assert_eq(kan_custody_commit(&r, c, path, "import", &fixture_act, &err), -1);
	cr_assert_eq(err.code, KAN_ETAMPER, "%s", err.text);
	cr_assert(strstr(err.text, "inspect.json"), "%s", err.text);
	kan_custody_free(c);
	cr_assert_neq(fixture_run(NULL, f.repo, "git rev-parse -q --verify main"), 0);
}

Test(custody, a_request_is_done_once_and_its_receipt_is_found)
{
	auto_fixture struct fixture f;
	struct kan_receipt r, again, found;
	struct kan_custody *c;
	struct kan_act act = fixture_act;
	struct kan_err err = {0};
	char path[512];

	fixture_make(&f);
	act.request_id = "req-7";
	fixture_bag(path, &f, BUNDLE_A, "x");
	c = open_home(&f);
	cr_assert_eq(kan_custody_find_request(&found, c, "req-7", &err), 0, "%s", err.text);
	cr_assert_eq(kan_custody_commit(&r, c, path, "collect", &act, &err), 0, "%s", err.text);
	cr_assert_eq(kan_custody_find_request(&found, c, "req-7", &err), 1, "%s", err.text);
	cr_assert_eq(memcmp(&found, &r, sizeof(r)), 0);
	cr_assert_eq(kan_custody_commit(&again, c, path, "collect", &act, &err), 0);
	cr_assert_str_eq(again.commit, r.commit);
	cr_assert_eq(kan_custody_find_request(&found, c, "req-8", &err), 0);
	kan_custody_free(c);
}

Test(custody, another_bundle_under_a_request_id_gets_no_receipt_of_the_first)
{
	auto_fixture struct fixture f;
	struct kan_receipt first, derived, other = {0};
	struct kan_custody *c;
	struct kan_act act = fixture_act;
	struct kan_err err = {0};
	char a[512], b[512];

	fixture_make(&f);
	act.request_id = "req-7";
	fixture_bag(a, &f, BUNDLE_A, "x");
	fixture_bag(b, &f, BUNDLE_B, "y");
	free(fixture_must(f.dir, "mkdir files; echo report >files/report.md"));
	c = open_home(&f);
	cr_assert_eq(kan_custody_commit(&first, c, a, "collect", &act, &err), 0, "%s", err.text);
	cr_assert_eq(kan_custody_commit(&other, c, b, "collect", &act, &err), -1);
	cr_assert_eq(err.code, KAN_EREFUSED, "%s", err.text);
	cr_assert(strstr(err.text, BUNDLE_A), "%s", err.text);
	cr_assert_eq(other.commit[0], 0);
	act.request_id = NULL;
	cr_assert_eq(kan_custody_commit(&other, c, b, "collect", &act, &err), 0, "%s", err.text);
	(void)snprintf(a, sizeof(a), "%s/files", f.dir);
	act.request_id = "req-7";
	cr_assert_eq(kan_custody_derive(&derived, c, &first, a, &act, &err), 0, "%s", err.text);
	cr_assert_eq(kan_custody_derive(&derived, c, &other, a, &act, &err), -1);
	kan_custody_free(c);
}

static int count_event(const json_t *event, const char *commit, void *arg, struct kan_err *err)
{
	struct kan_buf *out = arg;

	(void)err;
	kan_buf_addf(out, "%s %lld %zu\n", json_string_value(json_object_get(event, "type")),
		     (long long)json_integer_value(json_object_get(event, "seq")), strlen(commit));
	return 0;
}

Test(custody, the_log_tells_events_oldest_first)
{
	auto_fixture struct fixture f;
	struct kan_receipt r, d;
	struct kan_custody *c;
	kan_auto_buf struct kan_buf out = KAN_BUF(4096);

	fixture_make(&f);
	fixture_commit(&r, &f, BUNDLE_A);
	derive(&d, &f, &r);
	c = open_home(&f);
	cr_assert_eq(kan_custody_log(c, "inc-42", count_event, &out, NULL), 0);
	cr_assert_str_eq(kan_buf_str(&out), "collect 1 40\nderive 2 40\n");
	kan_buf_reset(&out);
	cr_assert_eq(kan_custody_log(c, "no-such", count_event, &out, NULL), 0);
	cr_assert_eq(out.len, 0);
	kan_custody_free(c);
}

enum { WRITERS = 8 };

static void note_as(const struct fixture *f, int who)
{
	struct kan_custody *c = NULL;
	struct kan_receipt r;
	struct kan_err err = {0};
	char text[32];
	int rc;

	snprintf(text, sizeof(text), "writer %d", who);
	rc = kan_custody_open(&c, f->home, NULL, &err);
	if (!rc)
		rc = kan_custody_note(&r, c, NULL, text, &fixture_act, &err);
	kan_custody_free(c);
	if (rc)
		fprintf(stderr, "writer %d: %s\n", who, err.text);
	_exit(rc ? 1 : 0);
}

Test(custody, eight_writers_at_once_make_one_unbroken_chain)
{
	auto_fixture struct fixture f;
	struct findings v = FINDINGS;
	pid_t pid[WRITERS];
	int status;

	fixture_make(&f);
	for (int i = 0; i < WRITERS; i++) {
		pid[i] = fork();
		if (pid[i] == 0)
			note_as(&f, i);
	}
	for (int i = 0; i < WRITERS; i++) {
		cr_assert_eq(waitpid(pid[i], &status, 0), pid[i]);
		cr_expect(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	}
	git_says(&f, "rev-list --count main", "8");
	git_says(&f, "ls-tree --name-only main:cases/inc-42/events | tail -1", "000008-note.json");
	cr_assert_eq(kan_custody_verify(f.repo, NULL, findings_fn, &v, NULL), 0);
	cr_assert_eq(v.failed, 0, "%s", kan_buf_str(&v.text));
	kan_buf_free(&v.text);
}

Test(custody, the_number_of_git_objects_does_not_depend_on_the_size_of_the_artefacts)
{
	auto_fixture struct fixture f;
	struct kan_receipt r;
	kan_auto_free char *before = NULL, *after = NULL;

	fixture_make(&f);
	fixture_commit(&r, &f, BUNDLE_A);
	before = fixture_must(f.repo, "find objects -type f | wc -l");
	/* 15 files and their pointers, 9 trees at most, event, commit. */
	cr_assert_leq(number(before), 30);
	fixture_commit(&r, &f, BUNDLE_B);
	after = fixture_must(f.repo, "find objects -type f | wc -l");
	cr_assert_leq(number(after), 2 * number(before));
}

Test(custody, what_a_crashed_writer_left_is_swept)
{
	auto_fixture struct fixture f;
	struct kan_receipt r;

	fixture_make(&f);
	kan_custody_free(open_home(&f));
	fixture_write(f.repo, "lfs/tmp/kanshiki-1", "half", 4);
	fixture_write(f.repo, "objects/tmp_object_git2_abc", "half", 4);
	free(fixture_must(f.repo, "touch -d '2 hours ago' objects/tmp_object_git2_abc"));
	fixture_commit(&r, &f, BUNDLE_A);
	free(fixture_must(f.repo,
			  "test ! -e lfs/tmp/kanshiki-1 && test ! -e objects/tmp_object_git2_abc"));
}
