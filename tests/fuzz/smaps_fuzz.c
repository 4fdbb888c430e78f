/* smaps: in two pieces, cut anywhere, it is refused or gives what it gives in one. */
#include "kernel/smaps.h"

#include <stdlib.h>

static int on_map(const struct kan_smap *m, void *arg, struct kan_err *err)
{
	uint64_t *sum = arg;
	(void)err;
	*sum = *sum * 31 + m->map.start + m->map.path.n + m->device + 2 * m->flags_known;
	return 0;
}

static int parse(uint64_t *sum, struct kan_bytes a, struct kan_bytes b)
{
	struct kan_smaps s = KAN_SMAPS(on_map, sum);
	struct kan_err err = {0};
	int rc = kan_smaps_add(&s, a, &err);
	if (rc == 0)
		rc = kan_smaps_add(&s, b, &err);
	if (rc == 0)
		rc = kan_smaps_end(&s, &err);
	kan_smaps_free(&s);
	if (rc < 0 && err.code != KAN_EFORMAT)
		abort();
	return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint64_t one = 0, two = 0;
	if (size == 0)
		return 0;
	size_t cut = data[0] < size ? data[0] : size;
	int whole = parse(&one, (struct kan_bytes){data, size}, (struct kan_bytes){0});
	int parts = parse(&two, (struct kan_bytes){data, cut},
			  (struct kan_bytes){data + cut, size - cut});
	if (whole != parts || (whole == 0 && one != two))
		abort();
	return 0;
}
