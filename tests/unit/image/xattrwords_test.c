/* Values of attributes in words, against bytes as the kernel's headers lay them out. */
#include "image/xattrwords.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/row.h"
#include "image/file.h"
#include "image/xattrs.h"

Test(xattrwords, a_capability_of_each_revision_is_read)
{
	static const uint8_t v1[12] = {1, 0, 0, 1, 0, 0x20, 0, 0};
	static const uint8_t v2[20] = {1, 0, 0, 2, 0, 0x20, 0, 0, 1, 0, 0, 0, 0x80, 0, 0, 0};
	static const uint8_t v3[24] = {0, 0, 0, 3, 2, [20] = 0xa0, 0x86, 1, 0};
	struct kan_filecap c = {0};
	cr_assert(kan_filecap_parse(&c, (struct kan_bytes){v1, sizeof(v1)}));
	cr_assert_eq(c.revision, 1);
	cr_assert(c.effective);
	cr_assert_eq(c.permitted, 1ULL << 13);
	cr_assert(kan_filecap_parse(&c, (struct kan_bytes){v2, sizeof(v2)}));
	cr_assert_eq(c.permitted, 1ULL << 13 | 1ULL << 39);
	cr_assert_eq(c.inheritable, 1);
	cr_assert(kan_filecap_parse(&c, (struct kan_bytes){v3, sizeof(v3)}));
	cr_assert_not(c.effective);
	cr_assert_eq(c.permitted, 2);
	cr_assert_eq(c.rootid, 100000);
}

Test(xattrwords, a_capability_of_another_length_or_revision_is_none)
{
	uint8_t v[32] = {1, 0, 0, 2};
	struct kan_filecap c = {.rootid = 7};
	for (size_t n = 0; n <= sizeof(v); n++)
		cr_assert_eq(kan_filecap_parse(&c, (struct kan_bytes){v, n}), n == 20);
	v[3] = 4;
	cr_assert_not(kan_filecap_parse(&c, (struct kan_bytes){v, 24}));
	v[3] = 0;
	cr_assert_not(kan_filecap_parse(&c, (struct kan_bytes){v, 4}));
}

Test(xattrwords, capabilities_have_the_kernels_names)
{
	cr_assert_str_eq(kan_cap_name(0), "cap_chown");
	cr_assert_str_eq(kan_cap_name(13), "cap_net_raw");
	cr_assert_str_eq(kan_cap_name(21), "cap_sys_admin");
	cr_assert_str_eq(kan_cap_name(31), "cap_setfcap");
	cr_assert_str_eq(kan_cap_name(40), "cap_checkpoint_restore");
	cr_assert_null(kan_cap_name(41));
}

Test(xattrwords, an_access_list_is_written_as_getfacl_does)
{
	static const uint8_t v[] = {2,    0, 0,    0,    1,    0,    6,    0,    0xff, 0xff, 0xff,
				    0xff, 2, 0,    4,    0,    0xe8, 3,    0,    0,    4,    0,
				    5,    0, 0xff, 0xff, 0xff, 0xff, 8,    0,    7,    0,    50,
				    0,    0, 0,    0x10, 0,    7,    0,    0xff, 0xff, 0xff, 0xff,
				    0x20, 0, 0,    0,    0xff, 0xff, 0xff, 0xff};
	kan_auto_buf struct kan_buf b = KAN_BUF(KAN_ACL_TEXT);
	cr_assert(kan_acl_text(&b, (struct kan_bytes){v, sizeof(v)}));
	cr_assert_str_eq(kan_buf_str(&b), "u::rw-,u:1000:r--,g::r-x,g:50:rwx,m::rwx,o::---");
}

Test(xattrwords, an_access_list_that_is_none_is_refused)
{
	uint8_t v[] = {2, 0, 0, 0, 1, 0, 6, 0, 0xff, 0xff, 0xff, 0xff};
	kan_auto_buf struct kan_buf b = KAN_BUF(KAN_ACL_TEXT);
	for (size_t n = 0; n < sizeof(v); n++) {
		kan_buf_reset(&b);
		cr_assert_eq(kan_acl_text(&b, (struct kan_bytes){v, n}), n == 4);
	}
	v[6] = 8;
	cr_assert_not(kan_acl_text(&b, (struct kan_bytes){v, sizeof(v)}), "a permission bit");
	v[6] = 6;
	v[4] = 3;
	cr_assert_not(kan_acl_text(&b, (struct kan_bytes){v, sizeof(v)}), "a tag");
	v[4] = 1;
	v[0] = 1;
	cr_assert_not(kan_acl_text(&b, (struct kan_bytes){v, sizeof(v)}), "a version");
}

