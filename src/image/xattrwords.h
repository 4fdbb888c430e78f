/* Extended attributes in words: file capabilities, ACLs, and what integrity attributes hold. Pure.
 */
#ifndef KAN_IMAGE_XATTRWORDS_H
#define KAN_IMAGE_XATTRWORDS_H

#include <kanshiki/bytes.h>

struct kan_row;

enum { KAN_ACL_TEXT = 64 << 10 }; /* of an access list in words; a longer one stays as its bytes */

/* security.capability (struct vfs_cap_data and vfs_ns_cap_data of linux/capability.h). */
struct kan_filecap {
	unsigned revision; /* 1 to 3 */
	bool effective;
	uint64_t permitted, inheritable;
	uint32_t rootid; /* of revision 3: whose root it counts for */
};
bool kan_filecap_parse(struct kan_filecap *out, struct kan_bytes value);
/* "cap_net_raw"; NULL for a bit that has no name. */
const char *kan_cap_name(unsigned bit);

/* system.posix_acl_access and _default as "u::rw-,u:1000:r--,g::r--,m::r--,o::---". */
bool kan_acl_text(struct kan_buf *out, struct kan_bytes value);
/* What security.ima or security.evm holds: "digest:sha256", "hmac", "signature"; NULL: unknown. */
const char *kan_integrity_word(struct kan_bytes value);

/* capability, acl, acl_default, label, ima and evm of packed attributes; what cannot be decoded
 * stands by name in undecoded. */
void kan_row_xattr_words(struct kan_row *r, struct kan_bytes packed);

#endif
