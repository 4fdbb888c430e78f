/* Reading a bundle: opened against its seal, every byte against its digest; a .partial as far as it
 * goes. */
#include "world.h"

#include "base/row.h"

static struct kan_bundle *opened(const char *dir, bool unsealed)
{
	struct kan_bundle *b = NULL;
	struct kan_err err = {0};
	cr_assert_eq(kan_bundle_open(&b, dir, unsealed, &err), 0, "%s", err.text);
	return b;
}

static void refused(const char *dir, bool unsealed, enum kan_code code, const char *text)
{
	struct kan_bundle *b = NULL;
	struct kan_err err = {0};
	cr_expect_eq(kan_bundle_open(&b, dir, unsealed, &err), -1);
	cr_expect_eq(err.code, code, "%d: %s", (int)err.code, err.text);
	cr_expect(strstr(err.text, text), "%s", err.text);
	cr_expect_null(b);
}

Test(bundle, a_sealed_bundle_tells_its_name_seal_and_files_in_order)
{
	auto_world struct world w;
	char seal[65];
	world_sealed(&w, seal, NULL);
	struct kan_bundle *b = opened(w.final, false);
	cr_assert_str_eq(kan_bundle_name(b), WORLD_BUNDLE);
	cr_assert_str_eq(kan_bundle_dir(b), w.final);
	cr_assert_str_eq(kan_bundle_seal(b), seal);
	cr_assert(!kan_bundle_partial(b));
	cr_assert_str_eq(json_string_value(json_object_get(kan_bundle_capture(b), "case")),
			 "inc-42");
	cr_assert_eq(kan_bundle_count(b), 4 + 7);
	for (size_t i = 1; i < kan_bundle_count(b); i++)
		cr_assert_lt(strcmp(kan_bundle_file(b, i - 1)->path, kan_bundle_file(b, i)->path),
			     0);
	cr_assert_null(kan_bundle_file(b, kan_bundle_count(b)));
	cr_assert_eq(kan_bundle_find(b, "data/engine/inspect.json")->size, 14);
	cr_assert_not_null(kan_bundle_find(b, "gaps.ndjson"));
	cr_assert_null(kan_bundle_find(b, "data/engine/none.json"));
	kan_bundle_free(b);
	kan_bundle_free(NULL);
}

Test(bundle, a_copy_under_another_name_keeps_the_name_that_was_sealed)
{
	auto_world struct world w;
	char seal[65];
	world_sealed(&w, seal, NULL);
	cr_assert_eq(renameat(w.place.fd, WORLD_BUNDLE, w.place.fd, "mine"), 0);
	(void)snprintf(w.final, sizeof(w.final), "%s/mine//", w.place.path);
	struct kan_bundle *b = opened(w.final, false);
	cr_assert_str_eq(kan_bundle_name(b), WORLD_BUNDLE);
	kan_bundle_free(b);
}

Test(bundle, a_partial_status_is_told)
{
	auto_world struct world w;
	char seal[65];
	world_sealed(&w, seal, "interrupted");
	struct kan_bundle *b = opened(w.final, true);
	cr_assert(kan_bundle_partial(b));
	cr_assert_str_eq(kan_bundle_seal(b), seal);
	kan_bundle_free(b);
}

Test(bundle, content_is_read_whole_and_capped)
{
	auto_world struct world w;
	char seal[65];
	struct kan_err err = {0};
	kan_auto_buf struct kan_buf out = KAN_BUF(1 << 20), small = KAN_BUF(13);
	world_sealed(&w, seal, NULL);
	struct kan_bundle *b = opened(w.final, false);
	cr_assert_eq(kan_bundle_read(&out, b, "data/engine/inspect.json", &err), 0, "%s", err.text);
	cr_assert(kan_bytes_eq(kan_buf_bytes(&out), KAN_LIT("{\"Id\":\"3f2a\"}\n")));
	cr_assert_eq(kan_bundle_read(&out, b, "data/engine/empty.json", &err), 0, "%s", err.text);
	cr_assert_eq(out.len, 0);
	cr_assert_eq(kan_bundle_read(&small, b, "data/engine/inspect.json", &err), -1);
	cr_assert_eq(err.code, KAN_ELIMIT);
	err = (struct kan_err){0};
	cr_assert_eq(kan_bundle_read(&out, b, "data/none", &err), -1);
	cr_assert_eq(err.code, KAN_ENOTFOUND);
	kan_bundle_free(b);
}

static int never(struct kan_bytes piece, void *arg, struct kan_err *err)
{
	(void)arg;
	return kan_fail(err, KAN_EIO, "%zu octets were read", piece.n);
}

