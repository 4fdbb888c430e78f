/* sysvipc, keys and kmsg: views stay inside, counts within their arrays. */
#include <stdlib.h>

#include "kernel/keys.h"
#include "kernel/kmsg.h"
#include "kernel/sysvipc.h"

static void inside(struct kan_bytes v, const struct kan_bytes *all)
{
	if (v.n && (v.p < all->p || v.p + v.n > all->p + all->n))
		abort();
}

static int object(const struct kan_sysv *o, void *arg, struct kan_err *err)
{
	(void)arg;
	(void)err;
	if (o->n > KAN_SYSV_FIELDS || o->n < kan_sysv_tables[o->kind].least)
		abort();
	return 0;
}

static int key(const struct kan_key *k, void *arg, struct kan_err *err)
{
	(void)err;
	inside(k->flags, arg);
	inside(k->timeout, arg);
	inside(k->type, arg);
	inside(k->desc, arg);
	if (!k->type.n)
		abort();
	return 0;
}

static bool pid(pid_t p, void *arg)
{
	(void)arg;
	if (p < 1)
		abort();
	return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct kan_bytes text = {data, size};
	struct kan_kmsg m;
	struct kan_err err = {0};
	for (enum kan_sysv_kind k = 0; k < KAN_SYSV_KINDS; k++)
		if (kan_sysv_each(text, k, object, NULL, &err) < 0 && err.code != KAN_EFORMAT)
			abort();
	if (kan_keys_each(text, key, &text, &err) < 0 && err.code != KAN_EFORMAT)
		abort();
	if (kan_kmsg_parse(&m, text, &err) == 0)
		inside(m.text, &text);
	(void)kan_kmsg_pids(text, pid, NULL);
	return 0;
}
