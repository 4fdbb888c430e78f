/* The journal: one writer, one chain, whole lines; read back strictly, gone on with after a crash.
 */
#include "world.h"

#include <sys/file.h>
#include <sys/wait.h>

#include "base/row.h"
#include "evidence/journalread.h"

static int read_all(const struct world *w, struct kan_journal_end *end, struct kan_err *err)
{
	kan_auto_buf struct kan_buf text = KAN_BUF(KAN_JOURNAL_MAX);
	world_read(&text, w->dir, "journal.ndjson");
	return kan_journal_read(end, kan_buf_bytes(&text), NULL, NULL, err);
}

static struct kan_journal *reopened(const struct world *w)
{
	struct kan_journal *j = NULL;
	struct kan_err err = {0};
	cr_assert_eq(kan_journal_reopen(&j, w->dir, WORLD_BUNDLE, &err), 0, "%s", err.text);
	return j;
}

Test(journal, line_one_carries_the_header_and_sixty_four_zeros)
{
	auto_world struct world w;
	kan_auto_buf struct kan_buf text = KAN_BUF(1 << 20);
	world_begin(&w);
	world_read(&text, w.dir, "journal.ndjson");
	static const char head[] =
		"{\"schema\":\"kanshiki.journal/1\",\"bundle\":\"" WORLD_BUNDLE
		"\",\"collector\":\"conductor\",\"seq\":1,\"prev\":\""
		"0000000000000000000000000000000000000000000000000000000000000000"
		"\",\"t_ns\":";
	cr_assert_eq(strncmp(kan_buf_str(&text), head, sizeof(head) - 1), 0, "%s",
		     kan_buf_str(&text));
}

Test(journal, each_line_has_the_digest_of_the_line_before_it)
{
	auto_world struct world w;
	struct kan_journal_end end;
	struct kan_err err = {0};
	world_begin(&w);
	world_fill(&w);
	cr_assert_eq(read_all(&w, &end, &err), 0, "%s", err.text);
	cr_assert_eq(end.lines, 13);
	cr_assert_str_eq(end.bundle, WORLD_BUNDLE);
	cr_assert_str_eq(end.last_type, "collector");
	world_shell(
		w.partial, 0,
		"diff <(jq -r .prev journal.ndjson | tail -n +2) <(head -n -1 journal.ndjson |"
		" while IFS= read -r l; do printf '%s\\n' \"$l\" | sha256sum | cut -c1-64; done)");
}

Test(journal, any_changed_byte_breaks_the_chain)
{
	auto_world struct world w;
	kan_auto_buf struct kan_buf text = KAN_BUF(1 << 20);
	world_begin(&w);
	world_fill(&w);
	cr_assert_eq(kan_journal_sync(w.journal, NULL), 0);
	world_read(&text, w.dir, "journal.ndjson");
	const uint8_t *last = memrchr(text.data, '\n', text.len - 1);
	for (size_t i = 0; i < (size_t)(last - text.data); i += 7) {
		struct kan_journal_end end;
		struct kan_err err = {0};
		text.data[i] ^= 1;
		cr_expect_eq(kan_journal_read(&end, kan_buf_bytes(&text), NULL, NULL, &err), -1,
			     "octet %zu", i);
		cr_expect_eq(err.code, KAN_ETAMPER);
		text.data[i] ^= 1;
	}
}

Test(journal, any_dropped_doubled_or_swapped_line_breaks_the_chain)
{
	static const char *const edits[] = {
		"sed 1d",       "sed 2d",       "sed 5d",         "sed 3p", "sed '4{h;d};5{G}'",
		"sed 's/$/ /'", "sed 's/^/ /'", "sed 's/$/\\r/'", "sed G"};
	auto_world struct world w;
	world_begin(&w);
	world_fill(&w);
	for (size_t i = 0; i < sizeof(edits) / sizeof(edits[0]); i++) {
		struct kan_journal_end end;
		struct kan_err err = {0};
		char command[128];
		kan_auto_buf struct kan_buf text = KAN_BUF(1 << 20);
		(void)snprintf(command, sizeof(command), "%s journal.ndjson >../edited", edits[i]);
		world_shell(w.partial, 0, command);
		world_read(&text, w.place.fd, "edited");
		cr_expect_eq(kan_journal_read(&end, kan_buf_bytes(&text), NULL, NULL, &err), -1,
			     "%s", edits[i]);
		cr_expect_eq(err.code, KAN_ETAMPER);
	}
}