Test(bundle, a_file_of_another_size_than_recorded_is_tamper_before_a_byte_is_read)
{
	auto_world struct world w;
	char seal[65];
	struct kan_err err = {0};
	world_sealed(&w, seal, NULL);
	int fd = openat(w.dir, "data/engine/inspect.json", O_WRONLY | O_CLOEXEC);
	cr_assert_eq(ftruncate(fd, (off_t)1 << 40), 0);
	cr_assert_eq(close(fd), 0);
	struct kan_bundle *b = opened(w.final, false);
	cr_assert_eq(kan_bundle_stream(b, "data/engine/inspect.json", never, NULL, &err), -1);
	cr_assert_eq(err.code, KAN_ETAMPER, "%s", err.text);
	kan_bundle_free(b);
}

Test(bundle, a_tag_file_that_is_altered_gone_or_special_is_tamper_at_once)
{
	static const char *const files[] = {"README-verify.txt",  "bag-info.txt", "bagit.txt",
					    "capture.json",       "gaps.ndjson",  "journal.ndjson",
					    "manifest-sha256.txt"};
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		auto_world struct world w;
		char seal[65];
		kan_auto_buf struct kan_buf text = KAN_BUF(1 << 20);
		world_sealed(&w, seal, NULL);
		world_read(&text, w.dir, files[i]);
		text.data[0] ^= 1;
		world_write(w.dir, files[i], kan_buf_bytes(&text));
		refused(w.final, false, KAN_ETAMPER, files[i]);
		cr_assert_eq(unlinkat(w.dir, files[i], 0), 0);
		refused(w.final, false, KAN_ETAMPER, "missing");
		cr_assert_eq(mkfifoat(w.dir, files[i], 0600), 0);
		refused(w.final, false, KAN_ETAMPER, "not a regular file");
		cr_assert_eq(unlinkat(w.dir, files[i], 0), 0);
		cr_assert_eq(symlinkat("/dev/zero", w.dir, files[i]), 0);
		refused(w.final, false, KAN_ETAMPER, files[i]);
	}
}

Test(bundle, without_its_tag_manifest_it_is_tamper_and_without_bagit_too_no_bundle)
{
	auto_world struct world w;
	char seal[65];
	world_sealed(&w, seal, NULL);
	cr_assert_eq(unlinkat(w.dir, "tagmanifest-sha256.txt", 0), 0);
	refused(w.final, false, KAN_ETAMPER, "tagmanifest-sha256.txt: missing");
	cr_assert_eq(unlinkat(w.dir, "bagit.txt", 0), 0);
	refused(w.final, false, KAN_ENOTFOUND, "no bundle");
	refused(w.place.path, true, KAN_ENOTFOUND, "no bundle");
	refused("/etc/passwd", false, KAN_ENOTFOUND, "no bundle");
	refused("/none", false, KAN_ENOTFOUND, "/none");
}

Test(bundle, a_larger_tag_file_than_any_bundle_has_is_refused_unread)
{
	auto_world struct world w;
	char seal[65];
	world_sealed(&w, seal, NULL);
	cr_assert_eq(fchmodat(w.dir, "capture.json", 0600, 0), 0);
	int fd = openat(w.dir, "capture.json", O_WRONLY);
	cr_assert_eq(ftruncate(fd, 1LL << 40), 0);
	(void)close(fd);
	refused(w.final, false, KAN_ETAMPER, "capture.json");
}

static int no_data(struct kan_bytes piece, void *arg, struct kan_err *err)
{
	(void)err;
	*(size_t *)arg += piece.n;
	return 0;
}

static void reads_as_tamper(const struct world *w, const char *text)
{
	struct kan_err err = {0};
	size_t n = 0;
	struct kan_bundle *b = opened(w->final, false);
	cr_expect_eq(kan_bundle_stream(b, "data/engine/inspect.json", no_data, &n, &err), -1);
	cr_expect_eq(err.code, KAN_ETAMPER, "%s", err.text);
	cr_expect(strstr(err.text, text), "%s", err.text);
	kan_bundle_free(b);
}

Test(bundle, a_payload_file_that_is_altered_gone_or_special_is_tamper_when_it_is_read)
{
	auto_world struct world w;
	char seal[65];
	static const char path[] = "data/engine/inspect.json";
	world_sealed(&w, seal, NULL);
	world_write(w.dir, path, KAN_LIT("{\"Id\":\"3f2b\"}\n"));
	reads_as_tamper(&w, "altered");
	world_write(w.dir, path, KAN_LIT("{\"Id\":\"3f2a\"}\n\n"));
	reads_as_tamper(&w, "altered");
	cr_assert_eq(unlinkat(w.dir, path, 0), 0);
	reads_as_tamper(&w, "missing");
	cr_assert_eq(symlinkat("/etc/passwd", w.dir, path), 0);
	reads_as_tamper(&w, path);
	cr_assert_eq(unlinkat(w.dir, path, 0), 0);
	cr_assert_eq(mkfifoat(w.dir, path, 0600), 0);
	reads_as_tamper(&w, "not a regular file");
}

