/* verify: a good bundle passes, and each way to tamper with it is found, named and told apart. */
#include "world.h"

#include <sys/socket.h>
#include <sys/un.h>

#include "base/row.h"

static void verify(struct said *s, const struct world *w, const char *want)
{
	struct kan_err err = {0};
	cr_assert_eq(kan_bundle_verify(w->final, want, said_fn, s, &err), 0, "%s", err.text);
}

static void finds(const struct world *w, const char *head, const char *path, const char *detail)
{
	struct said s = SAID;
	verify(&s, w, NULL);
	cr_expect(said_it(&s, head, path, detail), "%s %s not in:\n%s", head, path,
		  kan_buf_str(&s.text));
	kan_buf_free(&s.text);
}

/* Both manifests, as somebody who knows the format makes them anew. */
static void rebuild(const struct world *w)
{
	world_shell(w->final, 0,
		    "chmod -R u+w .; cut -c67- manifest-sha256.txt | while read -r f; do sha256sum "
		    "$f; done >../m;"
		    "cat ../m >manifest-sha256.txt; cut -c67- tagmanifest-sha256.txt | while read "
		    "-r f; do"
		    " sha256sum $f; done >../t; cat ../t >tagmanifest-sha256.txt; rm ../m ../t");
}

static const char *const every_file[] = {"README-verify.txt",
					 "bag-info.txt",
					 "bagit.txt",
					 "capture.json",
					 "gaps.ndjson",
					 "journal.ndjson",
					 "manifest-sha256.txt",
					 "tagmanifest-sha256.txt",
					 "data/engine/inspect.json",
					 "data/processes/processes.ndjson"};
enum { FILES = sizeof(every_file) / sizeof(every_file[0]) };

Test(verify, a_good_bundle_passes_every_check_and_its_seal_is_said)
{
	auto_world struct world w;
	struct said s = SAID;
	char seal[65];
	world_sealed(&w, seal, NULL);
	verify(&s, &w, seal);
	cr_assert_eq(s.failed + s.not_done, 0, "%s", kan_buf_str(&s.text));
	cr_assert_eq(s.ok, 9, "%s", kan_buf_str(&s.text));
	cr_assert(said_it(&s, "seal ok", "", seal));
	cr_assert(said_it(&s, "payload ok", "", "4 files"));
	cr_assert(said_it(&s, "rows ok", "", "3 rows of 1 files"));
	kan_buf_free(&s.text);
}

Test(verify, other_peoples_commands_say_the_same_of_a_good_bundle)
{
	auto_world struct world w;
	char seal[65], command[256];
	world_sealed(&w, seal, NULL);
	world_shell(w.final, 0,
		    "awk '/^B[0-9]/{b=$1} /^(find|  comm|sha256sum|diff|  while)/{print >\"../\" "
		    "b}' README-verify.txt;"
		    "test \"$(bash ../B1)\" = $'\\ttagmanifest-sha256.txt' -o \"$(bash ../B1)\" = "
		    "tagmanifest-sha256.txt;"
		    "test -z \"$(bash ../B3)\"; test -z \"$(bash ../B4)\"");
	(void)snprintf(command, sizeof(command), "test \"$(bash ../B2 | cut -c1-64)\" = %s", seal);
	world_shell(w.final, 0, command);
}

Test(verify, a_partial_bundle_is_incomplete_with_its_reason_and_nothing_fails)
{
	auto_world struct world w;
	struct said s = SAID;
	char seal[65];
	world_sealed(&w, seal, "interrupted");
	verify(&s, &w, NULL);
	cr_assert_eq(s.failed, 0, "%s", kan_buf_str(&s.text));
	cr_assert(said_it(&s, "baginfo not-done incomplete", "bag-info.txt", "interrupted"));
	kan_buf_free(&s.text);
}

Test(verify, an_unsealed_partial_is_incomplete_and_its_journal_is_looked_at)
{
	auto_world struct world w;
	struct said s = SAID;
	world_begin(&w);
	world_fill(&w);
	cr_assert_eq(kan_bundle_verify(w.partial, NULL, said_fn, &s, NULL), 0);
	cr_assert_eq(s.failed, 0, "%s", kan_buf_str(&s.text));
	cr_assert(said_it(&s, "seal not-done incomplete", "", "unsealed"));
	cr_assert(said_it(&s, "journal ok", "", "so far"));
	kan_buf_free(&s.text);
}

