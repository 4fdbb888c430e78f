/* The payload at the time of sealing: listed without touching, settled against the journal. */
#include "evidence/payload.h"

#include "evidence/journalread.h"
#include "world.h"

static void listed(struct kan_payload *p, const struct world *w)
{
	struct kan_err err = {0};
	cr_assert_eq(kan_payload_list(p, w->dir, &err), 0, "%s", err.text);
}

Test(payload, files_and_directories_are_listed_in_order_with_their_sizes)
{
	auto_world struct world w;
	struct kan_payload p = {0};
	world_begin(&w);
	world_fill(&w);
	listed(&p, &w);
	cr_assert_eq(p.files.n, 4);
	cr_assert_str_eq(p.files.files[1].path, "data/engine/inspect.json");
	cr_assert_eq(p.files.files[1].size, 14);
	cr_assert_str_eq(p.dirs.files[0].path, "data");
	cr_assert_eq(p.dirs.n, 4);
	kan_payload_free(&p);
}

static void refused(struct world *w, enum kan_code code, const char *name)
{
	struct kan_payload p = {0};
	struct kan_err err = {0};
	cr_expect_eq(kan_payload_list(&p, w->dir, &err), -1, "%s", name);
	cr_expect_eq(err.code, code, "%s: %s", name, err.text);
	cr_expect(strstr(err.text, name), "%s", err.text);
	cr_expect_null(p.files.files);
}

Test(payload, what_no_bundle_has_is_refused)
{
	auto_world struct world w;
	world_begin(&w);
	cr_assert_eq(symlinkat("/etc", w.dir, "data/link"), 0);
	refused(&w, KAN_EREFUSED, "data/link");
	cr_assert_eq(unlinkat(w.dir, "data/link", 0), 0);
	cr_assert_eq(mkfifoat(w.dir, "data/pipe", 0600), 0);
	refused(&w, KAN_EREFUSED, "data/pipe");
	cr_assert_eq(unlinkat(w.dir, "data/pipe", 0), 0);
	test_put(w.dir, "data/UPPER", "");
	refused(&w, KAN_EREFUSED, "data/UPPER");
	cr_assert_eq(unlinkat(w.dir, "data/UPPER", 0), 0);
	cr_assert_eq(mkdirat(w.dir, "data/.git", 0700), 0);
	refused(&w, KAN_EREFUSED, "data/.git");
	cr_assert_eq(unlinkat(w.dir, "data/.git", AT_REMOVEDIR), 0);
	world_shell(w.partial, 0, "mkdir -p data/1/2/3/4/5/6/7/8");
	refused(&w, KAN_EREFUSED, "data/1/2/3/4/5/6/7/8");
	world_shell(w.partial, 0, "rm -r data; ln -s /etc data");
	struct kan_payload p = {0};
	cr_assert_eq(kan_payload_list(&p, w.dir, NULL), -1);
}

Test(payload, while_a_capture_seals_the_digests_are_those_of_the_journal)
{
	auto_world struct world w;
	struct kan_payload p = {0};
	struct kan_err err = {0};
	char sha256[65];
	world_begin(&w);
	world_fill(&w);
	listed(&p, &w);
	cr_assert_eq(kan_payload_settle(&p, w.dir, w.journal, false, &err), 0, "%s", err.text);
	kan_sha256_hex(sha256, KAN_LIT("{\"Id\":\"3f2a\"}\n"));
	cr_assert_str_eq(kan_manifest_find(&p.files, "data/engine/inspect.json")->sha256, sha256);
	kan_payload_free(&p);
}

Test(payload, a_file_that_is_gone_while_a_capture_seals_is_fatal)
{
	auto_world struct world w;
	struct kan_payload p = {0};
	struct kan_err err = {0};
	world_begin(&w);
	world_fill(&w);
	cr_assert_eq(unlinkat(w.dir, "data/engine/inspect.json", 0), 0);
	listed(&p, &w);
	cr_assert_eq(kan_payload_settle(&p, w.dir, w.journal, false, &err), -1);
	cr_assert_eq(err.code, KAN_EIO);
	kan_payload_free(&p);
}

Test(payload, a_file_that_grew_is_a_gap_and_its_true_digest_is_sealed)
{
	auto_world struct world w;
	struct kan_payload p = {0};
	struct kan_err err = {0};
	char sha256[65];
	world_begin(&w);
	world_fill(&w);
	world_write(w.dir, "data/engine/inspect.json", KAN_LIT("{\"Id\":\"3f2a\"}\n{}"));
	listed(&p, &w);
	cr_assert_eq(kan_payload_settle(&p, w.dir, w.journal, false, &err), 0, "%s", err.text);
	kan_sha256_hex(sha256, KAN_LIT("{\"Id\":\"3f2a\"}\n{}"));
	cr_assert_str_eq(kan_manifest_find(&p.files, "data/engine/inspect.json")->sha256, sha256);
	cr_assert_eq(kan_journal_gaps(w.journal), 3);
	kan_payload_free(&p);
}

Test(payload, every_file_has_a_record_afterwards)
{
	auto_world struct world w;
	struct kan_payload p = {0};
	json_t *records = NULL;
	kan_auto_buf struct kan_buf text = KAN_BUF(1 << 20);
	world_begin(&w);
	world_fill(&w);
	test_put(w.dir, "data/engine/unclosed.json", "{");
	listed(&p, &w);
	cr_assert_eq(kan_payload_settle(&p, w.dir, w.journal, false, NULL), 0);
	world_read(&text, w.dir, "journal.ndjson");
	cr_assert_eq(kan_journal_artefacts(&records, kan_buf_bytes(&text), NULL), 0);
	cr_assert_eq(json_object_size(records), p.files.n);
	cr_assert(json_is_false(
		json_object_get(json_object_get(records, "data/engine/unclosed.json"), "whole")));
	json_decref(records);
	kan_payload_free(&p);
}

Test(payload, with_nothing_taken_one_file_says_so)
{
	auto_world struct world w;
	struct kan_payload p = {0};
	struct kan_err err = {0};
	world_begin(&w);
	listed(&p, &w);
	cr_assert_eq(p.files.n, 0);
	cr_assert_eq(kan_payload_never_empty(&p, w.dir, w.journal, &err), 0, "%s", err.text);
	cr_assert_eq(p.files.n, 1);
	cr_assert_eq(kan_payload_settle(&p, w.dir, w.journal, true, &err), 0, "%s", err.text);
	cr_assert_eq(kan_journal_gaps(w.journal), 0);
	cr_assert(world_there(w.dir, "data/conductor/nothing.txt"));
	cr_assert_eq(kan_payload_never_empty(&p, w.dir, w.journal, &err), 0, "once");
	kan_payload_free(&p);
}