Test(journal, a_dropped_end_is_not_seen_by_the_chain_and_is_why_there_is_a_seal_line)
{
	auto_world struct world w;
	struct kan_journal_end end;
	kan_auto_buf struct kan_buf text = KAN_BUF(1 << 20);
	world_begin(&w);
	world_fill(&w);
	world_shell(w.partial, 0, "sed '$d' journal.ndjson >../edited");
	world_read(&text, w.place.fd, "edited");
	cr_assert_eq(kan_journal_read(&end, kan_buf_bytes(&text), NULL, NULL, NULL), 0);
	cr_assert_eq(end.lines, 12);
}

Test(journal, it_is_created_once_and_locked)
{
	auto_world struct world w;
	struct kan_journal *j = NULL;
	struct kan_err err = {0};
	world_begin(&w);
	cr_assert_eq(kan_journal_new(&j, w.dir, WORLD_BUNDLE, &err), -1);
	err = (struct kan_err){0};
	cr_assert_eq(kan_journal_reopen(&j, w.dir, WORLD_BUNDLE, &err), -1);
	cr_assert_eq(err.code, KAN_EREFUSED, "%s", err.text);
}

Test(journal, a_child_that_drops_it_leaves_the_lock_where_it_is)
{
	auto_world struct world w;
	struct kan_journal *j = NULL;
	struct kan_err err = {0};
	int status = 0;
	world_begin(&w);
	pid_t pid = fork();
	if (pid == 0) {
		kan_journal_drop(w.journal);
		_exit(0);
	}
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	cr_assert_eq(kan_journal_reopen(&j, w.dir, WORLD_BUNDLE, &err), -1);
	cr_assert_eq(err.code, KAN_EREFUSED);
}

Test(journal, after_a_crash_it_goes_on_where_it_stopped)
{
	auto_world struct world w;
	struct kan_journal_end end;
	struct kan_err err = {0};
	world_begin(&w);
	world_fill(&w);
	world_crash(&w);
	w.journal = reopened(&w);
	cr_assert_eq(kan_journal_gaps(w.journal), 2, "not-applicable is not counted");
	world_collector(&w, "logs", "begin", NULL);
	cr_assert_eq(read_all(&w, &end, &err), 0, "%s", err.text);
	cr_assert_eq(end.lines, 14);
}

Test(journal, a_torn_line_is_cut_and_becomes_a_record_at_every_length)
{
	auto_world struct world w;
	kan_auto_buf struct kan_buf whole = KAN_BUF(1 << 20);
	world_begin(&w);
	world_crash(&w);
	world_read(&whole, w.dir, "journal.ndjson");
	const uint8_t *first = memchr(whole.data, '\n', whole.len);
	for (size_t n = 1; n < whole.len; n += 11) {
		struct kan_journal_end end;
		struct kan_err err = {0};
		world_write(w.dir, "journal.ndjson", (struct kan_bytes){whole.data, n});
		kan_journal_free(reopened(&w));
		cr_assert_eq(read_all(&w, &end, &err), 0, "%zu: %s", n, err.text);
		size_t lines = n > (size_t)(first - whole.data);
		bool torn = whole.data[n - 1] != '\n';
		cr_assert_eq(end.lines, lines + torn, "%zu", n);
		cr_assert(!torn || strcmp(end.last_type, "torn") == 0);
	}
}

Test(journal, a_link_or_a_fifo_in_its_place_is_not_opened)
{
	auto_world struct world w;
	struct kan_journal *j = NULL;
	struct kan_err err = {0};
	world_begin(&w);
	world_crash(&w);
	cr_assert_eq(unlinkat(w.dir, "journal.ndjson", 0), 0);
	cr_assert_eq(mkfifoat(w.dir, "journal.ndjson", 0600), 0);
	cr_assert_eq(kan_journal_reopen(&j, w.dir, WORLD_BUNDLE, &err), -1);
	cr_assert_eq(err.code, KAN_EREFUSED, "%s", err.text);
	cr_assert_eq(unlinkat(w.dir, "journal.ndjson", 0), 0);
	cr_assert_eq(symlinkat("/dev/null", w.dir, "journal.ndjson"), 0);
	err = (struct kan_err){0};
	cr_assert_eq(kan_journal_reopen(&j, w.dir, WORLD_BUNDLE, &err), -1);
}

