/* A request that was seen is found again with all its events, by a hint or without; a hint that is
 * wrong, a home that is hostile and a request that was something else are no answer. */
#include "custody/act.h"
#include "custody/seen.h"
#include "fixture.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PATIENCE_S = 60 };

#define BUNDLE_C "20261124t090000z-3f2a9c41d0be-1a2b"

static const char *const bundles[] = {BUNDLE_A, BUNDLE_B, BUNDLE_C};

/* What was told: "<type> <commit>" and LF for each event. */
struct told {
	struct kan_buf text;
};
#define TOLD \
	{ \
		.text = KAN_BUF(64 << 10) \
	}

static int tell(const json_t *event, const char *commit, void *arg, struct kan_err *err)
{
	struct told *t = arg;

	(void)err;
	kan_buf_addf(&t->text, "%s %s\n", json_string_value(json_object_get(event, "type")),
		     commit);
	return 0;
}

static int ask(struct told *t, const char *home, const char *id, bool all, struct kan_err *err)
{
	kan_auto_seen struct kan_seen s = {0};
	int rc = kan_seen_open(&s, home, id, err);

	kan_buf_reset(&t->text);
	alarm(PATIENCE_S);
	if (rc > 0)
		rc = kan_seen_each(&s, all, tell, t, err);
	alarm(0);
	return rc;
}

static struct kan_custody *open_home(const struct fixture *f)
{
	struct kan_custody *c = NULL;
	struct kan_err err = {0};

	cr_assert_eq(kan_custody_open(&c, f->home, NULL, &err), 0, "%s", err.text);
	return c;
}

/* Each bundle collected, paused and derived as request-0, request-1 ...; want[i] is what is to be
 * told of it. */
static void fill(const struct fixture *f, size_t n, char want[][512])
{
	struct kan_custody *c = open_home(f);
	json_t *done = json_pack("{s:s,s:s}", "do", "pause", "undo", "docker unpause web");

	free(fixture_must(f->dir, "mkdir -p files && echo report >files/report.md"));
	for (size_t i = 0; i < n; i++) {
		struct kan_receipt r, acted, derived;
		struct kan_act act = fixture_act;
		struct kan_err err = {0};
		char id[32], path[512], files[512];

		snprintf(id, sizeof(id), "request-%zu", i);
		snprintf(files, sizeof(files), "%s/files", f->dir);
		act.request_id = id;
		fixture_bag(path, f, bundles[i], bundles[i]);
		cr_assert_eq(kan_custody_commit(&r, c, path, "collect", &act, &err), 0, "%s",
			     err.text);
		cr_assert_eq(kan_custody_act(&acted, c, &r, done, NULL, &act, &err), 0, "%s",
			     err.text);
		cr_assert_eq(kan_custody_derive(&derived, c, &r, files, &act, &err), 0, "%s",
			     err.text);
		snprintf(want[i], 512, "collect %s\nact %s\nderive %s\n", r.commit, acted.commit,
			 derived.commit);
	}
	json_decref(done);
	kan_custody_free(c);
}

static void all_are_told(const struct fixture *f, size_t n, char want[][512])
{
	for (size_t i = 0; i < n; i++) {
		struct told t = TOLD;
		struct kan_err err = {0};
		char id[32];

		snprintf(id, sizeof(id), "request-%zu", i);
		cr_assert_eq(ask(&t, f->home, id, true, &err), 1, "%s", err.text);
		cr_assert_str_eq(kan_buf_str(&t.text), want[i]);
		cr_assert_eq(ask(&t, f->home, id, false, &err), 1, "%s", err.text);
		*(strchr(want[i], '\n') + 1) = 0;
		cr_assert_str_eq(kan_buf_str(&t.text), want[i]);
		kan_buf_free(&t.text);
	}
}

Test(seen, all_events_of_a_request_are_told_with_their_commits)
{
	auto_fixture struct fixture f;
	char want[3][512];

	fixture_make(&f);
	fill(&f, 3, want);
	all_are_told(&f, 3, want);
}

Test(seen, without_a_hint_the_chain_says_the_same)
{
	auto_fixture struct fixture f;
	char want[3][512];

	fixture_make(&f);
	fill(&f, 3, want);
	free(fixture_must(f.home, "test -d requests && rm -r requests"));
	all_are_told(&f, 3, want);
}

Test(seen, a_packed_home_says_the_same)
{
	auto_fixture struct fixture f;
	char want[3][512];

	fixture_make(&f);
	fill(&f, 3, want);
	free(fixture_must(f.repo,
			  "git repack -q -a -d && git pack-refs --all && git prune-packed"));
	all_are_told(&f, 3, want);
}

Test(seen, hints_that_are_wrong_cut_or_of_another_request_change_nothing)
{
	/* hints of another request, none of ours, half a line, no text, a link, a FIFO, a directory
	 */
	static const char *const spoil[] = {
		"set -- requests/*; cat $1 >t; cat $2 >$1; cat t >$2; rm t",
		"for h in requests/*; do echo 0123456789012345678901234567890123456789 >$h; done",
		"for h in requests/*; do truncate -s 17 $h; done",
		"for h in requests/*; do head -c 300 /dev/urandom >$h; done",
		"for h in requests/*; do rm $h; ln -s /etc/passwd $h; done",
		"for h in requests/*; do rm $h; mkfifo $h; done",
		"rm -r requests; ln -s /etc requests",
	};
	for (size_t i = 0; i < sizeof(spoil) / sizeof(spoil[0]); i++) {
		auto_fixture struct fixture f;
		char want[2][512];

		fixture_make(&f);
		fill(&f, 2, want);
		free(fixture_must(f.home, "%s", spoil[i]));
		all_are_told(&f, 2, want);
	}
}