Test(verify, a_bundle_that_lost_bagit_txt_and_is_called_partial_is_unsealed_whatever_else_it_has)
{
	auto_world struct world w;
	struct said s = SAID;
	char seal[65];
	world_sealed(&w, seal, NULL);
	cr_assert_eq(mkdirat(w.dir, "seal", 0700), 0);
	test_put(w.dir, "seal/tagmanifest-sha256.txt.sig", "x");
	cr_assert_eq(unlinkat(w.dir, "bagit.txt", 0), 0);
	cr_assert_eq(rename(w.final, w.partial), 0);
	cr_assert_eq(kan_bundle_verify(w.partial, NULL, said_fn, &s, NULL), 0);
	cr_assert_eq(s.failed, 0, "%s", kan_buf_str(&s.text));
	cr_assert(said_it(&s, "seal not-done incomplete", "", "unsealed"));
	kan_buf_free(&s.text);
}

Test(verify, a_directory_that_is_no_bundle_is_not_found)
{
	auto_world struct world w;
	struct kan_err err = {0};
	world_begin(&w);
	cr_assert_eq(kan_bundle_verify(w.place.path, NULL, said_fn, NULL, &err), -1);
	cr_assert_eq(err.code, KAN_ENOTFOUND, "%s", err.text);
	err = (struct kan_err){0};
	cr_assert_eq(kan_bundle_verify(w.final, NULL, said_fn, NULL, &err), -1);
	cr_assert_eq(err.code, KAN_ENOTFOUND, "%s", err.text);
}

Test(verify, another_seal_than_the_one_that_was_told_is_found)
{
	auto_world struct world w;
	struct said s = SAID;
	char seal[65];
	world_sealed(&w, seal, NULL);
	seal[0] = seal[0] == '0' ? '1' : '0';
	verify(&s, &w, seal);
	cr_assert(said_it(&s, "seal failed altered", "tagmanifest", "not the one that was told"));
	cr_assert_eq(s.failed, 1);
	kan_buf_free(&s.text);
}

static void each_file(void (*change)(struct world *w, const char *path), const char *result)
{
	for (size_t i = 0; i < FILES; i++) {
		auto_world struct world w;
		struct said s = SAID;
		char seal[65];
		world_sealed(&w, seal, NULL);
		change(&w, every_file[i]);
		verify(&s, &w, seal);
		const char *base = strrchr(every_file[i], '/');
		cr_expect_gt(s.failed, 0, "%s: nothing failed", every_file[i]);
		cr_expect(strstr(kan_buf_str(&s.text), result), "%s:\n%s", every_file[i],
			  kan_buf_str(&s.text));
		cr_expect(strstr(kan_buf_str(&s.text), base ? base + 1 : every_file[i]), "%s",
			  every_file[i]);
		bool missing = strstr(kan_buf_str(&s.text), "failed missing") != NULL;
		cr_expect_eq(missing, strstr(result, "missing") != NULL, "%s:\n%s", every_file[i],
			     kan_buf_str(&s.text));
		kan_buf_free(&s.text);
	}
}

static void flip(struct world *w, const char *path)
{
	kan_auto_buf struct kan_buf text = KAN_BUF(1 << 20);
	world_read(&text, w->dir, path);
	text.data[text.len / 2] ^= 1;
	world_write(w->dir, path, kan_buf_bytes(&text));
}

static void truncate_last(struct world *w, const char *path)
{
	kan_auto_buf struct kan_buf text = KAN_BUF(1 << 20);
	world_read(&text, w->dir, path);
	world_write(w->dir, path, (struct kan_bytes){text.data, text.len - 1});
}

static void grow(struct world *w, const char *path)
{
	kan_auto_buf struct kan_buf text = KAN_BUF(1 << 20);
	world_read(&text, w->dir, path);
	kan_buf_addc(&text, '\n');
	world_write(w->dir, path, kan_buf_bytes(&text));
}

static void empty(struct world *w, const char *path)
{
	world_write(w->dir, path, (struct kan_bytes){0});
}

