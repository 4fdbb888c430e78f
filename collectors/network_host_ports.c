/* Published ports of this container, by the engine's word, and the processes that carry them. */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "base/row.h"
#include "collectors/network_host.h"
#include "kernel/procfs.h"

enum { WORDS_MAX = 64 << 10, ADDRESS_OCTETS = 48, PORT_MAX = 65535 };

static int port(struct kan_host *h, const char *inside, const json_t *to, struct kan_err *err)
{
	const char *host = json_string_value(json_object_get(to, "HostPort"));
	const char *ip = json_string_value(json_object_get(to, "HostIp"));
	char *end = NULL;
	long number = strtol(inside, &end, 10), outside = host ? strtol(host, NULL, 10) : 0;
	if (number < 0 || number > PORT_MAX || outside < 0 || outside > PORT_MAX)
		return 0;
	struct kan_row *r = kan_host_begin(h, "port");
	if (!r)
		return 0;
	kan_row_int(r, "port", number);
	if (end && *end == '/')
		kan_row_bytes(r, "proto", kan_bytes_of(end + 1));
	if (ip)
		kan_row_bytes(r, "host_ip", kan_bytes_of(ip));
	kan_row_int(r, "host_port", outside);
	kan_row_str(r, "source", "inspect");
	return kan_host_end(h, r, err);
}

int kan_host_ports(struct kan_host *h, struct kan_err *err)
{
	const char *inside = NULL;
	json_t *list = NULL, *to = NULL;
	json_t *ports =
		json_object_get(json_object_get(h->n->t->inspect, "NetworkSettings"), "Ports");
	size_t i = 0;
	json_object_foreach (ports, inside, list)
		json_array_foreach (list, i, to)
			if (port(h, inside, to, err) < 0)
				return -1;
	return 0;
}

struct proxies {
	struct kan_host *h;
	struct kan_buf exe, words;
	struct kan_err stopped;
};

/* By the executable's name, which costs nothing and waits for nobody: a process's own words are
 * only read of those, and only in the engine's namespace. */
static bool is_proxy(struct proxies *p, int dir)
{
	static const char *const names[] = {"docker-proxy", "rootlessport", "rootlessport-child"};
	uint64_t ino = 0;
	kan_buf_reset(&p->exe);
	if (kan_proc_link(&p->exe, dir, "exe", NULL) < 0)
		return false;
	const char *last = strrchr(kan_buf_str(&p->exe), '/');
	bool named = false;
	for (size_t i = 0; last && i < sizeof(names) / sizeof(names[0]); i++)
		named |= strcmp(last + 1, names[i]) == 0;
	return named && kan_proc_ns(&ino, dir, "net", NULL) == 0 &&
	       ino == p->h->n->engine_where.ino;
}

/* One argument is an address of the container's, in letters. */
static bool names_address(const struct proxies *p)
{
	for (size_t i = 0; i < p->h->n_v; i++) {
		const struct kan_host_needle *v = &p->h->v[i];
		char text[ADDRESS_OCTETS];
		if (strcmp(v->why, "address") != 0 ||
		    !inet_ntop(v->n == 4 ? AF_INET : AF_INET6, v->v, text, sizeof(text)))
			continue;
		for (const char *at = kan_buf_str(&p->words), *end = at + p->words.len; at < end;
		     at += strlen(at) + 1)
			if (strcmp(at, text) == 0)
				return true;
	}
	return false;
}

static int look(pid_t pid, void *arg)
{
	struct proxies *p = arg;
	struct kan_proc_stat st = {0};
	kan_auto_buf struct kan_buf text = KAN_BUF(WORDS_MAX);
	kan_auto_close int dir = -1;
	if (kan_proc_pid_dir(&dir, p->h->n->t->proc_fd, pid, NULL) < 0 || !is_proxy(p, dir))
		return 0;
	kan_buf_reset(&p->words);
	if (kan_proc_read(&p->words, dir, "cmdline", NULL) < 0 || !names_address(p))
		return 0;
	struct kan_row *r = kan_host_begin(p->h, "proxy");
	if (!r)
		return -1;
	kan_row_int(r, "pid", pid);
	if (kan_proc_stat_read(&st, &text, dir, NULL) == 0) {
		kan_row_uint(r, "starttime", st.starttime);
		kan_row_bytes(r, "comm", st.comm);
	}
	kan_row_bytes(r, "exe", kan_buf_bytes(&p->exe));
	kan_row_argv0(r, "argv", kan_buf_bytes(&p->words));
	return kan_host_end(p->h, r, &p->stopped);
}

int kan_host_proxies(struct kan_host *h, struct kan_err *err)
{
	struct proxies p = {.h = h, .exe = KAN_BUF(WORDS_MAX), .words = KAN_BUF(WORDS_MAX)};
	h->frozen = kan_sink_frozen(h->n->sink);
	(void)kan_proc_each(h->n->t->proc_fd, look, &p, NULL);
	kan_buf_free(&p.exe);
	kan_buf_free(&p.words);
	if (p.stopped.code == KAN_OK)
		return 0;
	*err = p.stopped;
	return -1;
}
