/* seal --partial: what a crash left, in each state that bundle.md names. */
#include <sys/file.h>

#include "base/row.h"
#include "evidence/journalread.h"
#include "world.h"

static void verified(const struct world *w, unsigned failed)
{
	struct said s = SAID;
	struct kan_err err = {0};
	cr_assert_eq(kan_bundle_verify(w->final, NULL, said_fn, &s, &err), 0, "%s", err.text);
	cr_assert_eq(s.failed, failed, "%s", kan_buf_str(&s.text));
	kan_buf_free(&s.text);
}

static void finish(struct world *w, const char *reason)
{
	char seal[65];
	struct kan_err err = {0};
	kan_auto_free char *path = NULL;
	world_crash(w);
	cr_assert_eq(kan_seal_partial(seal, &path, w->partial, reason, &err), 0, "%s", err.text);
	cr_assert_str_eq(path, w->final);
	cr_assert(kan_is_sha256_hex(seal));
	verified(w, 0);
}

static bool has(const struct world *w, const char *path, const char *text)
{
	kan_auto_buf struct kan_buf content = KAN_BUF(1 << 20);
	world_read(&content, w->dir, path);
	return strstr(kan_buf_str(&content), text) != NULL;
}

/* Refused with this code, and nothing at all has changed. */
static void refused(struct world *w, enum kan_code code, const char *text)
{
	char seal[65];
	struct kan_err err = {0};
	char *path = NULL;
	world_shell(w->place.path, 0,
		    "find *.partial -printf '%p %y %s %m\\n' | sort >before;"
		    "find *.partial -type f -exec sha256sum {} + | sort >>before");
	cr_assert_eq(kan_seal_partial(seal, &path, w->partial, NULL, &err), -1);
	cr_expect_eq(err.code, code, "%d: %s", (int)err.code, err.text);
	cr_expect(strstr(err.text, text), "%s", err.text);
	world_shell(
		w->place.path, 0,
		"find *.partial -printf '%p %y %s %m\\n' | sort >after;"
		"find *.partial -type f -exec sha256sum {} + | sort >>after; diff before after");
}

Test(partial, stopped_while_collecting_it_is_partial_because_of_a_crash)
{
	auto_world struct world w;
	world_begin(&w);
	world_fill(&w);
	world_collector(&w, "logs", "begin", NULL);
	finish(&w, NULL);
	cr_assert(has(&w, "bag-info.txt",
		      "Kanshiki-Status: partial\nKanshiki-Partial-Reason: crash\n"));
	cr_assert(has(&w, "bag-info.txt", "Kanshiki-Container: " WORLD_ID "\n"));
	cr_assert(has(&w, "bag-info.txt", "Kanshiki-Gaps: 3\n"),
		  "two, and the collector that ended nowhere");
}

Test(partial, the_reason_that_is_given_is_kept_and_cleaned)
{
	auto_world struct world w;
	world_begin(&w);
	world_fill(&w);
	finish(&w, "power\ncut");
	cr_assert(has(&w, "bag-info.txt",
		      "Kanshiki-Partial-Reason: power\xef\xbf\xbd"
		      "cut\n"));
}

Test(partial, a_collector_without_an_end_failed_and_is_a_gap)
{
	auto_world struct world w;
	json_t *doc = NULL;
	kan_auto_buf struct kan_buf text = KAN_BUF(1 << 20);
	world_begin(&w);
	world_fill(&w);
	world_collector(&w, "logs", "begin", NULL);
	finish(&w, NULL);
	world_read(&text, w.dir, "capture.json");
	cr_assert_eq(kan_json_parse(&doc, kan_buf_bytes(&text), text.len, 16, NULL), 0);
	const json_t *list = json_object_get(doc, "collectors");
	cr_assert_eq(json_array_size(list), 3);
	size_t i = 0;
	json_t *o = NULL;
	json_array_foreach (list, i, o) {
		bool logs = strcmp(kan_journal_text(o, "name"), "logs") == 0;
		cr_assert_str_eq(kan_journal_text(o, "status"), logs ? "failed" : "ok");
		cr_assert_eq(json_integer_value(json_object_get(o, "gaps")),
			     logs                                                    ? 1
			     : strcmp(kan_journal_text(o, "name"), "processes") == 0 ? 2
										     : 0);
	}
	cr_assert(has(
		&w, "gaps.ndjson",
		"{\"type\":\"gap\",\"collector\":\"logs\",\"what\":\"logs\",\"code\":\"crashed\""));
	json_decref(doc);
}