Test(bundle, a_directory_on_the_way_that_became_a_link_is_not_followed)
{
	auto_world struct world w;
	char seal[65];
	world_sealed(&w, seal, NULL);
	world_shell(w.final, 0, "mv data/engine ../aside; ln -s ../../aside data/engine");
	reads_as_tamper(&w, "data/engine/inspect.json");
}

Test(bundle, a_file_that_grows_after_the_open_is_tamper)
{
	auto_world struct world w;
	char seal[65];
	size_t n = 0;
	struct kan_err err = {0};
	world_sealed(&w, seal, NULL);
	struct kan_bundle *b = opened(w.final, false);
	world_write(w.dir, "data/engine/inspect.json", KAN_LIT("{\"Id\":\"3f2a\"}\n{}"));
	cr_assert_eq(kan_bundle_stream(b, "data/engine/inspect.json", no_data, &n, &err), -1);
	cr_assert_eq(err.code, KAN_ETAMPER);
	kan_bundle_free(b);
}

struct rows {
	uint64_t n, last_line;
	int64_t pids;
};

static int on_row(const json_t *row, uint64_t line, void *arg, struct kan_err *err)
{
	struct rows *r = arg;
	kan_auto_buf struct kan_buf name = KAN_BUF(64);
	(void)err;
	cr_assert_eq(kan_json_bytes(&name, row, "name", NULL), 0);
	cr_assert(kan_bytes_eq(kan_buf_bytes(&name), KAN_LIT("kworker/u\xff")));
	r->n++;
	r->pids += json_integer_value(json_object_get(row, "pid"));
	r->last_line = line;
	return 0;
}

Test(bundle, rows_come_one_by_one_with_the_number_of_their_line)
{
	auto_world struct world w;
	char seal[65];
	struct rows r = {0};
	struct kan_err err = {0};
	world_sealed(&w, seal, NULL);
	struct kan_bundle *b = opened(w.final, false);
	cr_assert_eq(kan_bundle_rows(b, "data/processes/processes.ndjson", on_row, &r, &err), 0,
		     "%s", err.text);
	cr_assert_eq(r.n, 3);
	cr_assert_eq(r.pids, 6);
	cr_assert_eq(r.last_line, 4);
	cr_assert_eq(kan_bundle_rows(b, "data/engine/inspect.json", on_row, &r, &err), -1);
	cr_assert_eq(err.code, KAN_EUSAGE);
	kan_bundle_free(b);
}

static int count(const json_t *row, uint64_t line, void *arg, struct kan_err *err)
{
	(void)row;
	(void)line;
	(void)err;
	++*(unsigned *)arg;
	return 0;
}

static int give_up(const json_t *row, uint64_t line, void *arg, struct kan_err *err)
{
	(void)row;
	(void)line;
	++*(unsigned *)arg;
	return kan_fail(err, KAN_ELIMIT, "enough");
}

Test(bundle, gaps_and_journal_are_rows_too)
{
	auto_world struct world w;
	char seal[65];
	unsigned gaps = 0, records = 0;
	world_sealed(&w, seal, NULL);
	struct kan_bundle *b = opened(w.final, false);
	cr_assert_eq(kan_bundle_rows(b, "gaps.ndjson", count, &gaps, NULL), 0);
	cr_assert_eq(gaps, 3);
	cr_assert_eq(kan_bundle_rows(b, "journal.ndjson", count, &records, NULL), 0);
	cr_assert_eq(records, 1 + 4 + 4 + 3 + 1, "target, artefacts, collectors, gaps, seal");
	kan_bundle_free(b);
}

Test(bundle, a_caller_that_gives_up_ends_the_reading_with_its_own_error)
{
	auto_world struct world w;
	char seal[65];
	unsigned n = 0;
	struct kan_err err = {0};
	world_sealed(&w, seal, NULL);
	struct kan_bundle *b = opened(w.final, false);
	cr_assert_eq(kan_bundle_rows(b, "data/processes/processes.ndjson", give_up, &n, &err), -1);
	cr_assert_eq(n, 1);
	cr_assert_eq(err.code, KAN_ELIMIT);
	kan_bundle_free(b);
}

