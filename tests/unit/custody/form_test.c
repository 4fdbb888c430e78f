/* The repository's exact bytes. */
#include "custody/form.h"

#include <criterion/criterion.h>
#include <string.h>

static void pointer_is(const char *text, bool good)
{
	char oid[KAN_SHA256_HEX];
	uint64_t size;

	cr_expect_eq(kan_form_pointer_parse(oid, &size, kan_bytes_of(text), NULL) == 0, good, "%s",
		     text);
}

#define OID "19939ef72ee18a40a2ad4c987ba949905a89ed73ff28df351bfa53d89ce940d4"
#define HEAD "version https://git-lfs.github.com/spec/v1\noid sha256:"

Test(form, a_pointer_has_three_lines_and_comes_back)
{
	kan_auto_buf struct kan_buf b = KAN_BUF(1024);
	char oid[KAN_SHA256_HEX];
	uint64_t size = 0;

	kan_form_pointer(&b, OID, 13);
	cr_assert_str_eq(kan_buf_str(&b), HEAD OID "\nsize 13\n");
	cr_assert_eq(kan_form_pointer_parse(oid, &size, kan_buf_bytes(&b), NULL), 0);
	cr_assert_str_eq(oid, OID);
	cr_assert_eq(size, 13);
}

Test(form, an_empty_file_is_its_own_pointer)
{
	kan_auto_buf struct kan_buf b = KAN_BUF(1024);
	char oid[KAN_SHA256_HEX], none[KAN_SHA256_HEX];
	uint64_t size = 9;

	kan_form_pointer(&b, OID, 0);
	cr_assert_eq(b.len, 0);
	cr_assert_eq(kan_form_pointer_parse(oid, &size, (struct kan_bytes){0}, NULL), 0);
	kan_sha256_hex(none, (struct kan_bytes){0});
	cr_assert_str_eq(oid, none);
	cr_assert_eq(size, 0);
}

Test(form, a_pointer_has_no_second_spelling)
{
	pointer_is(HEAD OID "\nsize 13\n", true);
	pointer_is(HEAD OID "\nsize 13", false);
	pointer_is(HEAD OID "\nsize 013\n", false);
	pointer_is(HEAD OID "\nsize 0\n", false);
	pointer_is(HEAD OID "\nsize 13\n\n", false);
	pointer_is(HEAD OID "\nsize 13\nx y\n", false);
	pointer_is(HEAD OID "\r\nsize 13\n", false);
	pointer_is(HEAD OID "\nsize 99999999999999999999999\n", false);
	pointer_is(HEAD OID "\nsize -1\n", false);
	pointer_is(HEAD
		   "19939EF72ee18a40a2ad4c987ba949905a89ed73ff28df351bfa53d89ce940d4\nsize 1\n",
		   false);
	pointer_is("plain text", false);
}

static void case_is(const char *text, const char *want)
{
	char out[KAN_FORM_CASE];

	kan_form_case(out, kan_bytes_of(text));
	cr_expect_str_eq(out, want, "%s gave %s", text, out);
	cr_expect(kan_form_case_ok(out), "%s", out);
}

static void case_begins(const char *text, const char *begin)
{
	char out[KAN_FORM_CASE];

	kan_form_case(out, kan_bytes_of(text));
	cr_expect_eq(strncmp(out, begin, strlen(begin)), 0, "%s gave %s", text, out);
	cr_expect_eq(strlen(out), strlen(begin) + 8, "%s gave %s", text, out);
	cr_expect(kan_form_case_ok(out), "%s", out);
}

Test(form, a_case_that_can_be_a_directory_stays_as_it_is)
{
	case_is("inc-42", "inc-42");
	case_is("0.a_b-c", "0.a_b-c");
	case_is("0123456789012345678901234567890123456789012345678901234567890123",
		"0123456789012345678901234567890123456789012345678901234567890123");
}

Test(form, any_other_case_is_made_into_one_with_its_digest)
{
	case_begins("INC 42", "inc-42-");
	case_begins("../../etc", "0.-..-etc-");
	case_begins("con", "con-");
	case_begins("con.x", "con-x-");
	case_begins("\xff\x1b[31m", "0--31m-");
	case_begins("01234567890123456789012345678901234567890123456789012345678901234",
		    "012345678901234567890123456789012345678901234567-");
}

