/* How much is there? By stat only, given up where it is no longer small. */
#ifndef KAN_IMAGE_MEASURE_H
#define KAN_IMAGE_MEASURE_H

#include <kanshiki/bytes.h>

/* What is still small; entries 0: nothing is measured. */
struct kan_small {
	uint64_t entries, octets, file; /* file: of a mount that is a single file */
};
struct kan_measured {
	uint64_t entries, octets;
	bool small; /* within the limits, met in time */
};
/* Of a directory. It may block: for a thread that can be left behind. */
void kan_measure(struct kan_measured *out, int dir_fd, const struct kan_small *limit);
/* With a thread of its own. What blocks is not small. */
void kan_measure_bounded(struct kan_measured *out, int dir_fd, const struct kan_small *limit);

#endif
