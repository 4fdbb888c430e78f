/* Where only the engine can be asked: the image as its stream has it. */
#ifndef KAN_IMAGE_IMAGED_H
#define KAN_IMAGE_IMAGED_H

#include <kanshiki/err.h>
#include <stdint.h>

struct kan_target;
struct kan_sink;

#define KAN_IMAGED_STREAM (UINT64_C(64) << 30) /* octets of the stream */
#define KAN_IMAGED_SPARE (UINT64_C(256) << 20) /* of the bundle's place that are left alone */

struct kan_imaged_room {
	int fd;             /* an empty file that nobody else has; -1: there is none */
	struct kan_err why; /* and why not */
	int64_t until_ns; /* of kan_boot_ns, when nothing more is read, which is a gap; 0: no end */
};
/*
 * Asks for the image once and puts the answer there; what is in it is read in a process of its own.
 * The image must be the one of the target's id, and each layer what the config says, before a row
 * is made of it: config.json, layers.ndjson, baseline.ndjson, integrity.ndjson. What a stream has
 * not is told once. items: rows of the baseline. -1: evidence cannot be written.
 */
int kan_imaged_take(uint64_t *items, const struct kan_imaged_room *to, const struct kan_target *t,
		    struct kan_sink *s, struct kan_err *err);

#endif
