/* The exact bytes of the custody repository: attributes, pointers, case names, messages, paths. */
#ifndef KAN_CUSTODY_FORM_H
#define KAN_CUSTODY_FORM_H

#include "base/digest.h"

#include <kanshiki/bytes.h>
#include <kanshiki/err.h>

enum {
	KAN_FORM_CASE = 80,          /* a case's name with its NUL */
	KAN_FORM_CASE_TEXT = 64,     /* --case up to here is taken as it is */
	KAN_FORM_POINTER_MAX = 1024, /* git-lfs reads no larger file as a pointer */
	KAN_FORM_BUNDLE = 64,
	KAN_FORM_TYPE = 16,
	KAN_FORM_HOST = 80,
	KAN_FORM_SEQ_MAX = 999999,
};

/* .gitattributes: in the first event's commit, never changed. */
extern const char kan_form_attributes[];
#define KAN_FORM_ATTRIBUTES ".gitattributes"

/* The directory name of a case: the text itself when it can be one, else made from it. */
void kan_form_case(char out[KAN_FORM_CASE], struct kan_bytes text);
bool kan_form_case_ok(const char *name);
/* "case-<yyyymmdd>-<12 hex>" of a bundle's name. */
int kan_form_case_of_bundle(char out[KAN_FORM_CASE], const char *bundle, struct kan_err *err);
/* <yyyymmdd>t<hhmmss>z-<12 hex>-<4 hex> */
bool kan_form_bundle_ok(const char *name);
/* One of the event types of this format. */
bool kan_form_type_ok(const char *type);

/* "kanshiki@<host>": committer and principal of a host key, whatever the host calls itself. */
void kan_form_host(char out[KAN_FORM_HOST], const char *host);

/* An LFS pointer. size 0 has none: an empty file is its own pointer. */
void kan_form_pointer(struct kan_buf *out, const char *oid, uint64_t size);
/* Exactly those bytes, else format. The empty file gives the digest of nothing and size 0. */
int kan_form_pointer_parse(char oid[KAN_SHA256_HEX], uint64_t *size, struct kan_bytes text,
			   struct kan_err *err);

struct kan_form_commit {
	const char *type, *case_id, *bundle, *seal; /* bundle and seal NULL or "" without one */
	const char *event_sha256;
	unsigned seq;
};
void kan_form_message(struct kan_buf *out, const struct kan_form_commit *c);
/* Type, case and number out of a message. Compare the message made again: only then it is one of
 * ours. */
bool kan_form_message_parse(char type[KAN_FORM_TYPE], char case_id[KAN_FORM_CASE], unsigned *seq,
			    struct kan_bytes message);
/* "cases/<case>/events/<seq6>-<type>.json" */
void kan_form_event_path(struct kan_buf *out, const char *case_id, unsigned seq, const char *type);
/* "cases/<case>/anchors/<commit>.tsr" */
void kan_form_anchor_path(struct kan_buf *out, const char *case_id, const char *commit);
/* "<seq6>-<type>.json" back; false: not such a name. */
bool kan_form_event_name(unsigned *seq, char type[KAN_FORM_TYPE], const char *name);

/* Is this an event's path in the tree? Its case, number and type come out of it. */
bool kan_form_event_at(const char *path, char case_id[KAN_FORM_CASE], unsigned *seq,
		       char type[KAN_FORM_TYPE]);

#endif
