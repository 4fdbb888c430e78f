/* git's pkt-lines (gitprotocol-common(5), gitprotocol-pack(5)): what a smart HTTP remote says. */
#ifndef KAN_CUSTODY_PKTLINE_H
#define KAN_CUSTODY_PKTLINE_H

#include "custody/git.h"

enum { KAN_PKT_MAX = 65516 }; /* octets of data in one */

/* The next packet: 1 data, 0 a flush, -1 format (also: nothing is left). */
int kan_pkt_next(struct kan_bytes *data, struct kan_bytes *rest, struct kan_err *err);
void kan_pkt_add(struct kan_buf *out, struct kan_bytes data); /* at most KAN_PKT_MAX */
/*
 * The advertisement of refs that a service ("git-upload-pack", "git-receive-pack") answers with.
 * id: of that ref, "" when it is not there. Else format, refused: its ids are not SHA-1.
 */
int kan_pkt_advert(char id[KAN_GIT_ID], struct kan_bytes text, const char *service, const char *ref,
		   struct kan_err *err);
/* receive-pack's report: 0 it was unpacked and that ref moved; refused: what the remote said. */
int kan_pkt_report(struct kan_bytes text, const char *ref, struct kan_err *err);

#endif
