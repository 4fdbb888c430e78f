/* Acknowledgements against the transfers that they are of. */
#ifndef KAN_CUSTODY_VERIFY_ACK_H
#define KAN_CUSTODY_VERIFY_ACK_H

#include "custody/event.h"
#include "custody/verify.h"

struct kan_verify_acks {
	struct kan_verify_transfer {
		char sha256[KAN_SHA256_HEX];
		json_t *event;
	} * list;
	size_t n;
};
void kan_verify_acks_free(struct kan_verify_acks *a);
/* A transfer is remembered by the digest of its file. An ack must be signed over the lines of one
 * that came before it; NULL: it is, or this is neither. */
const char *kan_verify_ack(struct kan_verify_acks *a, const struct kan_event *e,
			   const char *sha256);

#endif
