/* A key that an ssh-agent holds. It is asked by a connection of its own each time. */
#ifndef KAN_CUSTODY_AGENT_H
#define KAN_CUSTODY_AGENT_H

#include <kanshiki/bytes.h>
#include <kanshiki/err.h>

enum { KAN_AGENT_WAIT_S = 30 };

struct kan_agent;

/*
 * which: NULL for the first key that can sign, "SHA256:..." or the path of a public key. The key
 * has signed a trial when this returns, within wait_s, as each later signature is. socket NULL:
 * there is no agent. The error's text names what was tried; its code is never io: nothing of ours
 * is broken.
 */
int kan_agent_open(struct kan_agent **out, const char *socket, const char *which, int wait_s,
		   struct kan_err *err);
void kan_agent_free(struct kan_agent *a);
struct kan_bytes kan_agent_blob(const struct kan_agent *a);
const char *kan_agent_comment(const struct kan_agent *a);
/* Is its socket sshd's: an agent of another machine, forwarded to here? */
bool kan_agent_forwarded(const struct kan_agent *a);
/* The signature blob over data, verified: what an agent answers is not believed. */
int kan_agent_sign(struct kan_buf *blob, const struct kan_agent *a, struct kan_bytes data,
		   struct kan_err *err);

#endif
