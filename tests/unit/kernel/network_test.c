/* The collector network against a real process, with a sink. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <kanshiki/collector.h>
#include <kanshiki/sink.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "evidence/channel.h"
#include "suspect.h"
#include "world.h"

extern const struct kan_collector kan_collector_network;

static struct world *start(struct suspect *s, enum suspect_way way)
{
	struct world *w = world_new(1);
	char root[96];
	cr_assert(suspect_start(s, way));
	world_sh(w, "mkdir -p root/etc; printf '127.0.0.1 me\\n' >root/etc/hosts; ln -s "
		    "/etc/shadow root/etc/resolv.conf;"
		    "mkfifo root/etc/hostname");
	(void)snprintf(root, sizeof(root), "%.60s/root", w->top);
	w->target.proc_fd = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	w->target.pid = s->pid;
	w->target.pid_dir = dup(s->dir);
	w->target.root_fd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	(void)snprintf(w->target.id, sizeof(w->target.id), "%064d", 0);
	w->frozen = true;
	return w;
}

static const json_t *row_of(const json_t *rows, const char *key, const char *value)
{
	size_t i = 0;
	const json_t *row = NULL, *found = NULL;
	json_array_foreach (rows, i, row) {
		if (strcmp(world_str(row, key), value) != 0)
			continue;
		cr_assert_null(found, "%s %s twice", key, value);
		found = row;
	}
	return found;
}

static const json_t *socket_row(const json_t *rows, const struct suspect *s,
				enum suspect_socket which)
{
	char ino[32], owners[64];
	(void)snprintf(ino, sizeof(ino), "%llu", (unsigned long long)s->truth.ino[which]);
	const json_t *row = row_of(rows, "ino", ino);
	cr_assert_not_null(row, "socket %d", (int)which);
	(void)snprintf(owners, sizeof(owners), "[[%d,%d]]", (int)s->pid, s->truth.fd[which]);
	char *got = json_dumps(json_object_get(row, "owners"), JSON_COMPACT);
	cr_assert_str_eq(got, owners);
	free(got);
	return row;
}

Test(network, every_socket_of_a_member_is_one_row_with_its_owner)
{
	struct suspect s;
	struct world *w = start(&s, SUSPECT_ALONE);
	cr_assert_eq(world_collect(w, &kan_collector_network), 0);
	json_t *rows = world_rows(w, "sockets.ndjson");
	for (int i = 0; i < SUSPECT_SOCKETS; i++)
		cr_assert(json_is_true(
			json_object_get(socket_row(rows, &s, (enum suspect_socket)i), "frozen")));
	const json_t *client = socket_row(rows, &s, SUSPECT_CLIENT);
	cr_assert_str_eq(world_str(client, "family"), "inet");
	cr_assert_str_eq(world_str(client, "state"), "ESTABLISHED");
	cr_assert_str_eq(world_str(client, "raddr"), "127.0.0.1");
	cr_assert_eq(json_integer_value(json_object_get(client, "rport")), s.truth.port);
	cr_assert_eq(json_integer_value(json_object_get(client, "bytes_sent")), 5);
	cr_assert_str_eq(world_str(socket_row(rows, &s, SUSPECT_ABSTRACT), "name_b64"),
			 "AHJlbGF5CgE=");
	const json_t *unbound = socket_row(rows, &s, SUSPECT_UNBOUND);
	cr_assert_str_eq(world_str(unbound, "source"), "fd");
	cr_assert_str_eq(world_str(unbound, "proto"), "tcp");
	cr_assert_null(json_object_get(unbound, "state"), "nobody told it");
	json_decref(rows);
	suspect_end(&s);
	world_free(w);
}

Test(network, sockets_of_ours_in_the_namespace_are_no_evidence)
{
	struct suspect s;
	struct world *w = start(&s, SUSPECT_ALONE);
	size_t i = 0, users = 0;
	json_t *row = NULL;
	cr_assert_eq(world_collect(w, &kan_collector_network), 0);
	json_t *rows = world_rows(w, "sockets.ndjson");
	json_array_foreach (rows, i, row)
		users += strcmp(world_str(row, "family"), "netlink") == 0 &&
			 json_integer_value(json_object_get(row, "portid")) != 0;
	cr_assert_eq(users, 1, "the suspect's own, and those without a port are the kernel's");
	json_decref(rows);
	suspect_end(&s);
	world_free(w);
}

Test(network, addresses_are_rows_of_the_namespace_and_twins_go_into_a_tar)
{
	struct suspect s;
	struct world *w = start(&s, SUSPECT_ALONE);
	char netns[32];
	(void)snprintf(netns, sizeof(netns), "%llu", (unsigned long long)s.truth.netns);
	cr_assert_eq(world_collect(w, &kan_collector_network), 0);
	json_t *rows = world_rows(w, "addresses.ndjson");
	cr_assert_str_eq(world_str(row_of(rows, "address", "127.0.0.1"), "netns"), netns);
	json_decref(rows);
	rows = world_rows(w, "links.ndjson");
	cr_assert(json_is_true(json_object_get(row_of(rows, "name", "lo"), "up")));
	json_decref(rows);
	world_sh(w,
		 "mkdir x; tar -xf bundle/data/network/proc-net.tar -C x; nsenter -t %d -n cat "
		 "/proc/net/route >route;"
		 "cmp route x/%s/route; grep -q 0100007F:%04X x/%s/tcp",
		 (int)s.pid, netns, s.truth.port, netns);
	suspect_end(&s);
	world_free(w);
}

Test(network, files_are_the_containers_own_and_links_and_fifos_are_not_opened)
{
	struct suspect s;
	struct world *w = start(&s, SUSPECT_ALONE);
	cr_assert_eq(world_collect(w, &kan_collector_network), 0);
	world_sh(w, "cmp root/etc/hosts bundle/data/network/hosts; test ! -e "
		    "bundle/data/network/resolv.conf;"
		    "test ! -e bundle/data/network/hostname");
	cr_assert_not_null(world_gap(w, "hostname", KAN_GAP_CONTRADICTED));
	const struct world_gap *link = world_gap(w, "resolv.conf", 0);
	cr_assert(link && link->type == KAN_MSG_SCOPE);
	suspect_end(&s);
	world_free(w);
}

Test(network, with_the_hosts_network_only_members_sockets_are_taken)
{
	struct suspect s;
	struct world *w = start(&s, SUSPECT_ALONE);
	size_t i = 0;
	json_t *row = NULL;
	w->target.net_host = true;
	cr_assert_eq(world_collect(w, &kan_collector_network), 0);
	json_t *rows = world_rows(w, "sockets.ndjson");
	for (int k = 0; k < SUSPECT_SOCKETS; k++)
		(void)socket_row(rows, &s, (enum suspect_socket)k);
	json_array_foreach (rows, i, row)
		cr_assert_gt(json_array_size(json_object_get(row, "owners")), 0);
	json_decref(rows);
	world_sh(w, "tar -tf bundle/data/network/proc-net.tar >list; grep -q /route list; ! grep "
		    "-q /tcp list; ! grep -q /unix list");
	suspect_end(&s);
	world_free(w);
}

Test(network, a_second_namespace_of_a_thread_has_rows_too)
{
	struct suspect s;
	struct world *w = start(&s, SUSPECT_THREAD);
	char netns[32];
	(void)snprintf(netns, sizeof(netns), "%llu", (unsigned long long)s.truth.thread_netns);
	cr_assert_eq(world_collect(w, &kan_collector_network), 0);
	json_t *rows = world_rows(w, "links.ndjson");
	cr_assert_not_null(row_of(rows, "netns", netns));
	cr_assert_eq(json_array_size(rows), 2);
	json_decref(rows);
	suspect_end(&s);
	world_free(w);
}

Test(network, where_no_connections_are_tracked_that_is_said_and_the_module_is_not_asked_for)
{
	struct suspect s;
	cr_assert_eq(unshare(CLONE_NEWNS), 0);
	cr_assert_eq(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	/* Where the module shows itself; on a kernel without it there is nothing to hide. */
	if (access("/proc/sys/net/netfilter", F_OK) == 0)
		cr_assert_eq(mount("none", "/proc/sys/net/netfilter", "tmpfs", 0, NULL), 0);
	struct world *w = start(&s, SUSPECT_ALONE);
	cr_assert_eq(world_collect(w, &kan_collector_network), 0);
	cr_assert_not_null(world_gap(w, "conntrack", KAN_GAP_NOT_APPLICABLE));
	world_sh(w, "test ! -e bundle/data/network/conntrack.ndjson");
	suspect_end(&s);
	world_free(w);
}