static void delete (struct world *w, const char *path)
{
	cr_assert_eq(unlinkat(w->dir, path, 0), 0);
}

static void to_link(struct world *w, const char *path)
{
	cr_assert_eq(renameat(w->dir, path, w->place.fd, "aside"), 0);
	kan_auto_buf struct kan_buf aside = KAN_BUF(256);
	kan_buf_addf(&aside, "%s/aside", w->place.path);
	cr_assert_eq(symlinkat(kan_buf_str(&aside), w->dir, path), 0);
}

static void to_fifo(struct world *w, const char *path)
{
	delete (w, path);
	cr_assert_eq(mkfifoat(w->dir, path, 0600), 0);
}

static void to_directory(struct world *w, const char *path)
{
	delete (w, path);
	cr_assert_eq(mkdirat(w->dir, path, 0700), 0);
}

static void to_hole(struct world *w, const char *path)
{
	delete (w, path);
	int fd = openat(w->dir, path, O_WRONLY | O_CREAT | O_EXCL, 0600);
	cr_assert_eq(ftruncate(fd, 4LL << 40), 0);
	(void)close(fd);
}

Test(verify, a_flipped_bit_in_any_file_is_altered_and_the_file_is_named)
{
	each_file(flip, "failed altered");
}

Test(verify, a_file_that_is_cut_is_altered)
{
	each_file(truncate_last, "failed altered");
}

Test(verify, a_file_that_is_longer_is_altered)
{
	each_file(grow, "failed altered");
}

Test(verify, an_emptied_file_is_altered)
{
	each_file(empty, "failed altered");
}

Test(verify, a_file_that_is_gone_is_missing_and_not_altered)
{
	each_file(delete, "layout failed missing");
}

static bool is_special(const char *text)
{
	return strstr(text, "layout failed altered") != NULL;
}

static void each_special(void (*change)(struct world *w, const char *path), const char *what)
{
	for (size_t i = 0; i < FILES; i++) {
		auto_world struct world w;
		struct said s = SAID;
		char seal[65];
		world_sealed(&w, seal, NULL);
		change(&w, every_file[i]);
		verify(&s, &w, seal);
		cr_expect(is_special(kan_buf_str(&s.text)) &&
				  said_it(&s, "layout failed altered", every_file[i], what),
			  "%s:\n%s", every_file[i], kan_buf_str(&s.text));
		kan_buf_free(&s.text);
	}
}

Test(verify, a_file_that_became_a_link_to_its_own_bytes_is_found)
{
	each_special(to_link, "a symbolic link");
}

Test(verify, a_file_that_became_a_fifo_is_found_and_never_waited_for)
{
	each_special(to_fifo, "a FIFO");
}

Test(verify, a_file_that_became_a_directory_is_found)
{
	each_special(to_directory, "directory");
}

Test(verify, a_hole_of_terabytes_is_refused_unread)
{
	each_file(to_hole, "failed altered");
}

Test(verify, a_device_and_a_socket_are_found)
{
	auto_world struct world w;
	char seal[65];
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	world_sealed(&w, seal, NULL);
	if (geteuid() == 0 && mknodat(w.dir, "data/engine/null", S_IFCHR | 0600, 0x103) == 0)
		finds(&w, "layout failed altered", "data/engine/null", "a device");
	int s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	(void)snprintf(a.sun_path, sizeof(a.sun_path), "%.80s/s", w.final);
	cr_assert_eq(bind(s, (struct sockaddr *)&a, sizeof(a)), 0);
	finds(&w, "layout failed altered", " s:", "a socket");
	(void)close(s);
}

Test(verify, whatever_is_added_is_found)
{
	static const char *const added[] = {"stray.txt",
					    "data/extra.txt",
					    "data/processes/extra.ndjson",
					    "data/.hidden",
					    "bagit.txt.new",
					    "lease.json",
					    "data/processes/UPPER",
					    "data/engine/con"};
	for (size_t i = 0; i < sizeof(added) / sizeof(added[0]); i++) {
		auto_world struct world w;
		char seal[65];
		world_sealed(&w, seal, NULL);
		test_put(w.dir, added[i], "x");
		world_shell(
			w.final, 0,
			"sha256sum -c --strict --quiet tagmanifest-sha256.txt manifest-sha256.txt");
		finds(&w, "layout failed altered", added[i], "");
	}
}

