/* Inside redaction. */
#ifndef KAN_ANALYZE_REDACT_PART_H
#define KAN_ANALYZE_REDACT_PART_H

#include "analyze/redact.h"

enum { KAN_REDACT_USER, KAN_REDACT_HOST, KAN_REDACT_ADDRESS, KAN_REDACT_KINDS };

struct kan_redactor {
	json_t *users, *hosts, *addresses; /* value: its number */
	json_t *hidden;             /* addresses that are not public, whatever they look like */
	size_t n[KAN_REDACT_KINDS]; /* numbers that were given */
	uint64_t left_out;
};

void kan_redact_user(struct kan_redactor *r, struct kan_buf *out, const char *name);
void kan_redact_host(struct kan_redactor *r, struct kan_buf *out, const char *name);
void kan_redact_hide(struct kan_redactor *r, const char *address);

#endif
