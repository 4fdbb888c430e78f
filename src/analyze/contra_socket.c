/* Sockets against descriptors: what is in a table and held by nobody, and what is held and in no
 * table. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "analyze/contradictions.h"

#define SOCKETS "data/network/sockets.ndjson"
#define FDS "data/processes/fds.ndjson"

enum { WHAT_OCTETS = 256 };

/* Gaps that are about something else. */
static const char *const beside_sockets[] = {
	"hosts",    "hostname",  "resolv.conf", "engine-",    "/proc/net",   "proc-net.tar",
	"links",    "addresses", "routes",      "rules",      "neighbours",  "filter",
	"nat",      "mangle",    "security",    "nft",        "text of nft", "conntrack",
	"iptables", "ip6tables", "ip_tables",   "ip6_tables", "host-side",   "host side",
	"tc$",      "tc.",       "tc of",       "tcp_info",   "protocols",   NULL};
static const char *const beside_fds[] = {
	"threads", "proc.tar",       "held files", "mappings",      "memory", "kmsg",
	"keys",    "message queues", "semaphores", "shared memory", "IPC",    "maps",
	"status",  "start times",    "groups of",  "content",       "cgroup", NULL};
static const struct kan_contra_side sockets = {"network", SOCKETS, beside_sockets, NULL},
				    fds = {"processes", FDS, beside_fds, "/fd"};

static bool frozen(const json_t *row)
{
	return json_is_true(json_object_get(row, "frozen"));
}

static bool is(const json_t *row, const char *key, const char *value)
{
	return strcmp(kan_json_str(row, key), value) == 0;
}

/* The engine's own networks have no resolver. */
static bool is_plain(const char *network)
{
	static const char *const plain[] = {"", "bridge", "default", "none"};
	for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
		if (strcmp(network, plain[i]) == 0)
			return true;
	return false;
}

/* Of networks that users made one is enough: a container can be connected to more at any time. */
static bool has_resolver(const json_t *inspect, const char *mode)
{
	const json_t *settings = json_object_get(inspect, "NetworkSettings");
	const char *name = NULL;
	json_t *ignored = NULL;
	bool has = !is_plain(mode);
	json_object_foreach (json_object_get(settings, "Networks"), name, ignored)
		has |= !is_plain(name);
	return has;
}

/* Docker's resolver listens there for containers of networks that users made. */
static bool is_resolver(const json_t *row, bool resolver)
{
	return resolver && is(row, "laddr", "127.0.0.11");
}

/*
 * inode 0: no process can hold it, as in TIME_WAIT or before accept. Netlink: the kernel has its
 * own, and the engine keeps handles in each network namespace that it made.
 */
static bool is_normal(const json_t *row, bool resolver)
{
	return kan_get_dec(row, "ino") == 0 || is(row, "state", "TIME_WAIT") ||
	       is(row, "family", "netlink") || is_resolver(row, resolver);
}

static void describe(char out[WHAT_OCTETS], const json_t *row)
{
	if (*kan_json_str(row, "laddr"))
		(void)snprintf(out, WHAT_OCTETS, "%.8s %.12s %.46s %" PRId64 " - %.46s %" PRId64,
			       kan_json_str(row, "proto"), kan_json_str(row, "state"),
			       kan_json_str(row, "laddr"), kan_get_int(row, "lport", 0),
			       kan_json_str(row, "raddr"), kan_get_int(row, "rport", 0));
	else
		(void)snprintf(out, WHAT_OCTETS, "%.8s socket %" PRIu64,
			       kan_json_str(row, "family"), kan_get_dec(row, "ino"));
}

struct unheld {
	struct kan_contra *c;
	bool resolver;
};

static int take_unheld(const json_t *row, uint64_t line, void *arg, struct kan_err *err)
{
	struct unheld *u = arg;
	char what[WHAT_OCTETS];
	(void)err;
	if (json_array_size(json_object_get(row, "owners")) || is(row, "source", "fd"))
		return 0;
	if (is_normal(row, u->resolver)) {
		u->c->normal++;
	} else if (!frozen(row)) {
		u->c->live++;
	} else {
		describe(what, row);
		const struct kan_contra_case one = {SOCKETS, line, kan_bytes_of(what),
						    "in the kernel's table of sockets",
						    "no descriptor of the container holds it"};
		kan_contra_add(u->c, &one);
	}
	return 0;
}

