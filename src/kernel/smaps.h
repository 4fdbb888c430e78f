/* /proc/PID/smaps, proc(5): mappings with their flags, in pieces as they are read. */
#ifndef KAN_KERNEL_SMAPS_H
#define KAN_KERNEL_SMAPS_H

#include "kernel/maps.h"

enum { KAN_SMAPS_LINE = 8192 };

/* One mapping. */
struct kan_smap {
	struct kan_map map;
	bool flags_known; /* false: the kernel told no VmFlags */
	bool device;      /* VM_IO or VM_PFNMAP: memory of a device, and no page */
	bool cut;         /* the path is longer than a line may be: only its begin is there */
};
/* Return -1 to stop (err set). */
typedef int kan_smap_fn(const struct kan_smap *m, void *arg, struct kan_err *err);

/* A text on its way in. Open data; zero it, then give header, line and fn. */
struct kan_smaps {
	struct kan_buf header, line; /* the path is borrowed from the header */
	struct kan_smap now;
	bool open; /* a mapping whose facts are not all there yet */
	bool cut;  /* the line in hand has lost its end */
	kan_smap_fn *fn;
	void *arg;
};
#define KAN_SMAPS(callback, argument) \
	((struct kan_smaps){.header = KAN_BUF(KAN_SMAPS_LINE), \
			    .line = KAN_BUF(KAN_SMAPS_LINE), \
			    .fn = (callback), \
			    .arg = (argument)})
void kan_smaps_free(struct kan_smaps *s);
/*
 * Pieces may end anywhere. A line that is too long loses its end: the target chooses its paths, and
 * must not hide its memory behind one. format when a line is none of the kernel's.
 */
int kan_smaps_add(struct kan_smaps *s, struct kan_bytes piece, struct kan_err *err);
/* The end: hands over the last mapping. A last line without its end is left out. */
int kan_smaps_end(struct kan_smaps *s, struct kan_err *err);

#endif
