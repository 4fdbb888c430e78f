/* Answers of sock_diag for sockets that are not of the internet: unix, packet, netlink, vsock. */
#include "kernel/sockparse.h"

#include <linux/netlink_diag.h>
#include <linux/packet_diag.h>
#include <linux/unix_diag.h>
#include <linux/vm_sockets_diag.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "kernel/netlink.h"

bool kan_sock_head(void *out, size_t n, struct kan_bytes payload, struct kan_err *err)
{
	if (payload.n < n) {
		(void)kan_fail(err, KAN_EFORMAT, "sock_diag: %zu bytes, %zu wanted", payload.n, n);
		return false;
	}
	memcpy(out, payload.p, n);
	return true;
}

void kan_sock_cookie(struct kan_sock *s, const uint32_t cookie[2])
{
	s->cookie = (uint64_t)cookie[1] << 32 | cookie[0];
	s->has_cookie = true;
}

void kan_sock_ports(struct kan_sock *s, const struct kan_sock_kind *k, unsigned local,
		    unsigned remote)
{
	if (k->protocol == IPPROTO_RAW) {
		s->protocol = local;
		s->has_protocol = true;
		return;
	}
	s->lport = local;
	s->rport = remote;
	s->has_ports = true;
}

static void unix_files(struct kan_sock *s, const struct kan_attrs *a)
{
	struct unix_diag_vfs vfs;
	struct unix_diag_rqlen queue;
	if (a->v[UNIX_DIAG_VFS].p && a->v[UNIX_DIAG_VFS].n == sizeof(vfs)) {
		memcpy(&vfs, a->v[UNIX_DIAG_VFS].p, sizeof(vfs));
		s->vfs_ino = vfs.udiag_vfs_ino;
		s->vfs_dev = vfs.udiag_vfs_dev;
		s->has_vfs = true;
	}
	if (a->v[UNIX_DIAG_RQLEN].p && a->v[UNIX_DIAG_RQLEN].n == sizeof(queue)) {
		memcpy(&queue, a->v[UNIX_DIAG_RQLEN].p, sizeof(queue));
		s->rqueue = queue.udiag_rqueue;
		s->wqueue = queue.udiag_wqueue;
		s->has_queues = true;
	}
}

int kan_sock_unix(struct kan_sock *s, struct kan_bytes payload, struct kan_err *err)
{
	struct kan_bytes v[UNIX_DIAG_MAX + 1];
	struct kan_attrs a = {v, UNIX_DIAG_MAX};
	struct unix_diag_msg m;
	uint8_t bits = 0;
	if (!kan_sock_head(&m, sizeof(m), payload, err))
		return -1;
	int rc = kan_netlink_attrs(&a, payload, sizeof(m), err);
	s->type = kan_sock_type(m.udiag_type);
	s->state = kan_sock_state(m.udiag_state);
	s->ino = m.udiag_ino;
	kan_sock_cookie(s, m.udiag_cookie);
	s->name = v[UNIX_DIAG_NAME];
	s->icons = v[UNIX_DIAG_ICONS];
	s->has_peer = kan_attr_u32(&s->peer_ino, &a, UNIX_DIAG_PEER);
	s->has_uid = kan_attr_u32(&s->uid, &a, UNIX_DIAG_UID);
	s->has_shutdown = kan_attr_u8(&bits, &a, UNIX_DIAG_SHUTDOWN);
	s->shutdown = bits;
	unix_files(s, &a);
	return rc;
}

int kan_sock_packet(struct kan_sock *s, struct kan_bytes payload, struct kan_err *err)
{
	struct kan_bytes v[PACKET_DIAG_MAX + 1];
	struct kan_attrs a = {v, PACKET_DIAG_MAX};
	struct packet_diag_msg m;
	struct packet_diag_info info;
	if (!kan_sock_head(&m, sizeof(m), payload, err))
		return -1;
	int rc = kan_netlink_attrs(&a, payload, sizeof(m), err);
	s->type = kan_sock_type(m.pdiag_type);
	s->protocol = m.pdiag_num;
	s->has_protocol = true;
	s->ino = m.pdiag_ino;
	kan_sock_cookie(s, m.pdiag_cookie);
	s->filter = v[PACKET_DIAG_FILTER];
	s->has_uid = kan_attr_u32(&s->uid, &a, PACKET_DIAG_UID);
	s->has_fanout = kan_attr_u32(&s->fanout, &a, PACKET_DIAG_FANOUT);
	if (v[PACKET_DIAG_INFO].p && v[PACKET_DIAG_INFO].n == sizeof(info)) {
		memcpy(&info, v[PACKET_DIAG_INFO].p, sizeof(info));
		s->ifindex = info.pdi_index;
		s->has_ifindex = true;
	}
	return rc;
}

int kan_sock_netlink(struct kan_sock *s, struct kan_bytes payload, struct kan_err *err)
{
	struct kan_bytes v[NETLINK_DIAG_MAX + 1];
	struct kan_attrs a = {v, NETLINK_DIAG_MAX};
	struct netlink_diag_msg m;
	if (!kan_sock_head(&m, sizeof(m), payload, err))
		return -1;
	int rc = kan_netlink_attrs(&a, payload, sizeof(m), err);
	s->type = kan_sock_type(m.ndiag_type);
	s->protocol = m.ndiag_protocol;
	s->has_protocol = true;
	s->state = m.ndiag_state ? "CONNECTED" : "UNCONNECTED";
	s->ino = m.ndiag_ino;
	s->portid = m.ndiag_portid;
	s->has_portid = true;
	kan_sock_cookie(s, m.ndiag_cookie);
	s->groups = v[NETLINK_DIAG_GROUPS];
	return rc;
}

int kan_sock_vsock(struct kan_sock *s, struct kan_bytes payload, struct kan_err *err)
{
	struct vsock_diag_msg m;
	if (!kan_sock_head(&m, sizeof(m), payload, err))
		return -1;
	s->type = kan_sock_type(m.vdiag_type);
	s->state = kan_sock_state(m.vdiag_state);
	s->ino = m.vdiag_ino;
	kan_sock_cookie(s, m.vdiag_cookie);
	(void)snprintf(s->laddr, sizeof(s->laddr), "%u", m.vdiag_src_cid);
	(void)snprintf(s->raddr, sizeof(s->raddr), "%u", m.vdiag_dst_cid);
	s->lport = m.vdiag_src_port;
	s->rport = m.vdiag_dst_port;
	s->has_ports = true;
	s->shutdown = m.vdiag_shutdown;
	s->has_shutdown = true;
	return 0;
}