Test(verify, an_empty_or_foreign_directory_is_found)
{
	auto_world struct world w;
	char seal[65];
	world_sealed(&w, seal, NULL);
	cr_assert_eq(mkdirat(w.dir, "data/empty", 0700), 0);
	cr_assert_eq(mkdirat(w.dir, ".git", 0700), 0);
	cr_assert_eq(mkdirat(w.dir, ".git/hooks", 0700), 0);
	finds(&w, "layout failed altered", "data/empty", "an empty directory");
	finds(&w, "layout failed altered", ".git/hooks", "a directory that no bundle has");
}

Test(verify, a_name_of_bytes_that_no_bundle_has_is_told_as_it_is)
{
	auto_world struct world w;
	char seal[65];
	world_sealed(&w, seal, NULL);
	test_put(w.dir, "data/engine/a\xff\x1b[31m", "x");
	finds(&w, "layout failed altered", "a\xff", "not a name");
}

Test(verify, a_renamed_file_is_missing_and_unlisted)
{
	auto_world struct world w;
	char seal[65];
	world_sealed(&w, seal, NULL);
	cr_assert_eq(renameat(w.dir, "data/engine/inspect.json", w.dir, "data/engine/other.json"),
		     0);
	finds(&w, "layout failed missing", "data/engine/inspect.json", "missing");
	finds(&w, "layout failed altered", "data/engine/other.json", "not listed");
}

Test(verify, files_that_changed_places_are_altered)
{
	auto_world struct world w;
	char seal[65];
	world_sealed(&w, seal, NULL);
	world_shell(
		w.final, 0,
		"cd data/engine; mv inspect.json x; mv empty.json inspect.json; mv x empty.json");
	finds(&w, "payload failed altered", "data/engine/inspect.json", "altered");
	finds(&w, "payload failed altered", "data/engine/empty.json", "altered");
}

Test(verify, a_proof_may_come_later_and_nothing_else)
{
	auto_world struct world w;
	struct said s = SAID;
	char seal[65];
	world_sealed(&w, seal, NULL);
	cr_assert_eq(mkdirat(w.dir, "seal", 0700), 0);
	test_put(w.dir, "seal/tagmanifest-sha256.txt.sig", "x");
	verify(&s, &w, seal);
	cr_assert_eq(s.failed, 0, "%s", kan_buf_str(&s.text));
	test_put(w.dir, "seal/other.sig", "x");
	finds(&w, "layout failed altered", "seal/other.sig", "not a name of a proof");
	kan_buf_free(&s.text);
}

Test(verify, more_hard_links_than_the_store_makes_are_said_and_fail_nothing)
{
	auto_world struct world w;
	struct said s = SAID;
	char seal[65];
	world_sealed(&w, seal, NULL);
	cr_assert_eq(linkat(w.dir, "data/engine/inspect.json", w.place.fd, "one", 0), 0);
	verify(&s, &w, seal);
	cr_assert_eq(s.failed + s.not_done, 0, "%s", kan_buf_str(&s.text));
	cr_assert_eq(linkat(w.dir, "data/engine/inspect.json", w.place.fd, "two", 0), 0);
	finds(&w, "layout not-done general", "data/engine/inspect.json", "3 hard links");
	kan_buf_free(&s.text);
}

Test(verify, it_goes_on_after_a_failure)
{
	auto_world struct world w;
	struct said s = SAID;
	char seal[65];
	world_sealed(&w, seal, NULL);
	flip(&w, "data/engine/inspect.json");
	flip(&w, "README-verify.txt");
	delete (&w, "data/processes/processes.ndjson");
	test_put(w.dir, "stray", "x");
	verify(&s, &w, seal);
	cr_assert_eq(s.failed, 4, "%s", kan_buf_str(&s.text));
	cr_assert(said_it(&s, "journal ok", "", ""), "%s", kan_buf_str(&s.text));
	kan_buf_free(&s.text);
}

