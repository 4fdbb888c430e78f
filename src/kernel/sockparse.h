/* Inside the socket decoders: what the kinds share. */
#ifndef KAN_KERNEL_SOCKPARSE_H
#define KAN_KERNEL_SOCKPARSE_H

#include "kernel/sockdiag.h"

/* The fixed part in front of the attributes; false: the message is shorter. */
bool kan_sock_head(void *out, size_t n, struct kan_bytes payload, struct kan_err *err);
void kan_sock_cookie(struct kan_sock *s, const uint32_t cookie[2]);
/* A raw socket has its protocol where others have their port. */
void kan_sock_ports(struct kan_sock *s, const struct kan_sock_kind *k, unsigned local,
		    unsigned remote);

int kan_sock_unix(struct kan_sock *s, struct kan_bytes payload, struct kan_err *err);
int kan_sock_packet(struct kan_sock *s, struct kan_bytes payload, struct kan_err *err);
int kan_sock_netlink(struct kan_sock *s, struct kan_bytes payload, struct kan_err *err);
int kan_sock_vsock(struct kan_sock *s, struct kan_bytes payload, struct kan_err *err);

#endif
