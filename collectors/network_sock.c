/* Fields of a row of sockets.ndjson: what the kernel told of one socket. */
#include <string.h>
#include <sys/sysmacros.h>

#include "base/row.h"
#include "collectors/network.h"

enum { VFS_MINOR_BITS = 20 };

static void word(struct kan_row *r, const char *key, const char *value)
{
	if (value)
		kan_row_str(r, key, value);
}

static void hex(struct kan_row *r, const char *key, struct kan_bytes v)
{
	kan_auto_buf struct kan_buf text = KAN_BUF(2 * KAN_ROW_PATH_MAX);
	for (size_t i = 0; i < v.n && !text.failed; i++)
		kan_buf_addf(&text, "%02x", v.p[i]);
	if (v.p)
		kan_row_str(r, key, kan_buf_str(&text));
}

static void addresses(struct kan_row *r, const struct kan_sock *s)
{
	if (s->laddr[0])
		kan_row_str(r, "laddr", s->laddr);
	if (s->has_ports)
		kan_row_int(r, "lport", s->lport);
	if (s->raddr[0])
		kan_row_str(r, "raddr", s->raddr);
	if (s->has_ports)
		kan_row_int(r, "rport", s->rport);
	if (s->has_ifindex)
		kan_row_int(r, "ifindex", s->ifindex);
}

static void counters(struct kan_row *r, const struct kan_sock *s)
{
	if (s->has_queues) {
		kan_row_int(r, "rqueue", s->rqueue);
		kan_row_int(r, "wqueue", s->wqueue);
	}
	if (s->has_timer) {
		kan_row_int(r, "timer", s->timer);
		kan_row_int(r, "retrans", s->retrans);
	}
	if (s->has_mark)
		kan_row_int(r, "mark", s->mark);
	if (s->has_shutdown)
		kan_row_int(r, "shutdown", s->shutdown);
	if (s->has_cgroup)
		kan_row_dec(r, "cgroup", s->cgroup);
	if (s->has_sent)
		kan_row_uint(r, "bytes_sent", s->bytes_sent);
	if (s->has_received) {
		kan_row_uint(r, "bytes_acked", s->bytes_acked);
		kan_row_uint(r, "bytes_received", s->bytes_received);
	}
}

/* Connections that nobody has accepted yet: inodes of their other ends. */
static void pending(struct kan_row *r, struct kan_bytes icons)
{
	if (!icons.p)
		return;
	kan_row_arr(r, "icons");
	for (; icons.n >= sizeof(uint32_t);
	     icons.p += sizeof(uint32_t), icons.n -= sizeof(uint32_t)) {
		uint32_t ino = 0;
		memcpy(&ino, icons.p, sizeof(ino));
		kan_row_dec(r, NULL, ino);
	}
	kan_row_arr_end(r);
}

static void others(struct kan_row *r, const struct kan_sock *s)
{
	if (s->name.p)
		kan_row_bytes(r, "name", s->name);
	if (s->has_peer)
		kan_row_dec(r, "peer_ino", s->peer_ino);
	if (s->has_vfs) {
		kan_row_dec(r, "vfs_ino", s->vfs_ino);
		kan_row_dev(r, "vfs_dev",
			    makedev(s->vfs_dev >> VFS_MINOR_BITS,
				    s->vfs_dev & ((1U << VFS_MINOR_BITS) - 1)));
	}
	pending(r, s->icons);
	if (s->has_protocol)
		kan_row_int(r, "protocol", s->protocol);
	if (s->has_portid)
		kan_row_int(r, "portid", s->portid);
	hex(r, "groups", s->groups);
	if (s->has_fanout)
		kan_row_int(r, "fanout", s->fanout);
	hex(r, "filter", s->filter);
}

void kan_network_sock(struct kan_row *r, const struct kan_sock *s)
{
	if (s->has_uid)
		kan_row_int(r, "uid", s->uid);
	if (s->has_cookie)
		kan_row_mask(r, "cookie", s->cookie);
	word(r, "family", s->family);
	word(r, "type", s->type);
	word(r, "proto", s->proto);
	word(r, "state", s->state);
	addresses(r, s);
	counters(r, s);
	others(r, s);
}