Test(bundle, rows_of_an_altered_file_are_tamper_even_when_they_do_not_parse)
{
	auto_world struct world w;
	char seal[65];
	unsigned n = 0;
	struct kan_err err = {0};
	kan_auto_buf struct kan_buf text = KAN_BUF(1 << 20);
	world_sealed(&w, seal, NULL);
	world_read(&text, w.dir, "data/processes/processes.ndjson");
	text.data[text.len - 2] = ']';
	world_write(w.dir, "data/processes/processes.ndjson", kan_buf_bytes(&text));
	struct kan_bundle *b = opened(w.final, false);
	cr_assert_eq(kan_bundle_rows(b, "data/processes/processes.ndjson", count, &n, &err), -1);
	cr_assert_eq(err.code, KAN_ETAMPER, "%s", err.text);
	kan_bundle_free(b);
}

Test(bundle, an_unsealed_one_is_opened_only_when_asked_and_has_what_was_closed)
{
	auto_world struct world w;
	unsigned n = 0;
	struct kan_err err = {0};
	world_begin(&w);
	world_fill(&w);
	test_put(w.dir, "data/engine/open.json", "{");
	refused(w.partial, false, KAN_ENOTFOUND, "unsealed");
	struct kan_bundle *b = opened(w.partial, true);
	cr_assert_str_eq(kan_bundle_seal(b), "");
	cr_assert_str_eq(kan_bundle_name(b), WORLD_BUNDLE);
	cr_assert(kan_bundle_partial(b));
	cr_assert_null(kan_bundle_capture(b));
	cr_assert_eq(kan_bundle_count(b), 4 + 1);
	cr_assert_null(kan_bundle_find(b, "data/engine/open.json"));
	cr_assert_null(kan_bundle_find(b, "gaps.ndjson"));
	cr_assert_eq(kan_bundle_rows(b, "data/processes/processes.ndjson", count, &n, &err), 0,
		     "%s", err.text);
	cr_assert_eq(n, 3);
	kan_bundle_free(b);
}

Test(bundle, the_journal_of_an_unsealed_one_is_as_it_was_when_it_was_opened)
{
	auto_world struct world w;
	unsigned n = 0, again = 0;
	world_begin(&w);
	world_fill(&w);
	struct kan_bundle *b = opened(w.partial, true);
	cr_assert_eq(kan_bundle_rows(b, "journal.ndjson", count, &n, NULL), 0);
	world_collector(&w, "logs", "begin", NULL);
	int fd = openat(w.dir, "journal.ndjson", O_WRONLY | O_APPEND | O_CLOEXEC);
	cr_assert_eq(write(fd, "{\"seq", 5), 5);
	(void)close(fd);
	cr_assert_eq(kan_bundle_rows(b, "journal.ndjson", count, &again, NULL), 0);
	cr_assert_eq(n, again);
	kan_bundle_free(b);
	b = opened(w.partial, true);
	cr_assert_eq(kan_bundle_rows(b, "journal.ndjson", count, &again, NULL), 0);
	cr_assert_eq(again, n + n + 1, "the line that is being written is not there yet");
	kan_bundle_free(b);
}

Test(bundle, an_unsealed_file_unlike_its_record_is_tamper)
{
	auto_world struct world w;
	size_t n = 0;
	struct kan_err err = {0};
	world_begin(&w);
	world_fill(&w);
	struct kan_bundle *b = opened(w.partial, true);
	world_write(w.dir, "data/engine/inspect.json", KAN_LIT("{\"Id\":\"3f2b\"}\n"));
	cr_assert_eq(kan_bundle_stream(b, "data/engine/inspect.json", no_data, &n, &err), -1);
	cr_assert_eq(err.code, KAN_ETAMPER);
	kan_bundle_free(b);
}

Test(bundle, an_unsealed_one_with_a_broken_chain_is_tamper_and_an_empty_one_not_found)
{
	auto_world struct world w;
	world_begin(&w);
	world_fill(&w);
	world_shell(w.partial, 0, "sed -i 2d journal.ndjson");
	refused(w.partial, true, KAN_ETAMPER, "journal.ndjson");
	world_write(w.dir, "journal.ndjson", (struct kan_bytes){0});
	refused(w.partial, true, KAN_ENOTFOUND, "nothing was recorded");
	cr_assert_eq(unlinkat(w.dir, "journal.ndjson", 0), 0);
	refused(w.partial, true, KAN_ENOTFOUND, "no bundle");
}

Test(bundle, a_link_to_a_bundle_is_no_bundle)
{
	auto_world struct world w;
	char seal[65], link[200];
	world_sealed(&w, seal, NULL);
	cr_assert_eq(symlinkat(WORLD_BUNDLE, w.place.fd, "link"), 0);
	(void)snprintf(link, sizeof(link), "%s/link", w.place.path);
	refused(link, false, KAN_ENOTFOUND, "link");
}