Test(verify, after_sixty_four_failures_of_a_check_the_rest_are_a_number)
{
	auto_world struct world w;
	struct said s = SAID;
	char seal[65], name[32];
	world_sealed(&w, seal, NULL);
	for (int i = 0; i < 100; i++) {
		(void)snprintf(name, sizeof(name), "data/stray-%d", i);
		test_put(w.dir, name, "x");
	}
	verify(&s, &w, seal);
	cr_assert_eq(s.failed, 65, "%s", kan_buf_str(&s.text));
	cr_assert(said_it(&s, "layout failed altered", "", "and 36 more"));
	kan_buf_free(&s.text);
}

/* With the manifests made anew, what is left is what the files say of each other. */
static void edit(struct world *w, const char *script)
{
	char seal[65];
	world_sealed(w, seal, NULL);
	world_shell(w->final, 0, "chmod -R u+w .");
	world_shell(w->final, 0, script);
	rebuild(w);
}

Test(verify, a_dropped_journal_line_is_found_with_all_manifests_rebuilt)
{
	auto_world struct world w;
	edit(&w, "sed -i 3d journal.ndjson");
	finds(&w, "journal failed altered", "journal.ndjson", "line 3");
}

Test(verify, a_changed_journal_line_is_found_in_the_line_after_it)
{
	auto_world struct world w;
	edit(&w, "sed -i '2s/host/api/' journal.ndjson");
	finds(&w, "journal failed altered", "journal.ndjson", "line 3: prev");
}

Test(verify, a_journal_without_its_seal_line_is_found)
{
	auto_world struct world w;
	edit(&w, "sed -i '$d' journal.ndjson");
	finds(&w, "journal failed altered", "journal.ndjson", "no seal line");
}

Test(verify, a_torn_journal_is_found)
{
	auto_world struct world w;
	edit(&w, "printf '{\"seq\":' >>journal.ndjson");
	finds(&w, "journal failed altered", "journal.ndjson", "no end");
}

Test(verify, a_payload_that_was_edited_differs_from_the_journal)
{
	auto_world struct world w;
	edit(&w, "printf x >>data/engine/inspect.json");
	finds(&w, "journal failed altered", "data/engine/inspect.json", "another digest");
	finds(&w, "journal failed altered", "journal.ndjson", "another manifest");
	finds(&w, "payload failed altered", "data/engine/inspect.json", "another size");
}

Test(verify, a_payload_that_was_dropped_from_both_manifests_differs_from_the_journal)
{
	auto_world struct world w;
	edit(&w, "rm data/engine/inspect.json; sed -i /inspect/d manifest-sha256.txt");
	finds(&w, "journal failed altered", "data/engine/inspect.json", "the manifest does not");
	finds(&w, "baginfo failed altered", "bag-info.txt", "Payload-Oxum");
}

Test(verify, a_payload_that_was_added_to_both_manifests_differs_from_the_journal)
{
	auto_world struct world w;
	edit(&w, "echo x >data/zz.txt; (cat manifest-sha256.txt; sha256sum data/zz.txt) >../n;"
		 " cat ../n >manifest-sha256.txt; rm ../n");
	finds(&w, "journal failed altered", "data/zz.txt", "no such artefact");
}

Test(verify, a_gap_that_was_taken_out_of_gaps_is_found)
{
	auto_world struct world w;
	edit(&w, "sed -i 2d gaps.ndjson");
	finds(&w, "journal failed altered", "gaps.ndjson", "not the gaps that the journal has");
}

Test(verify, labels_that_were_edited_are_found)
{
	auto_world struct world w;
	edit(&w, "sed -i 's/^Kanshiki-Gaps: .*/Kanshiki-Gaps: 0/' bag-info.txt");
	finds(&w, "journal failed altered", "journal.ndjson", "other numbers than bag-info.txt");
}

Test(verify, a_status_that_was_edited_is_found)
{
	auto_world struct world w;
	edit(&w, "sed -i 's/complete/partial/' capture.json");
	finds(&w, "tagmanifest failed altered", "capture.json", "status");
}

Test(verify, a_manifest_out_of_order_or_with_a_path_twice_is_found)
{
	auto_world struct world w;
	edit(&w, "sort -r manifest-sha256.txt -k2 >../n; cat ../n >manifest-sha256.txt; rm ../n");
	finds(&w, "manifest failed altered", "manifest-sha256.txt", "not sorted");
	finds(&w, "payload not-done", "", "no manifest");
}