/* In a network namespace that others use, their sockets are held by them. */
static bool shared(struct kan_contra *c, const char *mode)
{
	static const char file[] = "data/engine/containers.json";
	const char *id = kan_json_str(c->facts->inspect, "Id");
	json_t *all = NULL, *one = NULL;
	size_t i = 0;
	struct kan_err ignored = {0};
	if (strcmp(mode, "host") == 0 || strncmp(mode, "container:", 10) == 0 ||
	    strncmp(mode, "ns:", 3) == 0)
		kan_contra_missing(c, "engine", "NetworkMode", "shared",
				   "the network namespace is not the container's alone");
	else if (kan_source_json(&all, c->facts->source, file, KAN_FACTS_DOCUMENT, &ignored) < 0)
		kan_contra_missing(c, "engine", file, "absent",
				   "nobody tells who else is in its network namespace");
	json_array_foreach (all, i, one) {
		const char *other = kan_json_str(json_object_get(one, "HostConfig"), "NetworkMode");
		if (*id && strncmp(other, "container:", 10) == 0 && strcmp(other + 10, id) == 0)
			kan_contra_missing(c, "engine", file, "shared",
					   "another container uses its network namespace");
	}
	json_decref(all);
	return c->missing != NULL;
}

void kan_contra_unheld(struct kan_contra *c)
{
	if (!kan_contra_whole(c, &sockets) || !kan_contra_whole(c, &fds))
		return;
	if (!c->facts->inspect) {
		kan_contra_missing(c, "engine", "data/engine/inspect.json", "absent",
				   "nobody tells whose network namespace it is");
		return;
	}
	const char *mode =
		kan_json_str(json_object_get(c->facts->inspect, "HostConfig"), "NetworkMode");
	struct unheld u = {.c = c, .resolver = has_resolver(c->facts->inspect, mode)};
	if (!shared(c, mode))
		(void)kan_contra_rows(c, SOCKETS, take_unheld, &u);
}

struct tables {
	struct kan_contra *c;
	struct kan_ids listed; /* in a table */
	struct kan_ids held;   /* a descriptor only, and that is normal */
};

/*
 * TCP and UDP are in no table before they are bound, and some kinds have none. These are in theirs
 * from the first moment.
 */
static bool always_listed(const json_t *row)
{
	return is(row, "family", "unix") || is(row, "family", "netlink") ||
	       is(row, "family", "packet") || is(row, "proto", "raw");
}

static int take_listed(const json_t *row, uint64_t line, void *arg, struct kan_err *err)
{
	struct tables *t = arg;
	uint64_t ino = kan_get_dec(row, "ino");
	(void)line;
	(void)err;
	t->c->live += !frozen(row);
	if (!is(row, "source", "fd"))
		kan_ids_add(&t->listed, ino);
	else if (!always_listed(row))
		kan_ids_add(&t->held, ino);
	return 0;
}

static int take_fd(const json_t *row, uint64_t line, void *arg, struct kan_err *err)
{
	struct tables *t = arg;
	uint64_t ino = kan_get_dec(row, "ino");
	char what[WHAT_OCTETS];
	(void)err;
	if (!is(row, "kind", "socket") || !ino || kan_ids_has(&t->listed, ino))
		return 0;
	if (kan_ids_has(&t->held, ino)) {
		t->c->normal++;
	} else if (!frozen(row)) {
		t->c->live++;
	} else {
		(void)snprintf(what, sizeof what, "socket %" PRIu64, ino);
		char one[WHAT_OCTETS];
		(void)snprintf(one, sizeof one, "descriptor %" PRId64 " of process %" PRId64,
			       kan_get_int(row, "fd", 0), kan_get_int(row, "pid", 0));
		const struct kan_contra_case found = {FDS, line, kan_bytes_of(what), one,
						      "in no table of a network namespace that the "
						      "container's processes are in"};
		kan_contra_add(t->c, &found);
	}
	return 0;
}

void kan_contra_unlisted(struct kan_contra *c)
{
	struct tables t = {.c = c};
	if (!kan_contra_whole(c, &fds) || !kan_contra_whole(c, &sockets) ||
	    !kan_contra_rows(c, SOCKETS, take_listed, &t))
		return;
	kan_ids_sort(&t.listed);
	kan_ids_sort(&t.held);
	if (c->live)
		kan_contra_missing(c, "network", SOCKETS, "live",
				   "it was read while the container ran");
	else if (t.listed.over || t.held.over)
		kan_contra_missing(c, "network", SOCKETS, "limit", "too many sockets");
	else
		(void)kan_contra_rows(c, FDS, take_fd, &t);
	free(t.listed.v);
	free(t.held.v);
}