Test(xattrwords, integrity_attributes_are_named_by_their_first_bytes)
{
	cr_assert_str_eq(kan_integrity_word(KAN_LIT("\x04\x04xxxx")), "digest:sha256");
	cr_assert_str_eq(kan_integrity_word(KAN_LIT("\x02xxxx")), "hmac");
	cr_assert_str_eq(kan_integrity_word(KAN_LIT("\x03\x02\x04xx")), "signature");
	cr_assert_str_eq(kan_integrity_word(KAN_LIT("\x05\x02\x04xx")), "portable-signature");
	cr_assert_str_eq(kan_integrity_word(KAN_LIT("\x01xxxx")), "digest");
	cr_assert_null(kan_integrity_word(KAN_LIT("\x63")));
	cr_assert_null(kan_integrity_word(KAN_LIT("")));
}

/* The label of a file with these attributes, each with its own name's tail as the value. */
static char *label_of(const char *const *names, size_t n)
{
	kan_auto_buf struct kan_buf packed = KAN_BUF(KAN_XATTRS_MAX);
	struct kan_row r;
	struct kan_bytes line;
	struct kan_err err = {0};
	for (size_t i = 0; i < n; i++) {
		const char *value = strrchr(names[i], '.') + 1; /* with its NUL, as the kernel's */
		kan_xattrs_add(&packed, kan_bytes_of(names[i]),
			       (struct kan_bytes){(const uint8_t *)value, strlen(value) + 1});
	}
	kan_row_init(&r);
	kan_row_begin(&r);
	kan_row_xattr_words(&r, kan_buf_bytes(&packed));
	cr_assert_eq(kan_row_end(&line, &r, &err), 0, "%s", err.text);
	json_t *row = json_loadb((const char *)line.p, line.n, JSON_REJECT_DUPLICATES, NULL);
	cr_assert_not_null(row);
	const char *label = json_string_value(json_object_get(row, "label"));
	char *copy = kan_xstrdup(label ? label : "");
	json_decref(row);
	kan_row_free(&r);
	return copy;
}

Test(xattrwords, a_label_is_that_of_the_hosts_module_and_there_is_one)
{
	static const struct {
		const char *names[2], *label;
	} cases[] = {
		{{"security.selinux", "user.x"}, "selinux"},
		{{"security.SMACK64", "user.x"}, "SMACK64"},
		{{"security.apparmor", "user.x"}, "apparmor"},
		{{"security.SMACK64", "security.selinux"}, "selinux"},
		{{"security.apparmor", "security.SMACK64"}, "SMACK64"},
		{{"security.SMACK64EXEC", "user.x"}, ""},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *label = label_of(cases[i].names, 2);
		cr_assert_str_eq(label, cases[i].label, "%s", cases[i].names[0]);
		free(label);
	}
}

/* What a container of hostile bytes may set on one file. */
static void many(struct kan_buf *out)
{
	uint8_t value[200];
	char name[32];
	memset(value, 0xff, sizeof value);
	for (int i = 0; i < 1150; i++) {
		(void)snprintf(name, sizeof name, "user.%d", i);
		kan_xattrs_add(out, kan_bytes_of(name), (struct kan_bytes){value, sizeof value});
	}
	cr_assert_not(out->failed);
}

Test(xattrwords, attributes_that_fill_a_row_do_not_take_it_away)
{
	kan_auto_buf struct kan_buf packed = KAN_BUF(KAN_XATTRS_MAX * 2);
	struct kan_row r;
	struct kan_bytes line;
	struct kan_err err = {0};
	many(&packed);
	kan_row_init(&r);
	kan_row_begin(&r);
	kan_row_xattrs(&r, kan_buf_bytes(&packed));
	cr_assert(r.xattrs_cut);
	kan_row_obj(&r, "below");
	kan_row_xattrs(&r, kan_buf_bytes(&packed));
	kan_row_obj_end(&r);
	kan_row_str(&r, "source", "upper");
	cr_assert_eq(kan_row_end(&line, &r, &err), 0, "%s", err.text);
	json_t *row = json_loadb((const char *)line.p, line.n, 0, NULL);
	const json_t *list = json_object_get(row, "xattrs");
	cr_assert_eq(json_array_size(list), 1150);
	cr_assert_null(json_object_get(json_array_get(list, 0), "value"));
	cr_assert_str_eq(json_string_value(json_object_get(row, "source")), "upper");
	cr_assert_eq(json_array_size(json_object_get(json_object_get(row, "below"), "xattrs")),
		     1150);
	json_decref(row);
	kan_row_free(&r);
}

Test(xattrwords, a_value_beyond_what_is_kept_of_a_file_is_told_by_its_row)
{
	enum { EACH = 60 << 10 };
	static uint8_t value[EACH];
	struct kan_row r;
	struct kan_buf packed = KAN_BUF(KAN_XATTRS_MAX * 4);
	memset(value, 'a', EACH);
	kan_row_init(&r);
	for (int i = 0; i < 5; i++) {
		kan_row_begin(&r);
		kan_xattrs_add(&packed, KAN_LIT("user.x"), (struct kan_bytes){value, EACH});
		kan_row_xattrs(&r, kan_buf_bytes(&packed));
		cr_assert_eq(r.xattrs_cut, packed.len < (size_t)(i + 1) * EACH, "%d", i);
	}
	cr_assert(r.xattrs_cut);
	kan_row_free(&r);
	kan_buf_free(&packed);
}