Test(network, without_the_engines_process_the_hosts_side_is_a_gap_and_ports_are_rows)
{
	struct suspect s;
	struct world *w = start(&s, SUSPECT_ALONE);
	w->target.inspect = json_pack("{s:{s:{s:[{s:s,s:s}]}}}", "NetworkSettings", "Ports",
				      "80/tcp", "HostIp", "0.0.0.0", "HostPort", "18080");
	cr_assert_eq(world_collect(w, &kan_collector_network), 0);
	cr_assert_not_null(world_gap(w, "host side", KAN_GAP_DENIED));
	json_t *rows = world_rows(w, "host-side.ndjson");
	const json_t *port = row_of(rows, "kind", "port");
	cr_assert_eq(json_array_size(rows), 1);
	cr_assert_str_eq(world_str(port, "host_ip"), "0.0.0.0");
	cr_assert_eq(json_integer_value(json_object_get(port, "host_port")), 18080);
	cr_assert_eq(json_integer_value(json_object_get(port, "port")), 80);
	json_decref(rows);
	json_decref(w->target.inspect);
	w->target.inspect = NULL;
	suspect_end(&s);
	world_free(w);
}

Test(network, more_addresses_than_are_looked_for_at_the_host_are_a_limit_that_is_told)
{
	struct suspect s;
	struct world *w = start(&s, SUSPECT_ALONE);
	world_sh(w,
		 "for i in $(seq 1 300); do echo addr add 10.9.$((i / 200)).$((i %% 200))/32 dev "
		 "lo; "
		 "done | nsenter -t %d -n ip -batch -",
		 (int)s.pid);
	w->target.engine_pid = getpid();
	cr_assert_eq(world_collect(w, &kan_collector_network), 0);
	cr_assert_not_null(world_gap(w, "names of the container at the host", KAN_GAP_LIMIT));
	suspect_end(&s);
	world_free(w);
}
