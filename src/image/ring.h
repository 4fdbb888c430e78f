/* A ring of bytes between one reader and one writer: records in order, each contiguous. */
#ifndef KAN_IMAGE_RING_H
#define KAN_IMAGE_RING_H

#include <kanshiki/bytes.h>

struct kan_ring;
struct kan_ring *kan_ring_new(size_t size);
void kan_ring_free(struct kan_ring *r);

/* Producer. Room for n bytes (n at most half the ring); waits for it. NULL: the consumer has closed
 * the ring. */
void *kan_ring_reserve(struct kan_ring *r, size_t n);
void kan_ring_commit(struct kan_ring *r, size_t used); /* of the room reserved last */
void kan_ring_end(struct kan_ring *r);                 /* nothing more comes */

/* Consumer. 1: *p is the oldest record, until it is released; 0: the end; -1: nothing came for that
 * long. */
int kan_ring_next(void **p, struct kan_ring *r, unsigned wait_ms);
void kan_ring_release(struct kan_ring *r);
void kan_ring_close(struct kan_ring *r);
/* Wait until the producer has ended, or waits for room itself. false: neither, after that long. */
bool kan_ring_settled(struct kan_ring *r, unsigned wait_ms);

#endif
