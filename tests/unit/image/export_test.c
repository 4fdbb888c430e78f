/* The engine's list and its export: cut anywhere, folded as the engine folds names, and lies told
 * as such. */
#include "image/export.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "image/exported.h"
#include "image/exported_state.h"

enum { TEXT_MAX = 8 << 20 };

/* --- the list */

static struct kan_changelist *listed(struct kan_bytes json, size_t step, int *rc,
				     struct kan_err *err)
{
	struct kan_changelist *l = kan_changelist_new();
	*rc = 0;
	while (*rc == 0 && json.n) {
		size_t n = json.n < step ? json.n : step;
		*rc = kan_changelist_feed(l, (struct kan_bytes){json.p, n}, err);
		json.p += n;
		json.n -= n;
	}
	if (kan_changelist_finish(l, *rc == 0 ? err : NULL) < 0)
		*rc = -1;
	return l;
}

static struct kan_changelist *list_of(const char *json)
{
	int rc = 0;
	struct kan_err err = {0};
	struct kan_changelist *l = listed(kan_bytes_of(json), SIZE_MAX, &rc, &err);
	cr_assert_eq(rc, 0, "%s", err.text);
	return l;
}

static const char three[] = " [ {\"Path\":\"/b/\\u00e4 \\\"}]\",\"Kind\":1},\n"
			    "{\"Kind\":2,\"Path\":\"/a\"} , {\"Path\":\"/b\",\"Kind\":0}]\n";

Test(changelist, a_list_is_the_same_wherever_it_is_cut)
{
	for (size_t step = 1; step < sizeof(three); step++) {
		int rc = 0;
		struct kan_err err = {0};
		struct kan_changelist *l = listed(kan_bytes_of(three), step, &rc, &err);
		cr_assert_eq(rc, 0, "%zu: %s", step, err.text);
		cr_assert_eq(kan_changelist_count(l), 3);
		const struct kan_listed *a = kan_changelist_find(l, KAN_LIT("/a")),
					*b = kan_changelist_find(l, KAN_LIT("/b")),
					*in = kan_changelist_find(l, KAN_LIT("/b/\xc3\xa4 \"}]"));
		cr_assert(a && b && in);
		cr_expect_eq(a->kind, KAN_LISTED_DELETED);
		cr_expect_eq(b->kind, KAN_LISTED_MODIFIED);
		cr_expect_eq(in->kind, KAN_LISTED_ADDED);
		cr_expect(b->parent && !a->parent && !in->parent);
		cr_expect_null(kan_changelist_find(l, KAN_LIT("/")));
		cr_expect_null(kan_changelist_find(l, KAN_LIT("/b/")));
		kan_changelist_free(l);
	}
}

Test(changelist, an_empty_list_has_three_forms)
{
	static const char *const empty[] = {"null\n", "[]", " [ ]\n"};
	for (size_t i = 0; i < 3; i++) {
		struct kan_changelist *l = list_of(empty[i]);
		cr_expect_eq(kan_changelist_count(l), 0, "%s", empty[i]);
		kan_changelist_free(l);
	}
}

