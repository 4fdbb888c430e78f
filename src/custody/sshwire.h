/* The SSH wire format (RFC 4251 section 5) and its armour: what SSHSIG and key files are made of.
 */
#ifndef KAN_CUSTODY_SSHWIRE_H
#define KAN_CUSTODY_SSHWIRE_H

#include <kanshiki/bytes.h>
#include <kanshiki/err.h>

enum { KAN_WIRE_ARMOUR_COLUMNS = 70, KAN_WIRE_MAX = 64 << 10 };

/* A reading position. bad is sticky: check it once at the end. */
struct kan_wire {
	struct kan_bytes rest;
	bool bad;
};

uint32_t kan_wire_u32(struct kan_wire *w);
struct kan_bytes kan_wire_str(struct kan_wire *w); /* borrowed from the input */
/* An mpint above 0 in its shortest form, else bad; borrowed, without the leading zero. */
struct kan_bytes kan_wire_mpint(struct kan_wire *w);
/* Exactly these bytes, else bad. */
void kan_wire_expect(struct kan_wire *w, struct kan_bytes magic);
/* Nothing was short, nothing is left. */
bool kan_wire_done(const struct kan_wire *w);

void kan_wire_put_u32(struct kan_buf *out, uint32_t v);
void kan_wire_put_str(struct kan_buf *out, struct kan_bytes v);
void kan_wire_put_mpint(struct kan_buf *out, struct kan_bytes v); /* no leading zero in v */

/* "-----BEGIN <what>-----", base64 in lines of 70, "-----END <what>-----", LF at the end. */
void kan_wire_armour(struct kan_buf *out, const char *what, struct kan_bytes body);
/* The bytes inside; the last LF may be missing. Anything before, after or between: format. */
int kan_wire_dearmour(struct kan_buf *out, const char *what, struct kan_bytes text,
		      struct kan_err *err);

#endif