Test(partial, what_was_left_out_and_what_it_altered_survive_a_crash)
{
	auto_world struct world w;
	json_t *doc = NULL;
	kan_auto_buf struct kan_buf text = KAN_BUF(1 << 20);
	world_begin(&w);
	world_fill(&w);
	struct kan_row *row = kan_journal_begin(w.journal, "scope");
	kan_row_str(row, "collector", "mounts");
	kan_row_str(row, "what", "/srv/data");
	kan_row_str(row, "why", "larger than the budget");
	cr_assert_eq(kan_journal_end(w.journal, NULL), 0);
	row = kan_journal_begin(w.journal, "impact");
	kan_row_str(row, "what", "access times of links were set");
	cr_assert_eq(kan_journal_end(w.journal, NULL), 0);
	finish(&w, NULL);
	world_read(&text, w.dir, "capture.json");
	cr_assert_eq(kan_json_parse(&doc, kan_buf_bytes(&text), text.len, 16, NULL), 0);
	const json_t *scope = json_array_get(json_object_get(doc, "scope"), 0);
	cr_assert_str_eq(kan_journal_text(scope, "collector"), "mounts");
	cr_assert_str_eq(kan_journal_text(scope, "what"), "/srv/data");
	cr_assert_str_eq(kan_journal_text(scope, "why"), "larger than the budget");
	cr_assert_eq(json_object_size(scope), 3);
	const json_t *impact = json_object_get(doc, "impact");
	cr_assert_eq(json_array_size(impact), 1);
	cr_assert_str_eq(json_string_value(json_array_get(impact, 0)),
			 "access times of links were set");
	json_decref(doc);
}

Test(partial, a_file_that_nobody_closed_is_recorded_as_not_whole)
{
	auto_world struct world w;
	world_begin(&w);
	world_fill(&w);
	test_put(w.dir, "data/processes/torn.ndjson", "{\"schema\":");
	finish(&w, NULL);
	cr_assert(has(&w, "journal.ndjson", "\"path\":\"data/processes/torn.ndjson\""));
	cr_assert(has(&w, "journal.ndjson", "\"octets\":10,\"whole\":false"));
}

Test(partial, a_file_unlike_its_record_is_a_gap_and_recorded_anew)
{
	auto_world struct world w;
	world_begin(&w);
	world_fill(&w);
	world_write(w.dir, "data/engine/inspect.json", KAN_LIT("{\"Id\":\"ffff\"}\n"));
	finish(&w, NULL);
	cr_assert(has(&w, "gaps.ndjson",
		      "\"what\":\"data/engine/inspect.json\",\"code\":\"changed-after-close\""));
}

Test(partial, a_journal_with_absurd_numbers_is_finished_and_its_sums_stop)
{
	auto_world struct world w;
	world_begin(&w);
	world_fill(&w);
	world_collector(&w, "logs", "begin", NULL);
	for (int i = 0; i < 2; i++) {
		struct kan_row *row = kan_journal_begin(w.journal, "artefact");
		kan_row_str(row, "path", "data/logs/huge");
		kan_row_str(row, "sha256", WORLD_ID);
		kan_row_uint(row, "octets", INT64_MAX);
		cr_assert_eq(kan_journal_end(w.journal, NULL), 0);
	}
	finish(&w, NULL);
	cr_assert(has(&w, "capture.json", "9223372036854775807"));
}

Test(partial, a_record_without_its_file_is_a_gap)
{
	auto_world struct world w;
	world_begin(&w);
	world_fill(&w);
	cr_assert_eq(unlinkat(w.dir, "data/engine/inspect.json", 0), 0);
	finish(&w, NULL);
	cr_assert(has(&w, "gaps.ndjson",
		      "\"what\":\"data/engine/inspect.json\",\"code\":\"vanished\""));
}

