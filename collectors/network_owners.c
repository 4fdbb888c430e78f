/* Who holds the sockets: told by the collector processes, or read here. */
#include <stdio.h>

#include "collectors/network.h"
#include "evidence/holders.h"

void kan_network_owners(struct kan_network *n)
{
	n->owners_frozen = kan_sink_frozen(n->sink);
	for (size_t i = 0; i < n->members.n; i++) {
		struct kan_err why = {0};
		char what[KAN_NETWORK_WHAT];
		(void)snprintf(what, sizeof(what), "descriptors of %d", (int)n->members.v[i].pid);
		if (kan_owners_read(&n->owners, n->members.v[i].dir, n->members.v[i].pid, &why) <
			    0 &&
		    why.code != KAN_ENOTFOUND)
			kan_sink_gap_err(n->sink, kan_bytes_of(what), &why);
	}
	kan_owners_sort(&n->owners);
	n->owners_frozen &= kan_sink_frozen(n->sink);
}

/* As the collector processes has read them; read by us when it does not say. */
void kan_network_told_owners(struct kan_network *n)
{
	if (!kan_holders_promised(n->sink))
		return;
	if (!kan_holders_wait(&n->owners, &n->owners_frozen, n->sink))
		kan_network_owners(n);
	kan_owners_sort(&n->owners);
}
