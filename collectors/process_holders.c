/* Which process holds which socket, for the collector network. */
#include <sys/stat.h>

#include "collectors/process_parts.h"
#include "evidence/holders.h"

/* The collector network would have to look at every descriptor again, while the container waits. */
void kan_procs_tell_holders(const struct kan_procs *c)
{
	struct kan_owners o = {0};
	bool whole = true;
	for (size_t i = 0; i < c->all.n; i++) {
		const struct kan_process *p = &c->all.v[i];
		whole &= !p->has_fds || p->frozen_fds;
		for (size_t k = 0; k < p->fds.n; k++)
			if (S_ISSOCK(p->fds.v[k].mode))
				kan_owners_add(&o, p->fds.v[k].ino, p->who.pid, p->fds.v[k].fd);
	}
	o.seen += c->all.fds_seen - c->all.fds_kept;
	kan_holders_tell(c->sink, &o, whole);
	kan_owners_free(&o);
}
