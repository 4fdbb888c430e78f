/* The tag files against golden bytes; and how a file of a bag is opened. */
#include "evidence/tags.h"

#include "evidence/baginfo.h"
#include "world.h"

static void is_text(const struct world *w, const char *path, const char *want)
{
	kan_auto_buf struct kan_buf text = KAN_BUF(1 << 20);
	world_read(&text, w->dir, path);
	cr_assert_str_eq(kan_buf_str(&text), want, "%s:\n%s", path, kan_buf_str(&text));
}

Test(tags, bagit_txt_has_the_digest_that_the_format_names)
{
	char sha256[65];
	kan_sha256_hex(sha256, KAN_LIT(KAN_BAGIT_TEXT));
	cr_assert_str_eq(sha256,
			 "1712ecfb074bf29c4188ad3421032509159a09739fd604f8fe57038b4ddefcc9");
	cr_assert_eq(kan_tags[KAN_TAG_BAGIT].cap, 54);
}

Test(tags, the_tag_files_of_a_bundle_are_these_bytes)
{
	auto_world struct world w;
	char seal[65];
	world_sealed(&w, seal, NULL);
	is_text(&w, "bagit.txt", "BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n");
	is_text(&w, "manifest-sha256.txt",
		"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855  "
		"data/engine/empty.json\n"
		"7f40ca2af4b11b4b9192ffe78d10c5a17145d92b0c90f883b4ad9788a7d669d6  "
		"data/engine/inspect.json\n"
		"3bdbb4fe8397cd2b842430b39ccff01a8663c751945ef5e9a09e267fb8b1d359  "
		"data/processes/exe/"
		"3bdbb4fe8397cd2b842430b39ccff01a8663c751945ef5e9a09e267fb8b1d359\n"
		"be944465705163a2bc9b696b4b980a94fa9fdc6cde0493e72b9f0402910115f6  "
		"data/processes/processes.ndjson\n");
}

Test(tags, the_gaps_are_these_bytes)
{
	auto_world struct world w;
	char seal[65];
	world_sealed(&w, seal, NULL);
	is_text(&w, "gaps.ndjson",
		"{\"schema\":\"kanshiki.gaps/1\",\"bundle\":\"" WORLD_BUNDLE
		"\",\"collector\":\"conductor\"}\n"
		"{\"type\":\"gap\",\"collector\":\"processes\",\"what\":\"pid "
		"4\",\"code\":\"vanished\","
		"\"why\":\"it ended\"}\n"
		"{\"type\":\"gap\",\"collector\":\"processes\",\"what\":\"pid "
		"5\",\"code\":\"not-applicable\","
		"\"why\":\"a thread of the kernel\"}\n"
		"{\"type\":\"limit\",\"collector\":\"processes\",\"what\":\"maps\",\"code\":"
		"\"limit\",\"why\":"
		"\"seen 9, kept 5, limit 5\",\"seen\":9,\"kept\":5,\"limit\":5}\n");
}

Test(tags, the_document_is_sorted_indented_by_one_and_ends_with_a_line)
{
	auto_world struct world w;
	char seal[65];
	world_sealed(&w, seal, NULL);
	is_text(&w, "capture.json",
		"{\n \"bundle\": \"" WORLD_BUNDLE
		"\",\n \"case\": \"inc-42\",\n \"collectors\": [],\n"
		" \"gaps\": 2,\n \"schema\": \"kanshiki.acquisition/1\",\n"
		" \"started_ns\": 1795325592000000000,\n \"status\": \"complete\",\n"
		" \"target\": {\n  \"id\": \"" WORLD_ID "\"\n }\n}\n");
}

Test(tags, modes_are_for_their_owner_alone)
{
	auto_world struct world w;
	char seal[65];
	world_sealed(&w, seal, NULL);
	world_shell(w.final, 0, "test -z \"$(find . -type f ! -perm 400 -o -type d ! -perm 700)\"");
}