Test(changelist, what_came_before_a_fault_stays)
{
	static const struct {
		const char *json;
		size_t stays;
		enum kan_code code;
	} cases[] = {
		{"", 0, KAN_EFORMAT},
		{"nul", 0, KAN_EFORMAT},
		{"nullx", 0, KAN_EFORMAT},
		{"{\"Path\":\"/a\",\"Kind\":1}", 0, KAN_EFORMAT},
		{"<html>", 0, KAN_EFORMAT},
		{"[{\"Path\":\"/a\",\"Kind\":1}", 1, KAN_EFORMAT},
		{"[{\"Path\":\"/a\",\"Kind\":1},{\"Pa", 1, KAN_EFORMAT},
		{"[{\"Path\":\"/a\",\"Kind\":1}{\"Path\":\"/b\",\"Kind\":1}]", 1, KAN_EFORMAT},
		{"[{\"Path\":\"/a\",\"Kind\":1},]", 1, KAN_EFORMAT},
		{"[{\"Path\":\"/a\",\"Kind\":1}]]", 1, KAN_EFORMAT},
		{"[{\"Path\":\"/a\",\"Kind\":1},{\"Path\":\"/b\",\"Path\":\"/c\",\"Kind\":1}]", 1,
		 KAN_EFORMAT},
		{"[{\"Path\":\"/a\",\"Kind\":1},{\"a\":[[[[[[1]]]]]]}]", 1, KAN_EFORMAT},
		{"[{\"Path\":\"/a\",\"Kind\":1},{\"Path\":\"/b\xff\",\"Kind\":1}]", 1, KAN_EFORMAT},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int rc = 0;
		struct kan_err err = {0};
		struct kan_changelist *l = listed(kan_bytes_of(cases[i].json), 3, &rc, &err);
		cr_expect_eq(rc, -1, "%s", cases[i].json);
		cr_expect_neq(err.code, KAN_OK, "%s", cases[i].json);
		cr_expect_eq(kan_changelist_count(l), cases[i].stays, "%s", cases[i].json);
		kan_changelist_free(l);
	}
}

Test(changelist, an_element_without_end_and_a_path_that_leads_out_are_told)
{
	kan_auto_buf struct kan_buf big = KAN_BUF(TEXT_MAX);
	int rc = 0;
	struct kan_err err = {0};
	kan_buf_adds(&big, "[{\"Path\":\"");
	for (size_t i = 0; i < 2 << 20; i++)
		kan_buf_addc(&big, 'a');
	struct kan_changelist *l = listed(kan_buf_bytes(&big), 4096, &rc, &err);
	cr_expect_eq(rc, -1);
	cr_expect_eq(err.code, KAN_ELIMIT, "%s", err.text);
	kan_changelist_free(l);
	l = list_of("[{\"Path\":\"/../etc\",\"Kind\":1},{\"Path\":\"/\",\"Kind\":0},{\"Kind\":1},"
		    "{\"Path\":\"/a\",\"Kind\":3},{\"Path\":\"/a\",\"Kind\":\"1\"},"
		    "{\"Path\":\"/ok\",\"Kind\":1}]");
	cr_expect_eq(kan_changelist_bad(l), 5);
	cr_expect_eq(kan_changelist_count(l), 1);
	kan_changelist_free(l);
}

/* An engine writes each octet that is no UTF-8 as U+FFFD: two names become one text. */
Test(changelist, names_that_are_no_utf8_are_found_as_the_engine_writes_them)
{
	struct kan_changelist *l = list_of("[{\"Path\":\"/x\\ufffd\",\"Kind\":1},"
					   "{\"Path\":\"/x\\ufffd\",\"Kind\":2}]");
	cr_assert_eq(kan_changelist_count(l), 1);
	struct kan_listed *e = kan_changelist_find(l, KAN_LIT("/x\xfe"));
	cr_assert_not_null(e);
	cr_expect_eq(e, kan_changelist_find(l, KAN_LIT("/x\xff")));
	cr_expect_eq(e->times, 2);
	cr_expect(e->mixed);
	cr_expect_eq(e->kind, KAN_LISTED_ADDED, "one of them is there");
	cr_expect_null(kan_changelist_find(l, KAN_LIT("/x\xff\xff")));
	cr_expect_null(kan_changelist_find(l, KAN_LIT("/x\n")), "no control is folded");
	kan_changelist_free(l);
}

Test(changelist, a_million_changes_take_what_their_names_take)
{
	int rc = 0;
	struct kan_err err = {0};
	char line[64];
	struct kan_changelist *l = kan_changelist_new();
	for (int i = 0; rc == 0 && i < 1000000; i++) {
		(void)snprintf(line, sizeof(line), "%c{\"Path\":\"/d/%07d\",\"Kind\":1}",
			       i ? ',' : '[', (i * 7) % 1000000);
		rc = kan_changelist_feed(l, kan_bytes_of(line), &err);
	}
	cr_assert_eq(rc, 0, "%s", err.text);
	cr_assert_eq(kan_changelist_feed(l, KAN_LIT("]"), &err), 0);
	cr_assert_eq(kan_changelist_finish(l, &err), 0);
	cr_assert_eq(kan_changelist_count(l), 1000000);
	cr_expect_not_null(kan_changelist_find(l, KAN_LIT("/d/0000000")));
	cr_expect_not_null(kan_changelist_find(l, KAN_LIT("/d/0999999")));
	cr_expect_null(kan_changelist_find(l, KAN_LIT("/d/1000000")));
	kan_changelist_free(l);
}

