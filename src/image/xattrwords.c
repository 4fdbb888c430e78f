/* Decoders of attribute values. Linux linux/capability.h, linux/posix_acl_xattr.h,
 * security/integrity/integrity.h. */
#include "image/xattrwords.h"

#include <string.h>

#include "base/numbers.h"
#include "base/row.h"
#include "image/xattrs.h"

enum {
	CAP_EFFECTIVE = 1,
	CAP_BITS = 64,
	ACL_VERSION = 2,
	ACL_ENTRY = 8, /* tag, permissions, id */
	UNDECODED_MAX = 8,
};

static const char *const cap_names[] = {
	"cap_chown",
	"cap_dac_override",
	"cap_dac_read_search",
	"cap_fowner",
	"cap_fsetid",
	"cap_kill",
	"cap_setgid",
	"cap_setuid",
	"cap_setpcap",
	"cap_linux_immutable",
	"cap_net_bind_service",
	"cap_net_broadcast",
	"cap_net_admin",
	"cap_net_raw",
	"cap_ipc_lock",
	"cap_ipc_owner",
	"cap_sys_module",
	"cap_sys_rawio",
	"cap_sys_chroot",
	"cap_sys_ptrace",
	"cap_sys_pacct",
	"cap_sys_admin",
	"cap_sys_boot",
	"cap_sys_nice",
	"cap_sys_resource",
	"cap_sys_time",
	"cap_sys_tty_config",
	"cap_mknod",
	"cap_lease",
	"cap_audit_write",
	"cap_audit_control",
	"cap_setfcap",
	"cap_mac_override",
	"cap_mac_admin",
	"cap_syslog",
	"cap_wake_alarm",
	"cap_block_suspend",
	"cap_audit_read",
	"cap_perfmon",
	"cap_bpf",
	"cap_checkpoint_restore",
};

const char *kan_cap_name(unsigned bit)
{
	return bit < sizeof(cap_names) / sizeof(cap_names[0]) ? cap_names[bit] : NULL;
}

/* Each revision has one length: the kernel refuses every other. */
bool kan_filecap_parse(struct kan_filecap *out, struct kan_bytes v)
{
	static const size_t octets[] = {0, 12, 20, 24};
	struct kan_filecap c = {0};
	if (v.n < sizeof(uint32_t))
		return false;
	uint32_t magic = kan_le32(v.p);
	c.revision = magic >> 24;
	c.effective = magic & CAP_EFFECTIVE;
	if (c.revision < 1 || c.revision > 3 || v.n != octets[c.revision])
		return false;
	for (unsigned i = 0; i < (c.revision == 1 ? 1 : 2); i++) {
		c.permitted |= (uint64_t)kan_le32(v.p + 4 + 8 * (size_t)i) << (32 * i);
		c.inheritable |= (uint64_t)kan_le32(v.p + 8 + 8 * (size_t)i) << (32 * i);
	}
	if (c.revision == 3)
		c.rootid = kan_le32(v.p + 20);
	*out = c;
	return true;
}

/* One entry. false: a tag, or a permission, that there is not. */
static bool acl_entry(struct kan_buf *out, unsigned tag, unsigned perm, uint32_t id)
{
	static const struct {
		unsigned tag;
		char word;
		bool named;
	} tags[] = {{0x01, 'u', false}, {0x02, 'u', true},  {0x04, 'g', false},
		    {0x08, 'g', true},  {0x10, 'm', false}, {0x20, 'o', false}};
	for (size_t i = 0; perm <= 7 && i < sizeof(tags) / sizeof(tags[0]); i++) {
		if (tags[i].tag != tag)
			continue;
		kan_buf_addf(out, "%s%c:", out->len ? "," : "", tags[i].word);
		if (tags[i].named)
			kan_buf_addf(out, "%u", id);
		kan_buf_addf(out, ":%c%c%c", perm & 4 ? 'r' : '-', perm & 2 ? 'w' : '-',
			     perm & 1 ? 'x' : '-');
		return true;
	}
	return false;
}

bool kan_acl_text(struct kan_buf *out, struct kan_bytes v)
{
	if (v.n < sizeof(uint32_t) || kan_le32(v.p) != ACL_VERSION ||
	    (v.n - sizeof(uint32_t)) % ACL_ENTRY != 0)
		return false;
	for (size_t at = sizeof(uint32_t); at < v.n; at += ACL_ENTRY)
		if (!acl_entry(out, kan_le16(v.p + at), kan_le16(v.p + at + 2),
			       kan_le32(v.p + at + 4)) ||
		    out->failed)
			return false;
	return true;
}

