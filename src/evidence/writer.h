/* A thread that digests and writes a full buffer while its owner fills another. */
#ifndef KAN_EVIDENCE_WRITER_H
#define KAN_EVIDENCE_WRITER_H

#include "base/digest.h"

struct kan_writer;
/* Descriptor and digest are its own until the end. NULL: no thread is to be had. */
struct kan_writer *kan_writer_new(int fd, struct kan_digest *digest, size_t size);
/*
 * A full buffer of size octets against an empty one, when what was given before is written. -1: it
 * could not be, nothing more is written, and the buffer is the one that was given.
 */
int kan_writer_give(uint8_t **buffer, struct kan_writer *w, struct kan_err *err);
/* Waits for what was given; frees. -1: as give. */
int kan_writer_end(struct kan_writer *w, struct kan_err *err);

#endif
