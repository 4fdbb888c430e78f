/* The seal: one number, written in steps whose last is the name. */
#include "world.h"

static bool has(const struct world *w, const char *path, const char *text)
{
	kan_auto_buf struct kan_buf content = KAN_BUF(1 << 20);
	world_read(&content, w->dir, path);
	return strstr(kan_buf_str(&content), text) != NULL;
}

Test(seal, it_is_the_digest_of_the_tag_manifest)
{
	auto_world struct world w;
	char seal[65], sha256[65];
	kan_auto_buf struct kan_buf text = KAN_BUF(1 << 20);
	world_sealed(&w, seal, NULL);
	world_read(&text, w.dir, "tagmanifest-sha256.txt");
	kan_sha256_hex(sha256, kan_buf_bytes(&text));
	cr_assert_str_eq(seal, sha256);
	cr_assert(world_there(w.place.fd, WORLD_BUNDLE));
	cr_assert(!world_there(w.place.fd, WORLD_BUNDLE ".partial"));
}

Test(seal, sha256sum_agrees_with_both_manifests)
{
	auto_world struct world w;
	char seal[65];
	world_sealed(&w, seal, NULL);
	world_shell(w.final, 0,
		    "sha256sum -c --strict --quiet tagmanifest-sha256.txt manifest-sha256.txt");
	world_shell(
		w.final, 0,
		"test \"$(sed -n 's/^Payload-Oxum: //p' bag-info.txt)\" ="
		" \"$(find data -type f -printf '%s\\n' | awk '{s+=$1;n++} END{print s\".\"n}')\"");
}

Test(seal, the_last_line_of_the_journal_has_the_numbers)
{
	auto_world struct world w;
	char seal[65];
	world_sealed(&w, seal, NULL);
	world_shell(w.final, 0,
		    "test \"$(tail -n 1 journal.ndjson | jq -r "
		    "'.type+.manifest+(.files|tostring)+.status')\" ="
		    " \"seal$(sha256sum manifest-sha256.txt | cut -c1-64)4complete\"");
}

Test(seal, an_interrupt_is_sealed_as_partial_with_its_reason)
{
	auto_world struct world w;
	char seal[65];
	world_sealed(&w, seal, "interrupted");
	cr_assert(has(&w, "bag-info.txt", "Kanshiki-Partial-Reason: interrupted\n"));
	cr_assert(has(&w, "capture.json", "\"partial_reason\": \"interrupted\""));
	cr_assert(has(&w, "journal.ndjson", "\"status\":\"partial\",\"reason\":\"interrupted\""));
}

Test(seal, a_bundle_of_that_name_is_never_replaced)
{
	auto_world struct world w;
	struct kan_err err = {0};
	char seal[65] = "untouched";
	world_begin(&w);
	world_fill(&w);
	cr_assert_eq(mkdir(w.final, 0700), 0);
	cr_assert_eq(world_seal(&w, seal, NULL, &err), -1);
	cr_assert_eq(err.code, KAN_EREFUSED, "%s", err.text);
	cr_assert_str_eq(seal, "untouched");
	cr_assert(world_there(w.place.fd, WORLD_BUNDLE ".partial"));
}

Test(seal, a_link_in_the_payload_is_sealed_by_nobody)
{
	auto_world struct world w;
	struct kan_err err = {0};
	char seal[65];
	world_begin(&w);
	world_fill(&w);
	cr_assert_eq(symlinkat("/etc/passwd", w.dir, "data/engine/link"), 0);
	cr_assert_eq(world_seal(&w, seal, NULL, &err), -1);
	cr_assert_eq(err.code, KAN_EREFUSED);
	cr_assert(!world_there(w.dir, "bagit.txt"));
}

Test(seal, a_name_that_is_none_is_usage)
{
	static const char *const names[] = {"", "..", "a/b", "UPPER", ".x", "con"};
	auto_world struct world w;
	world_begin(&w);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct kan_seal_request r = {.parent_fd = w.place.fd, .bundle = names[i]};
		struct kan_err err = {0};
		char seal[65];
		cr_expect_eq(kan_seal(seal, &r, &err), -1);
		cr_expect_eq(err.code, KAN_EUSAGE, "%s", names[i]);
	}
}

Test(seal, the_same_capture_sealed_twice_has_the_same_files_but_for_its_times)
{
	auto_world struct world one, two;
	char a[65], b[65];
	kan_auto_buf struct kan_buf x = KAN_BUF(1 << 20), y = KAN_BUF(1 << 20);
	static const char *const same[] = {"manifest-sha256.txt", "gaps.ndjson",
					   "capture.json",        "bag-info.txt",
					   "README-verify.txt",   "bagit.txt"};
	world_sealed(&one, a, NULL);
	world_sealed(&two, b, NULL);
	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
		world_read(&x, one.dir, same[i]);
		world_read(&y, two.dir, same[i]);
		cr_assert(kan_bytes_eq(kan_buf_bytes(&x), kan_buf_bytes(&y)), "%s", same[i]);
	}
}

Test(seal, what_a_killed_lease_left_is_folded_in)
{
	auto_world struct world w;
	struct kan_err err = {0};
	char seal[65];
	world_begin(&w);
	world_fill(&w);
	test_put(w.dir, "lease.json", "{\"what\":\"resumed\"}\n");
	cr_assert_eq(world_seal(&w, seal, NULL, &err), 0, "%s", err.text);
	cr_assert(!world_there(w.dir, "lease.json"));
	cr_assert(has(&w, "journal.ndjson", "\"type\":\"lease\",\"what\":\"resumed\""));
}
