/* maps: each mapping comes from a whole line, its path is of that line. */
#include "kernel/maps.h"

#include <stdlib.h>
#include <string.h>

static int on_map(const struct kan_map *m, void *arg, struct kan_err *err)
{
	const struct kan_bytes *text = arg;
	(void)err;
	if (m->path.p < text->p || m->path.p + m->path.n > text->p + text->n ||
	    m->path.p[m->path.n] != '\n')
		abort();
	if (strlen(m->perms) != 4)
		abort();
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct kan_bytes text = {data, size};
	struct kan_err err = {0};
	if (kan_maps_each(text, on_map, &text, &err) < 0 && err.code != KAN_EFORMAT)
		abort();
	return 0;
}
