/* Values of attributes: words come out for what is whole, and nothing for what is not. */
#include "image/xattrwords.h"

#include <stdlib.h>
#include <string.h>

#include "base/row.h"
#include "image/idmap.h"
#include "image/shift.h"
#include "row_check.h"

static void words(struct kan_bytes v)
{
	struct kan_filecap c = {0};
	struct kan_buf text = KAN_BUF(KAN_ACL_TEXT);
	if (kan_filecap_parse(&c, v) && (c.revision < 1 || c.revision > 3))
		abort();
	/* Eight bytes an entry, and none without a word of its own. */
	if (kan_acl_text(&text, v) && v.n > 4 && text.len < (v.n - 4) / 8 * 6)
		abort();
	kan_buf_free(&text);
	(void)kan_integrity_word(v);
}

/* Of one attribute as a mount shows it: there is one, and it has a root more or stays as long. */
static void shift(struct kan_buf *packed)
{
	static struct kan_idmaps m;
	size_t n = packed->len;
	m.uid.n = m.gid.n = 1;
	m.uid.v[0].outside = m.gid.v[0].outside = 100000;
	m.uid.v[0].count = m.gid.v[0].count = 65536;
	kan_shift_xattrs(packed, &m);
	if (packed->len != n && packed->len != n + 4)
		abort();
}

/* As one attribute of a row: whatever its bytes are, the row is a row. */
static void row(const char *name, struct kan_bytes v)
{
	uint32_t head[2] = {(uint32_t)strlen(name), (uint32_t)v.n};
	struct kan_buf packed = KAN_BUF(1 << 20);
	struct kan_row r;
	kan_row_init(&r);
	kan_buf_add(&packed, head, sizeof(head));
	kan_buf_adds(&packed, name);
	kan_buf_addb(&packed, v);
	kan_row_begin(&r);
	kan_row_xattr_words(&r, kan_buf_bytes(&packed));
	row_is_whole(&r);
	shift(&packed);
	kan_buf_free(&packed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const names[] = {"security.capability", "system.posix_acl_access",
					    "security.selinux",    "security.SMACK64",
					    "security.ima",        "user.other"};
	uint8_t *copy = malloc(size ? size : 1);
	if (!copy)
		return 0;
	if (size)
		memcpy(copy, data, size);
	words((struct kan_bytes){copy, size});
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		row(names[i], (struct kan_bytes){copy, size});
	free(copy);
	return 0;
}