Test(form, two_cases_that_differ_only_in_what_is_lost_stay_two)
{
	char a[KAN_FORM_CASE], b[KAN_FORM_CASE];

	kan_form_case(a, KAN_LIT("Inc 42"));
	kan_form_case(b, KAN_LIT("inc 42"));
	cr_assert_str_neq(a, b);
}

Test(form, a_bundle_without_a_case_gets_its_day_and_container)
{
	char out[KAN_FORM_CASE];

	cr_assert_eq(kan_form_case_of_bundle(out, "20261122t053312z-3f2a9c41d0be-7c1e", NULL), 0);
	cr_assert_str_eq(out, "case-20261122-3f2a9c41d0be");
	cr_assert_eq(kan_form_case_of_bundle(out, "20261122t053312z-3f2a9c41d0bE-7c1e", NULL), -1);
}

Test(form, the_message_is_the_one_of_the_format)
{
	kan_auto_buf struct kan_buf b = KAN_BUF(4096);
	char type[KAN_FORM_TYPE], case_id[KAN_FORM_CASE];
	unsigned seq;
	const struct kan_form_commit c = {
		.type = "collect",
		.case_id = "inc-42",
		.bundle = "20261122t053312z-3f2a9c41d0be-7c1e",
		.seal = "53e081b7a2631869061c36289b6355934d447878c299fc4973b8d87a9b5f70cf",
		.event_sha256 = "9b0c4e7d1a52f8c36e1d90ab47f2c85d3306b1e9f4a7d2c8815b6e03fa94d7c1",
		.seq = 1};

	kan_form_message(&b, &c);
	cr_assert_str_eq(kan_buf_str(&b),
			 "kanshiki: collect inc-42 20261122t053312z-3f2a9c41d0be-7c1e\n\n"
			 "Kanshiki-Event: 1\n"
			 "Kanshiki-Event-SHA256: "
			 "9b0c4e7d1a52f8c36e1d90ab47f2c85d3306b1e9f4a7d2c8815b6e03fa94d7c1\n"
			 "Kanshiki-Seal: "
			 "53e081b7a2631869061c36289b6355934d447878c299fc4973b8d87a9b5f70cf\n");
	cr_assert(kan_form_message_parse(type, case_id, &seq, kan_buf_bytes(&b)));
	cr_assert_str_eq(type, "collect");
	cr_assert_str_eq(case_id, "inc-42");
	cr_assert_eq(seq, 1);
}

Test(form, a_message_without_a_bundle_ends_in_a_dash)
{
	kan_auto_buf struct kan_buf b = KAN_BUF(4096);

	kan_form_message(&b, &(struct kan_form_commit){.type = "note",
						       .case_id = "inc-42",
						       .bundle = "",
						       .seal = "",
						       .event_sha256 = OID,
						       .seq = 7});
	cr_assert_str_eq(kan_buf_str(&b), "kanshiki: note inc-42 -\n\nKanshiki-Event: 7\n"
					  "Kanshiki-Event-SHA256: " OID "\n");
}

Test(form, event_names_are_six_digits_and_a_known_type)
{
	char type[KAN_FORM_TYPE];
	unsigned seq = 0;

	cr_assert(kan_form_event_name(&seq, type, "000012-derive.json"));
	cr_assert_eq(seq, 12);
	cr_assert_str_eq(type, "derive");
	cr_assert_not(kan_form_event_name(&seq, type, "000000-derive.json"));
	cr_assert_not(kan_form_event_name(&seq, type, "00012-derive.json"));
	cr_assert_not(kan_form_event_name(&seq, type, "000012-destroy.json"));
	cr_assert_not(kan_form_event_name(&seq, type, "000012-derive.json.json"));
	cr_assert_not(kan_form_event_name(&seq, type, "000012-.json"));
}

Test(form, a_hosts_name_is_made_fit_for_an_address)
{
	char out[KAN_FORM_HOST];

	kan_form_host(out, "web-03");
	cr_assert_str_eq(out, "kanshiki@web-03");
	kan_form_host(out, "");
	cr_assert_str_eq(out, "kanshiki@localhost");
	kan_form_host(out, "-a>b.");
	cr_assert_str_eq(out, "kanshiki@0a0b0");
}
