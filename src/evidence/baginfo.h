/* bag-info.txt: labels for people, in one fixed form. bundle.md section 2. */
#ifndef KAN_EVIDENCE_BAGINFO_H
#define KAN_EVIDENCE_BAGINFO_H

#include <kanshiki/bytes.h>
#include <kanshiki/err.h>

enum { KAN_BAGINFO_VALUE = 256 };
typedef char kan_baginfo_value[KAN_BAGINFO_VALUE + 1];

struct kan_baginfo {
	kan_baginfo_value date, agent, bundle, case_id, host, container, reason;
	uint64_t octets, files, gaps;
	bool partial;
};
/* Cleaned for display, cut to 256 bytes; "unknown" when empty. */
void kan_baginfo_set(kan_baginfo_value out, struct kan_bytes v);
void kan_baginfo_build(struct kan_buf *out, const struct kan_baginfo *i);
/* format unless these are exactly the bytes that build makes. */
int kan_baginfo_parse(struct kan_baginfo *out, struct kan_bytes text, struct kan_err *err);

#endif