/* --- the export */

struct seen {
	struct kan_buf
		text; /* a line a member: path, mode, size that came, digest's first digits */
	uint64_t octets, members;
};

static int member(const struct kan_export_member *m, void *arg, struct kan_err *err)
{
	struct seen *s = arg;
	(void)err;
	s->members++;
	kan_buf_addb(&s->text, m->path);
	kan_buf_addf(&s->text, " %o%s", m->mode, m->again ? " again" : "");
	if (m->head->hardlink) {
		kan_buf_adds(&s->text, " = ");
		kan_buf_addb(&s->text, m->hardlink);
		kan_buf_adds(&s->text, m->linked && m->linked->digest ? " linked" : " unlinked");
	}
	return 0;
}

static int data(struct kan_bytes piece, void *arg, struct kan_err *err)
{
	struct seen *s = arg;
	(void)err;
	s->octets += piece.n;
	return 0;
}

static int end(const char *sha256, uint64_t octets, void *arg, struct kan_err *err)
{
	struct seen *s = arg;
	(void)err;
	kan_buf_addf(&s->text, " %llu %.8s\n", (unsigned long long)octets, sha256);
	return 0;
}

static int stream(struct seen *s, struct kan_changelist *l, struct kan_bytes tar, size_t step,
		  bool all, uint64_t *bad_names, struct kan_err *err)
{
	const struct kan_export_visit v = {member, data, end, s, all};
	struct kan_export *e = kan_export_new(l, &v);
	int rc = 0;
	*s = (struct seen){.text = KAN_BUF(TEXT_MAX)};
	while (rc == 0 && tar.n) {
		size_t n = tar.n < step ? tar.n : step;
		rc = kan_export_feed(e, (struct kan_bytes){tar.p, n}, err);
		tar.p += n;
		tar.n -= n;
	}
	if (kan_export_finish(e, rc == 0 ? err : NULL) < 0)
		rc = -1;
	*bad_names = kan_export_bad_names(e);
	kan_export_free(e);
	return rc;
}

/* A tar by Python, of the lines in script. */
static struct kan_buf made(const char *script)
{
	struct kan_buf out = KAN_BUF(TEXT_MAX);
	kan_auto_buf struct kan_buf command = KAN_BUF(16384);
	char piece[4096];
	kan_buf_addf(&command,
		     "python3 -c \"\n"
		     "import io, sys, tarfile\n"
		     "t = tarfile.open(fileobj=sys.stdout.buffer, mode='w|', "
		     "format=tarfile.PAX_FORMAT)\n"
		     "def add(name, body=b'', **k):\n"
		     "    i = tarfile.TarInfo(name)\n"
		     "    i.size = len(body)\n"
		     "    for key, value in k.items(): setattr(i, key, value)\n"
		     "    t.addfile(i, io.BytesIO(body))\n"
		     "%s"
		     "t.close()\"",
		     script);
	FILE *f = popen(kan_buf_str(&command), "r");
	cr_assert_not_null(f);
	for (size_t n; (n = fread(piece, 1, sizeof(piece), f)) > 0;)
		kan_buf_add(&out, piece, n);
	cr_assert_eq(pclose(f), 0, "%s", kan_buf_str(&command));
	return out;
}

static const char tree[] = "add('etc/', type=b'5', mode=0o755)\n"
			   "add('etc/passwd', b'root', mode=0o644)\n"
			   "add('etc/hostname', b'h')\n"
			   "add('etc/link', type=b'1', linkname='etc/passwd')\n"
			   "add('etc/other', type=b'1', linkname='/etc/hostname')\n"
			   "add('etc/passwd', b'evil')\n"
			   "add('../out', b'x')\n"
			   "add('gone', b'back')\n";