Test(verify, a_path_that_leads_out_of_the_bundle_is_found_and_not_followed)
{
	auto_world struct world w;
	char seal[65];
	world_sealed(&w, seal, NULL);
	world_shell(w.final, 0,
		    "chmod -R u+w .; sed -i 's,data/engine/empty.json,data/../../../etc/hosts,' "
		    "manifest-sha256.txt");
	finds(&w, "manifest failed altered", "manifest-sha256.txt", "not a path of the payload");
}

/* A capture whose row file has this text, sealed by the real steps. */
static void rows_of(struct world *w, const char *text, bool whole)
{
	struct kan_err err = {0};
	struct kan_artefact *a = NULL;
	char seal[65];
	world_begin(w);
	struct kan_sink *s = world_sink(w, "network", NULL);
	cr_assert_eq(kan_sink_open(&a, s, "sockets.ndjson", NULL), 0);
	cr_assert_eq(kan_artefact_write(a, text, strlen(text), NULL), 0);
	if (whole)
		cr_assert_eq(kan_artefact_close(a, NULL), 0);
	else
		kan_artefact_abandon(a);
	kan_sink_free(s);
	world_record(w);
	cr_assert_eq(world_seal(w, seal, NULL, &err), 0, "%s", err.text);
}

#define HEAD \
	"{\"schema\":\"kanshiki.network.sockets/1\",\"bundle\":\"" WORLD_BUNDLE \
	"\",\"collector\":\"network\"}\n"

Test(verify, rows_that_break_a_rule_are_found_with_their_line)
{
	static const struct {
		const char *text, *detail;
	} cases[] = {
		{"", "no header"},
		{"{\"pid\":1}\n", "line 1: the header is not of this schema"},
		{HEAD HEAD, "line 2: a second header"},
		{HEAD "{\"pid\":1}", "line 2: it has no end"},
		{HEAD "{\"pid\":1}\n[1]\n", "line 3"},
		{HEAD "{\"pid\":1.5}\n", "line 2"},
		{HEAD "{\"pid\":null}\n", "line 2"},
		{HEAD "{\"pid\":1,\"pid\":2}\n", "line 2"},
		{HEAD "{\"PID\":1}\n", "line 2"},
		{HEAD "{\"a\":[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]}\n", "line 2"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		auto_world struct world w;
		rows_of(&w, cases[i].text, true);
		finds(&w, "rows failed altered", "data/network/sockets.ndjson", cases[i].detail);
	}
}

Test(verify, rows_that_were_cut_off_end_where_their_writer_was_stopped)
{
	static const char *const texts[] = {"", "{\"schema\":", HEAD, HEAD "{\"pid\":1}\n{\"pi"};
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		auto_world struct world w;
		struct said s = SAID;
		rows_of(&w, texts[i], false);
		verify(&s, &w, NULL);
		cr_expect_eq(s.failed, 0, "%s", kan_buf_str(&s.text));
		kan_buf_free(&s.text);
	}
}

Test(verify, a_capture_that_took_nothing_is_a_bundle_that_other_tools_can_check)
{
	auto_world struct world w;
	struct said s = SAID;
	struct kan_err err = {0};
	char seal[65];
	world_begin(&w);
	cr_assert_eq(world_seal(&w, seal, "interrupted", &err), 0, "%s", err.text);
	verify(&s, &w, seal);
	cr_assert_eq(s.failed, 0, "%s", kan_buf_str(&s.text));
	world_shell(w.final, 0,
		    "sha256sum -c --strict --quiet tagmanifest-sha256.txt manifest-sha256.txt");
	kan_buf_free(&s.text);
}

Test(verify, modes_and_times_are_no_evidence)
{
	auto_world struct world w;
	struct said s = SAID;
	char seal[65];
	world_sealed(&w, seal, NULL);
	world_shell(w.final, 0,
		    "find . -exec touch -d @1 {} +; find . -type f -exec chmod 644 {} +");
	verify(&s, &w, seal);
	cr_assert_eq(s.failed + s.not_done, 0, "%s", kan_buf_str(&s.text));
	kan_buf_free(&s.text);
}
