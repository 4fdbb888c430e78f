/* Messages of an ssh-agent (draft-miller-ssh-agent), without their length in front. */
#ifndef KAN_CUSTODY_AGENTMSG_H
#define KAN_CUSTODY_AGENTMSG_H

#include <kanshiki/bytes.h>
#include <kanshiki/err.h>

enum { KAN_AGENT_REPLY_MAX = 256 << 10, KAN_AGENT_KEYS = 1024 };

/* Borrowed from the reply. */
struct kan_agent_identity {
	struct kan_bytes blob, comment;
};
struct kan_agent_identities {
	struct kan_agent_identity *list;
	size_t n;
};
void kan_agent_identities_free(struct kan_agent_identities *l);
#define kan_auto_identities __attribute__((cleanup(kan_agent_identities_free)))

void kan_agent_put_list(struct kan_buf *out); /* request 11 */
/* Request 13: key signs data, RSA with SHA-512. */
void kan_agent_put_sign(struct kan_buf *out, struct kan_bytes key, struct kan_bytes data);

/* Reply 12. denied: the agent says no; format, limit: it does not speak the protocol. */
int kan_agent_read_list(struct kan_agent_identities *out, struct kan_bytes reply,
			struct kan_err *err);
/* Reply 14: the signature blob, borrowed. Whether it is one is not asked. */
int kan_agent_read_signature(struct kan_bytes *out, struct kan_bytes reply, struct kan_err *err);

#endif