Test(journal, after_eight_mebibytes_gaps_are_counted_and_no_longer_listed)
{
	auto_world struct world w;
	struct kan_err err = {0};
	char why[2001];
	kan_auto_buf struct kan_buf text = KAN_BUF(KAN_JOURNAL_MAX),
				    rows = KAN_BUF(KAN_JOURNAL_MAX);
	world_begin(&w);
	memset(why, 'x', sizeof(why) - 1);
	why[sizeof(why) - 1] = 0;
	for (int i = 0; i < 6000; i++)
		cr_assert_eq(kan_journal_gap(w.journal, i % 2 ? "mounts" : "logs", "x",
					     i % 3 ? "denied" : "not-applicable", why, &err),
			     0, "%s", err.text);
	unsigned gaps = kan_journal_gaps(w.journal);
	cr_assert_eq(gaps, 4000);
	cr_assert_eq(kan_journal_fold(w.journal, NULL), 0);
	world_read(&text, w.dir, "journal.ndjson");
	cr_assert_lt(text.len, (size_t)KAN_JOURNAL_LIST + (64 << 10));
	cr_assert_eq(kan_journal_gap_rows(&rows, kan_buf_bytes(&text), WORLD_BUNDLE, NULL), 0);
	cr_assert(strstr(kan_buf_str(&rows),
			 "\"collector\":\"mounts\",\"what\":\"gaps\",\"code\":\"limit\""));
	cr_assert(strstr(kan_buf_str(&rows),
			 "\"collector\":\"logs\",\"what\":\"gaps\",\"code\":\"limit\""));
	world_crash(&w);
	w.journal = reopened(&w);
	cr_assert_eq(kan_journal_gaps(w.journal), gaps, "the counted ones are read back");
}

Test(journal, words_of_the_target_cannot_forge_a_line)
{
	auto_world struct world w;
	struct kan_journal_end end;
	world_begin(&w);
	cr_assert_eq(
		kan_journal_gap(w.journal, "logs", "a\"}\n{\"seq\":4", "denied", "\xff\x1b", NULL),
		0);
	cr_assert_eq(read_all(&w, &end, NULL), 0);
	cr_assert_eq(end.lines, 3);
}

Test(journal, an_artefact_record_that_names_no_artefact_is_tamper)
{
	auto_world struct world w;
	json_t *map = NULL;
	struct kan_err err = {0};
	kan_auto_buf struct kan_buf text = KAN_BUF(1 << 20);
	world_begin(&w);
	struct kan_row *row = kan_journal_begin(w.journal, "artefact");
	kan_row_str(row, "path", "data/../../etc/passwd");
	cr_assert_eq(kan_journal_end(w.journal, NULL), 0);
	world_read(&text, w.dir, "journal.ndjson");
	cr_assert_eq(kan_journal_artefacts(&map, kan_buf_bytes(&text), &err), -1);
	cr_assert_eq(err.code, KAN_ETAMPER);
	cr_assert(strstr(err.text, "line 3"), "%s", err.text);
}

Test(journal, the_last_record_of_an_artefact_counts)
{
	auto_world struct world w;
	json_t *map = NULL;
	kan_auto_buf struct kan_buf text = KAN_BUF(1 << 20);
	world_begin(&w);
	for (uint64_t octets = 1; octets <= 2; octets++) {
		char sha256[65];
		memset(sha256, octets == 1 ? 'a' : 'b', 64);
		sha256[64] = 0;
		struct kan_row *row = kan_journal_begin(w.journal, "artefact");
		kan_row_str(row, "path", "data/logs/a");
		kan_row_str(row, "sha256", sha256);
		kan_row_uint(row, "octets", octets);
		cr_assert_eq(kan_journal_end(w.journal, NULL), 0);
	}
	world_read(&text, w.dir, "journal.ndjson");
	cr_assert_eq(kan_journal_artefacts(&map, kan_buf_bytes(&text), NULL), 0);
	cr_assert_eq(json_object_size(map), 1);
	cr_assert_eq(kan_journal_number(json_object_get(map, "data/logs/a"), "octets"), 2);
	json_decref(map);
}
