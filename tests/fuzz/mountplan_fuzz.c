/* Two mount tables, the engine's and the container's, with a zero between them: parsed, mapped,
 * judged. */
#include <stdlib.h>
#include <string.h>

#include "image/hostmap.h"
#include "image/mountplan.h"

static void check(const struct kan_plan *p)
{
	for (size_t i = 0; i < p->n; i++) {
		const struct kan_planned *m = &p->v[i];
		bool hangs = m->class == KAN_MOUNT_NETWORK;
		if ((hangs && m->rule.act != KAN_MOUNT_LIST) || m->first->rule.act != m->rule.act ||
		    !kan_bytes_eq(m->first->m.root, m->m.root) || m->first->order > m->order)
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *zero = size ? memchr(data, 0, size) : NULL;
	size_t n = zero ? (size_t)(zero - data) : size;
	struct kan_bytes engine = {data, n}, own = {data, n};
	struct kan_hostmap *host = NULL;
	struct kan_plan plan = {.asked = KAN_MOUNTS_AUTO};
	struct kan_space space = {.ino = 1, .root_fd = -1};
	if (zero)
		own = (struct kan_bytes){zero + 1, size - n - 1};
	(void)kan_hostmap_new(&host, engine, "/var/lib/docker", NULL);
	(void)kan_plan_add(&plan, space, own, host, NULL);
	space.ino = 2;
	(void)kan_plan_add(&plan, space, engine, host, NULL);
	kan_plan_finish(&plan);
	check(&plan);
	kan_plan_free(&plan);
	kan_hostmap_free(host);
	return 0;
}