const char *kan_integrity_word(struct kan_bytes v)
{
	static const char *const types[] = {NULL,
					    "digest",
					    "hmac",
					    "signature",
					    NULL, /* a digest that names its function */
					    "portable-signature",
					    "verity-signature"};
	static const char *const functions[] = {"digest:md4",    "digest:md5",    "digest:sha1",
						"digest:rmd160", "digest:sha256", "digest:sha384",
						"digest:sha512", "digest:sha224"};
	enum { NAMED_DIGEST = 4 };
	if (v.n > 1 && v.p[0] == NAMED_DIGEST)
		return v.p[1] < sizeof(functions) / sizeof(functions[0]) ? functions[v.p[1]]
									 : "digest";
	return v.n && v.p[0] < sizeof(types) / sizeof(types[0]) ? types[v.p[0]] : NULL;
}

/* A bit without a name is a newer kernel's: its number. */
static void put_set(struct kan_row *r, const char *key, uint64_t mask)
{
	kan_row_arr(r, key);
	for (unsigned bit = 0; bit < CAP_BITS; bit++) {
		struct kan_buf number = KAN_BUF(16);
		if (!(mask >> bit & 1))
			continue;
		kan_buf_addf(&number, "cap_%u", bit);
		kan_row_str(r, NULL, kan_cap_name(bit) ? kan_cap_name(bit) : kan_buf_str(&number));
		kan_buf_free(&number);
	}
	kan_row_arr_end(r);
}

static bool put_capability(struct kan_row *r, const char *key, struct kan_bytes v)
{
	struct kan_filecap c = {0};
	if (!kan_filecap_parse(&c, v))
		return false;
	kan_row_obj(r, key);
	kan_row_uint(r, "revision", c.revision);
	kan_row_bool(r, "effective", c.effective);
	put_set(r, "permitted", c.permitted);
	put_set(r, "inheritable", c.inheritable);
	if (c.revision == 3)
		kan_row_uint(r, "rootid", c.rootid);
	kan_row_obj_end(r);
	return true;
}

static bool put_acl(struct kan_row *r, const char *key, struct kan_bytes v)
{
	kan_auto_buf struct kan_buf text = KAN_BUF(KAN_ACL_TEXT);
	if (!kan_acl_text(&text, v))
		return false;
	kan_row_str(r, key, kan_buf_str(&text));
	return true;
}

/* The kernel keeps the NUL behind a label. */
static bool put_label(struct kan_row *r, const char *key, struct kan_bytes v)
{
	if (v.n && v.p[v.n - 1] == 0)
		v.n--;
	kan_row_bytes(r, key, v);
	return true;
}

static bool put_integrity(struct kan_row *r, const char *key, struct kan_bytes v)
{
	const char *word = kan_integrity_word(v);
	if (word)
		kan_row_str(r, key, word);
	return word != NULL;
}

/* Of one key the first that there is: one module labels the files of a host. */
static const struct {
	const char *name, *key;
	bool (*put)(struct kan_row *r, const char *key, struct kan_bytes v);
} known[] = {
	{"security.capability", "capability", put_capability},
	{"system.posix_acl_access", "acl", put_acl},
	{"system.posix_acl_default", "acl_default", put_acl},
	{"security.selinux", "label", put_label},
	{"security.SMACK64", "label", put_label},
	{"security.apparmor", "label", put_label},
	{"security.ima", "ima", put_integrity},
	{"security.evm", "evm", put_integrity},
};

static struct kan_xattr *find(struct kan_xattr *x, struct kan_bytes packed, const char *name)
{
	while (kan_xattrs_next(x, &packed))
		if (kan_bytes_eq(x->name, kan_bytes_of(name)))
			return x;
	return NULL;
}

void kan_row_xattr_words(struct kan_row *r, struct kan_bytes packed)
{
	const char *undecoded[UNDECODED_MAX], *told = "";
	size_t n = 0;
	for (size_t i = 0; packed.n && i < sizeof(known) / sizeof(known[0]); i++) {
		struct kan_xattr x;
		if (strcmp(told, known[i].key) == 0 || !find(&x, packed, known[i].name))
			continue;
		if (x.cut || !known[i].put(r, known[i].key, x.value))
			undecoded[n++] = known[i].name;
		else
			told = known[i].key;
	}
	if (n == 0)
		return;
	kan_row_arr(r, "undecoded");
	for (size_t i = 0; i < n; i++)
		kan_row_str(r, NULL, undecoded[i]);
	kan_row_arr_end(r);
}