Test(partial, a_torn_last_line_is_cut_and_kept)
{
	auto_world struct world w;
	world_begin(&w);
	world_fill(&w);
	world_crash(&w);
	int fd = openat(w.dir, "journal.ndjson", O_WRONLY | O_APPEND);
	cr_assert_eq(write(fd, "{\"seq\":", 7), 7);
	(void)close(fd);
	finish(&w, NULL);
	cr_assert(has(&w, "journal.ndjson",
		      "\"type\":\"torn\",\"octets\":7,\"line_b64\":\"eyJzZXEiOg==\""));
}

Test(partial, what_the_lease_did_alone_becomes_its_record)
{
	auto_world struct world w;
	world_begin(&w);
	world_fill(&w);
	test_put(w.dir, "lease.json", "{\"what\":\"resumed\",\"by\":\"lease\",\"t_ns\":5}\n");
	finish(&w, NULL);
	cr_assert(has(&w, "journal.ndjson",
		      "\"type\":\"lease\",\"what\":\"resumed\",\"by\":\"lease\",\"lease_t_ns\":5"));
	cr_assert(!world_there(w.dir, "lease.json"));
}

Test(partial, a_lease_note_that_does_not_parse_is_kept_as_torn)
{
	auto_world struct world w;
	world_begin(&w);
	world_fill(&w);
	test_put(w.dir, "lease.json", "{\"what\":");
	finish(&w, NULL);
	cr_assert(has(&w, "journal.ndjson", "\"type\":\"torn\",\"file\":\"lease.json\""));
}

Test(partial, nothing_taken_and_nothing_recorded_still_make_a_bundle)
{
	auto_world struct world w;
	world_begin(&w);
	world_crash(&w);
	world_write(w.dir, "journal.ndjson", (struct kan_bytes){0});
	finish(&w, NULL);
	cr_assert(has(&w, "data/conductor/nothing.txt", "before anything was taken"));
}

Test(partial, an_empty_directory_is_no_part_of_a_bundle)
{
	auto_world struct world w;
	world_begin(&w);
	world_fill(&w);
	cr_assert_eq(mkdirat(w.dir, "data/logs", 0700), 0);
	cr_assert_eq(mkdirat(w.dir, "data/logs/local", 0700), 0);
	finish(&w, NULL);
	cr_assert(!world_there(w.dir, "data/logs"));
}

Test(partial, a_running_capture_is_refused)
{
	auto_world struct world w;
	world_begin(&w);
	world_fill(&w);
	refused(&w, KAN_EREFUSED, "still running");
}

Test(partial, what_no_bundle_has_stops_it_before_anything_is_touched)
{
	static const char *const made[] = {
		"ln -s /etc/passwd data/link",
		"mkfifo data/engine/pipe",
		"ln -s data journal",
		"touch data/engine/UPPER",
		"touch stray.txt",
		"mkdir other",
		"touch data/engine/con",
		"rm -r data; ln -s /etc data",
		"mkdir capture.json",
		"ln journal.ndjson ../mine",
		"ln data/engine/inspect.json ../mine",
		"echo '{}' >../mine; ln ../mine lease.json",
		"echo '{}' >../mine; ln ../mine capture.json",
	};
	for (size_t i = 0; i < sizeof(made) / sizeof(made[0]); i++) {
		auto_world struct world w;
		world_begin(&w);
		world_fill(&w);
		world_crash(&w);
		world_shell(w.partial, 0, made[i]);
		refused(&w, KAN_EREFUSED, "");
	}
}

Test(partial, a_broken_chain_is_tamper_and_touches_nothing)
{
	auto_world struct world w;
	world_begin(&w);
	world_fill(&w);
	world_crash(&w);
	world_shell(w.partial, 0, "sed -i 2d journal.ndjson");
	refused(&w, KAN_ETAMPER, "line 2");
}

Test(partial, a_journal_of_another_bundle_is_refused)
{
	auto_world struct world w;
	world_begin(&w);
	world_fill(&w);
	world_crash(&w);
	world_shell(w.place.path, 0, "mv *.partial other.partial");
	(void)snprintf(w.partial, sizeof(w.partial), "%s/other.partial", w.place.path);
	refused(&w, KAN_EREFUSED, "of bundle " WORLD_BUNDLE);
}

Test(partial, without_a_journal_there_is_nothing_to_finish)
{
	auto_world struct world w;
	world_begin(&w);
	world_crash(&w);
	cr_assert_eq(unlinkat(w.dir, "journal.ndjson", 0), 0);
	refused(&w, KAN_ENOTFOUND, "journal.ndjson");
}

