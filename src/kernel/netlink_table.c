/* Which protocols of netlink the kernel has loaded, out of /proc/net/netlink. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/netlink.h"

enum { LINE_OCTETS = 160 };

/* "sk Eth Pid ...": the protocol is the second word, and the kernel's own end has pid 0. */
static bool names(struct kan_bytes line, unsigned protocol)
{
	char text[LINE_OCTETS], *rest = NULL, *end = NULL;
	(void)snprintf(text, sizeof(text), "%.*s",
		       (int)(line.n < LINE_OCTETS ? line.n : LINE_OCTETS), (const char *)line.p);
	const char *second = text + strcspn(text, " ");
	unsigned long number = strtoul(second, &rest, 10), pid = strtoul(rest, &end, 10);
	return rest > second && end > rest && number == protocol && pid == 0;
}

bool kan_netlink_loaded(struct kan_bytes table, unsigned protocol)
{
	while (table.n) {
		const uint8_t *end = memchr(table.p, '\n', table.n);
		struct kan_bytes line = {table.p, end ? (size_t)(end - table.p) : table.n};
		if (names(line, protocol))
			return true;
		size_t taken = line.n + (end ? 1 : 0);
		table = (struct kan_bytes){table.p + taken, table.n - taken};
	}
	return false;
}
