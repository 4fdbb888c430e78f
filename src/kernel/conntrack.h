/* Connections that the kernel tracks, as ctnetlink tells them. Pure functions over bytes. */
#ifndef KAN_KERNEL_CONNTRACK_H
#define KAN_KERNEL_CONNTRACK_H

#include <kanshiki/bytes.h>
#include <kanshiki/err.h>

struct kan_row;

enum { KAN_CT_ASK_OCTETS = 4 };

/* The dump of all: its type, and its request. */
uint16_t kan_ct_ask(uint8_t out[KAN_CT_ASK_OCTETS]);
/* Is this message of a dump one of them? */
bool kan_ct_is(uint16_t type);
/* Its fields, and all attributes as "raw". format: cut; the fields before stand. */
int kan_ct_row(struct kan_row *r, struct kan_bytes payload, struct kan_err *err);
/* Is one of these addresses in one of its tuples? of: 4 or 16 octets each. */
bool kan_ct_has(struct kan_bytes payload, const struct kan_bytes *of, size_t n);

#endif