/* The commit is there and signed, and says what its event says; main does not have it. */
Test(seen, a_hint_to_an_event_that_main_does_not_have_is_no_answer)
{
	auto_fixture struct fixture f;
	struct told t = TOLD;
	struct kan_err err = {0};
	char want[2][512];

	fixture_make(&f);
	fill(&f, 2, want);
	free(fixture_must(f.repo, "git update-ref refs/heads/main main~3"));
	cr_assert_eq(ask(&t, f.home, "request-1", false, &err), 0, "%s", err.text);
	cr_assert_eq(ask(&t, f.home, "request-0", false, &err), 1, "%s", err.text);
	kan_buf_free(&t.text);
}

Test(seen, a_request_that_was_no_capture_is_not_seen)
{
	auto_fixture struct fixture f;
	struct told t = TOLD;
	struct kan_receipt r;
	struct kan_act act = fixture_act;
	struct kan_custody *c;
	struct kan_err err = {0};

	fixture_make(&f);
	cr_assert_eq(ask(&t, f.home, "request-0", false, &err), 0, "no home: %s", err.text);
	cr_assert_neq(access(f.home, F_OK), 0, "and none was made");
	act.request_id = "request-0";
	c = open_home(&f);
	cr_assert_eq(ask(&t, f.home, "request-0", false, &err), 0, "no event: %s", err.text);
	cr_assert_eq(kan_custody_note(&r, c, NULL, "only words", &act, &err), 0, "%s", err.text);
	kan_custody_free(c);
	cr_assert_eq(ask(&t, f.home, "request-0", false, &err), 0, "%s", err.text);
	kan_buf_free(&t.text);
}

Test(seen, an_id_of_any_octets_is_found)
{
	static const char *const ids[] = {"a \"quoted\" \\ one", "caf\xc3\xa9", "broken \xff end",
					  "../../keys/host", "two\nlines"};
	auto_fixture struct fixture f;
	struct told t = TOLD;
	struct kan_custody *c;

	fixture_make(&f);
	c = open_home(&f);
	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		struct kan_receipt r;
		struct kan_act act = fixture_act;
		struct kan_err err = {0};
		char path[512], name[64];

		snprintf(name, sizeof(name), "20261124t09000%zuz-3f2a9c41d0be-1a2b", i);
		fixture_bag(path, &f, name, name);
		act.request_id = ids[i];
		cr_assert_eq(kan_custody_commit(&r, c, path, "collect", &act, &err), 0, "%s",
			     err.text);
		cr_assert_eq(ask(&t, f.home, ids[i], true, &err), 1, "%s", err.text);
		cr_assert(strstr(kan_buf_str(&t.text), r.commit));
	}
	kan_custody_free(c);
	kan_buf_free(&t.text);
}

Test(seen, a_home_that_others_can_write_to_is_refused)
{
	auto_fixture struct fixture f;
	struct told t = TOLD;
	struct kan_err err = {0};
	char want[1][512];

	fixture_make(&f);
	fill(&f, 1, want);
	free(fixture_must(f.dir, "chmod 777 home"));
	cr_assert_eq(ask(&t, f.home, "request-0", false, &err), -1);
	cr_assert_eq(err.code, KAN_EREFUSED, "%s", err.text);
	free(fixture_must(f.dir, "chmod 700 home; mv home real; ln -s real home"));
	cr_assert_eq(ask(&t, f.home, "request-0", false, &err), -1);
	cr_assert_eq(err.code, KAN_EREFUSED, "%s", err.text);
	kan_buf_free(&t.text);
}

/* Whatever of it is read is no link and no FIFO: there is an error, and in time. */
Test(seen, links_and_fifos_in_place_of_what_is_read_are_an_error_in_time)
{
	static const char *const traps[] = {
		"mkfifo objects/pack/pack-0123456789012345678901234567890123456789.idx",
		"ln -s /etc/passwd objects/pack/pack-0123456789012345678901234567890123456789.pack",
		"rmdir objects/pack; ln -s /etc objects/pack",
		"mv objects o; ln -s o objects",
		"o=objects/$(git rev-parse main | sed 's,^..,&/,'); rm -f $o; mkfifo $o",
		"o=objects/$(git rev-parse main | sed 's,^..,&/,'); mv $o t; ln -s ../../t $o",
		"o=objects/$(git rev-parse main | cut -c1-2); mv $o t; ln -s ../t $o",
		"rm refs/heads/main; mkfifo refs/heads/main",
		"o=objects/$(git rev-parse main | sed 's,^..,&/,'); rm -f $o",
	};
	for (size_t i = 0; i < sizeof(traps) / sizeof(traps[0]); i++) {
		auto_fixture struct fixture f;
		struct told t = TOLD;
		struct kan_err err = {0};
		char want[1][512];

		fixture_make(&f);
		fill(&f, 1, want);
		free(fixture_must(f.home, "rm -r requests"));
		free(fixture_must(f.repo, "%s", traps[i]));
		cr_assert_eq(ask(&t, f.home, "request-0", false, &err), -1, "%s", traps[i]);
		kan_buf_free(&t.text);
	}
}