Test(tags, the_readme_holds_the_commands_that_verify_names)
{
	static const char *const commands[] = {kan_by_others_b1, kan_by_others_b2, kan_by_others_b3,
					       kan_by_others_b4};
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		cr_assert_not_null(strstr(kan_bag_readme, commands[i]));
	for (const unsigned char *c = (const unsigned char *)kan_bag_readme; *c; c++)
		cr_assert(*c == '\n' || (*c >= ' ' && *c < 0x7f));
}

Test(tags, names_of_tag_files_and_proofs)
{
	static const char *const good[] = {
		"tagmanifest-sha256.txt.sig",   "tagmanifest-sha256.txt.p7s",
		"tagmanifest-sha256.txt.tsq",   "tagmanifest-sha256.txt.tsr",
		"tagmanifest-sha256.txt.2.sig", "tagmanifest-sha256.txt.99.tsr",
		"000007-dispose.json",          "000007-dispose.json.sig"};
	static const char *const bad[] = {"",
					  "tagmanifest-sha256.txt",
					  "tagmanifest-sha256.txt.1.sig",
					  "tagmanifest-sha256.txt.02.sig",
					  "tagmanifest-sha256.txt.0.sig",
					  "tagmanifest-sha256.txt.100.sig",
					  "tagmanifest-sha256.txt.sig.x",
					  "tagmanifest-sha256.txt.2sig",
					  "manifest-sha256.txt.sig",
					  "00007-dispose.json",
					  "0000007-dispose.json",
					  "x.sig"};
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		cr_expect(kan_proof_is(good[i]), "%s", good[i]);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		cr_expect(!kan_proof_is(bad[i]), "%s", bad[i]);
	cr_assert(kan_tag_is("bagit.txt") && kan_tag_is("tagmanifest-sha256.txt"));
	cr_assert(!kan_tag_is("data") && !kan_tag_is("bagit.txt.new") && !kan_tag_is(""));
	cr_assert(kan_bag_is_partial_name("x.partial") && !kan_bag_is_partial_name(".partial"));
	cr_assert(!kan_bag_is_partial_name("x.partial.x"));
}

static void opens(int dir, const char *path, uint64_t cap, enum kan_code want)
{
	int fd = -1;
	uint64_t size = 0;
	struct kan_err err = {0};
	int rc = kan_bag_open(&fd, &size, dir, path, cap, &err);
	cr_expect_eq(err.code, want, "%s: %d: %s", path, (int)err.code, err.text);
	cr_expect_eq(rc, want == KAN_OK ? 0 : -1, "%s", path);
	if (rc == 0)
		(void)close(fd);
	else
		cr_expect_eq(fd, -1);
}

Test(tags, a_file_of_a_bag_is_opened_only_when_it_is_one)
{
	auto_world struct world w;
	world_begin(&w);
	test_put(w.dir, "data/a", "12345");
	cr_assert_eq(symlinkat("a", w.dir, "data/link"), 0);
	cr_assert_eq(symlinkat("data", w.dir, "dirlink"), 0);
	cr_assert_eq(mkfifoat(w.dir, "data/pipe", 0600), 0);
	opens(w.dir, "data/a", 5, KAN_OK);
	opens(w.dir, "data/a", 4, KAN_ETAMPER);
	opens(w.dir, "data/link", 5, KAN_ETAMPER);
	opens(w.dir, "dirlink/a", 5, KAN_ETAMPER);
	opens(w.dir, "data/pipe", 5, KAN_ETAMPER);
	opens(w.dir, "data", 5, KAN_ETAMPER);
	opens(w.dir, "data/b", 5, KAN_ENOTFOUND);
	opens(w.dir, "data/a/b", 5, KAN_ENOTFOUND);
	opens(w.dir, "data/../../../etc/passwd", 1 << 20, KAN_ETAMPER);
	opens(w.dir, "/etc/passwd", 1 << 20, KAN_ETAMPER);
}