Test(partial, a_name_that_is_no_partial_is_usage)
{
	static const char *const names[] = {"/tmp", ".partial", "/x/.partial", "/x/UPPER.partial",
					    "x",    ""};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char seal[65];
		char *path = NULL;
		struct kan_err err = {0};
		cr_expect_eq(kan_seal_partial(seal, &path, names[i], NULL, &err), -1);
		cr_expect_eq(err.code, KAN_EUSAGE, "%s: %s", names[i], err.text);
	}
}

Test(partial, a_bundle_of_that_name_is_never_replaced)
{
	auto_world struct world w;
	world_begin(&w);
	world_fill(&w);
	world_crash(&w);
	cr_assert_eq(mkdir(w.final, 0700), 0);
	char seal[65], *path = NULL;
	struct kan_err err = {0};
	cr_assert_eq(kan_seal_partial(seal, &path, w.partial, NULL, &err), -1);
	cr_assert_eq(err.code, KAN_EREFUSED, "%s", err.text);
	cr_assert(world_there(w.place.fd, WORLD_BUNDLE ".partial"));
}

Test(partial, with_everything_written_it_is_verified_and_renamed)
{
	auto_world struct world w;
	char seal[65], again[65];
	kan_auto_free char *path = NULL;
	struct kan_err err = {0};
	world_sealed(&w, seal, NULL);
	cr_assert_eq(rename(w.final, w.partial), 0);
	cr_assert_eq(kan_seal_partial(again, &path, w.partial, "not asked for", &err), 0, "%s",
		     err.text);
	cr_assert_str_eq(seal, again);
	cr_assert(has(&w, "bag-info.txt", "Kanshiki-Status: complete\n"));
}

Test(partial, with_everything_written_and_then_altered_it_is_tamper)
{
	auto_world struct world w;
	char seal[65];
	world_sealed(&w, seal, NULL);
	cr_assert_eq(rename(w.final, w.partial), 0);
	world_write(w.dir, "data/engine/inspect.json", KAN_LIT("{\"Id\":\"ffff\"}\n"));
	refused(&w, KAN_ETAMPER, "data/engine/inspect.json");
}

/* The seal line is there and bagit.txt is not. */
static void behind_the_seal_line(struct world *w)
{
	char seal[65];
	world_sealed(w, seal, NULL);
	cr_assert_eq(rename(w->final, w->partial), 0);
	cr_assert_eq(unlinkat(w->dir, "bagit.txt", 0), 0);
	cr_assert_eq(unlinkat(w->dir, "tagmanifest-sha256.txt", 0), 0);
}

Test(partial, behind_the_seal_line_it_gets_the_status_that_was_recorded)
{
	auto_world struct world w;
	behind_the_seal_line(&w);
	finish(&w, NULL);
	cr_assert(has(&w, "bag-info.txt", "Kanshiki-Status: complete\n"));
	cr_assert(has(&w, "bag-info.txt", "Kanshiki-Case: inc-42\n"));
}

Test(partial, behind_the_seal_line_with_another_payload_it_is_partial)
{
	auto_world struct world w;
	behind_the_seal_line(&w);
	world_write(w.dir, "data/engine/inspect.json", KAN_LIT("{\"Id\":\"ffff\"}\n"));
	finish(&w, NULL);
	cr_assert(has(&w, "bag-info.txt", "Kanshiki-Status: partial\n"));
	cr_assert(has(&w, "gaps.ndjson", "changed-after-close"));
}

Test(partial, behind_the_seal_line_without_its_document_it_is_partial)
{
	auto_world struct world w;
	behind_the_seal_line(&w);
	cr_assert_eq(unlinkat(w.dir, "capture.json", 0), 0);
	finish(&w, NULL);
	cr_assert(has(&w, "bag-info.txt", "Kanshiki-Status: partial\n"));
}

Test(partial, what_was_being_written_is_taken_away)
{
	auto_world struct world w;
	world_begin(&w);
	world_fill(&w);
	test_put(w.dir, "capture.json.new", "{");
	test_put(w.dir, "tagmanifest-sha256.txt.new", "");
	test_put(w.dir, "bagit.txt.new", "Bag");
	finish(&w, NULL);
}