static const char changes[] =
	"[{\"Path\":\"/etc\",\"Kind\":0},{\"Path\":\"/etc/passwd\",\"Kind\":0},"
	"{\"Path\":\"/etc/link\",\"Kind\":1},{\"Path\":\"/etc/other\",\"Kind\":1},"
	"{\"Path\":\"/gone\",\"Kind\":2},{\"Path\":\"/absent\",\"Kind\":1}]";

Test(export, members_that_the_list_names_are_handed_on_with_their_digest_and_no_others)
{
	static const size_t steps[] = {1, 97, 512, 100000};
	struct kan_buf tar = made(tree);
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		struct kan_changelist *l = list_of(changes);
		uint64_t bad_names = 0;
		struct kan_err err = {0};
		struct seen s;
		cr_assert_eq(stream(&s, l, kan_buf_bytes(&tar), steps[i], false, &bad_names, &err),
			     0, "%s", err.text);
		/* Digests as sha256sum has them. */
		cr_expect_str_eq(kan_buf_str(&s.text),
				 "/etc 40755 0 \n"
				 "/etc/passwd 100644 4 4813494d\n"
				 "/etc/link 100644 = /etc/passwd linked 0 \n"
				 "/etc/other 100644 = /etc/hostname unlinked 0 \n"
				 "/etc/passwd 100644 again 4 b5c1fb2e\n"
				 "/gone 100644 4 3c482346\n");
		cr_expect_eq(bad_names, 1);
		cr_expect_eq(s.octets, 12, "the content of unlisted members goes nowhere");
		const struct kan_listed *link = kan_changelist_find(l, KAN_LIT("/etc/link")),
					*file = kan_changelist_find(l, KAN_LIT("/etc/passwd"));
		cr_expect(link->digest && memcmp(link->sha256, file->sha256, 32) == 0);
		cr_expect_eq(link->size, 4);
		cr_expect_eq(kan_changelist_find(l, KAN_LIT("/absent"))->met, 0);
		kan_buf_free(&s.text);
		kan_changelist_free(l);
	}
	kan_buf_free(&tar);
}

Test(export, without_a_whole_list_every_member_is_handed_on_and_a_second_one_of_a_name_is_told)
{
	struct kan_buf tar = made(tree);
	struct kan_changelist *l = list_of("[]");
	uint64_t bad_names = 0;
	struct kan_err err = {0};
	struct seen s;
	cr_assert_eq(stream(&s, l, kan_buf_bytes(&tar), 1000, true, &bad_names, &err), 0, "%s",
		     err.text);
	cr_expect_eq(s.members, 7);
	cr_expect_not_null(strstr(kan_buf_str(&s.text), "/etc/hostname 100644 1 "));
	cr_expect_not_null(strstr(kan_buf_str(&s.text), "/etc/passwd 100644 again 4 "));
	kan_buf_free(&s.text);
	kan_changelist_free(l);
	kan_buf_free(&tar);
}

/* Two names that are no UTF-8 are one in the list: which of them a link names is not known. */
Test(export, a_hard_link_to_one_of_two_names_that_the_list_has_as_one_has_no_digest_of_the_other)
{
	struct kan_buf tar = made("add('x\\udcfe', b'one')\n"
				  "add('x\\udcff', b'other')\n"
				  "add('alone', b'alone')\n"
				  "add('link', type=b'1', linkname='x\\udcfe')\n"
				  "add('plain', type=b'1', linkname='alone')\n");
	struct kan_changelist *l = list_of("[{\"Path\":\"/x\\ufffd\",\"Kind\":1},"
					   "{\"Path\":\"/x\\ufffd\",\"Kind\":1},"
					   "{\"Path\":\"/alone\",\"Kind\":1},"
					   "{\"Path\":\"/link\",\"Kind\":1},"
					   "{\"Path\":\"/plain\",\"Kind\":1}]");
	uint64_t bad_names = 0;
	struct kan_err err = {0};
	struct seen s;
	cr_assert_eq(stream(&s, l, kan_buf_bytes(&tar), 1000, false, &bad_names, &err), 0, "%s",
		     err.text);
	cr_expect_eq(s.members, 5, "%s", kan_buf_str(&s.text));
	cr_expect_not_null(strstr(kan_buf_str(&s.text), "/link 100644 = /x\xfe unlinked"), "%s",
			   kan_buf_str(&s.text));
	cr_expect_not_null(strstr(kan_buf_str(&s.text), "/plain 100644 = /alone linked"));
	kan_buf_free(&s.text);
	kan_changelist_free(l);
	kan_buf_free(&tar);
}

static enum kan_code code_of(struct kan_bytes tar, struct seen *s)
{
	struct kan_changelist *l = list_of(changes);
	uint64_t bad_names = 0;
	struct kan_err err = {0};
	int rc = stream(s, l, tar, 4096, false, &bad_names, &err);
	kan_changelist_free(l);
	return rc == 0 ? KAN_OK : err.code;
}

Test(export, one_that_ends_early_is_told_and_what_came_of_the_open_member_is_handed_on)
{
	struct kan_buf tar = made("add('etc/passwd', b'r' * 2000, mode=0o644)\n");
	struct seen s;
	struct kan_bytes all = kan_buf_bytes(&tar);
	cr_expect_eq(code_of(all, &s), KAN_OK);
	kan_buf_free(&s.text);
	cr_expect_eq(code_of((struct kan_bytes){all.p, 512 + 1000}, &s), KAN_EFORMAT);
	cr_expect_not_null(strstr(kan_buf_str(&s.text), "/etc/passwd 100644 1000 "));
	kan_buf_free(&s.text);
	cr_expect_eq(code_of((struct kan_bytes){all.p, 512 + 2048}, &s), KAN_EFORMAT,
		     "whole members and no end: others may have been behind");
	kan_buf_free(&s.text);
	cr_expect_eq(code_of((struct kan_bytes){0}, &s), KAN_EFORMAT);
	kan_buf_free(&s.text);
	cr_expect_eq(code_of(KAN_LIT("{\"message\":\"no\"}"), &s), KAN_EFORMAT);
	kan_buf_free(&s.text);
	kan_buf_free(&tar);
}

Test(export, bytes_without_end_behind_the_archive_and_headers_without_end_are_bounded)
{
	static const uint8_t zeros[4096];
	struct kan_buf tar = made("add('etc/passwd', b'root')\n");
	struct seen s;
	for (size_t i = 0; i < (2 << 20) / sizeof(zeros); i++)
		kan_buf_add(&tar, zeros, sizeof(zeros));
	cr_expect_eq(code_of(kan_buf_bytes(&tar), &s), KAN_EFORMAT);
	kan_buf_free(&s.text);
	kan_buf_free(&tar);
	tar = made("for i in range(100): t.fileobj.write(tarfile.TarInfo._create_header("
		   "{'name': 'x', 'type': b'x', 'size': 0}, tarfile.USTAR_FORMAT, 'ascii', "
		   "'strict'))\n");
	cr_expect_eq(code_of(kan_buf_bytes(&tar), &s), KAN_ELIMIT);
	kan_buf_free(&s.text);
	kan_buf_free(&tar);
}

/* A peer that is never silent: an octet a second. */
Test(export, a_peer_that_brings_next_to_nothing_in_half_a_minute_is_given_up)
{
	struct kan_answer a = {0};
	cr_expect_eq(kan_answer_pace(&a, 1), 0, "it has only begun");
	a.since_ns -= INT64_C(31) * 1000000000;
	cr_expect_eq(kan_answer_pace(&a, 1), -1);
	cr_expect_eq(a.why.sys, ETIMEDOUT, "%s", a.why.text);
	a = (struct kan_answer){0};
	cr_expect_eq(kan_answer_pace(&a, KAN_EXPORTED_PACE), 0);
	a.since_ns -= INT64_C(31) * 1000000000;
	cr_expect_eq(kan_answer_pace(&a, 1), 0, "enough came");
	a.since_ns -= INT64_C(31) * 1000000000;
	cr_expect_eq(kan_answer_pace(&a, 1), -1, "and it counts anew");
}
