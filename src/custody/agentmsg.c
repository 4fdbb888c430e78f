/* The four messages of an ssh-agent that we use. The agent may be the intruder's: every length is
 * checked. */
#include "custody/agentmsg.h"

#include "custody/key.h"
#include "custody/sshwire.h"

#include <stdlib.h>

enum {
	FAILURE = 5,
	REQUEST_IDENTITIES = 11,
	IDENTITIES_ANSWER = 12,
	SIGN_REQUEST = 13,
	SIGN_RESPONSE = 14,
	RSA_SHA2_512 = 4, /* flag */
};

void kan_agent_identities_free(struct kan_agent_identities *l)
{
	free(l->list);
	*l = (struct kan_agent_identities){0};
}

void kan_agent_put_list(struct kan_buf *out)
{
	kan_buf_addc(out, REQUEST_IDENTITIES);
}

void kan_agent_put_sign(struct kan_buf *out, struct kan_bytes key, struct kan_bytes data)
{
	struct kan_wire w = {.rest = key};

	kan_buf_addc(out, SIGN_REQUEST);
	kan_wire_put_str(out, key);
	kan_wire_put_str(out, data);
	kan_wire_put_u32(out,
			 kan_bytes_eq(kan_wire_str(&w), KAN_LIT("ssh-rsa")) ? RSA_SHA2_512 : 0);
}

/* The message behind its type. */
static int open_reply(struct kan_wire *w, struct kan_bytes reply, uint8_t type, struct kan_err *err)
{
	if (!reply.n)
		return kan_fail(err, KAN_EFORMAT, "the agent's answer is empty");
	if (reply.p[0] == FAILURE)
		return kan_fail(err, KAN_EDENIED, "the agent says no");
	if (reply.p[0] != type)
		return kan_fail(err, KAN_EFORMAT, "the agent answers with message %u, not %u",
				reply.p[0], type);
	w->rest = (struct kan_bytes){reply.p + 1, reply.n - 1};
	return 0;
}

int kan_agent_read_list(struct kan_agent_identities *out, struct kan_bytes reply,
			struct kan_err *err)
{
	kan_auto_identities struct kan_agent_identities l = {0};
	struct kan_wire w = {0};
	uint32_t n;

	if (open_reply(&w, reply, IDENTITIES_ANSWER, err) < 0)
		return -1;
	n = kan_wire_u32(&w);
	if (n > KAN_AGENT_KEYS)
		return kan_fail(err, KAN_ELIMIT, "the agent lists more than %d keys",
				KAN_AGENT_KEYS);
	l.list = kan_xalloc((n + 1) * sizeof(*l.list));
	while (l.n < n && !w.bad) {
		l.list[l.n].blob = kan_wire_str(&w);
		l.list[l.n].comment = kan_wire_str(&w);
		l.n++;
	}
	if (!kan_wire_done(&w))
		return kan_fail(err, KAN_EFORMAT, "the agent's list of keys is malformed");
	*out = l;
	l.list = NULL;
	return 0;
}

int kan_agent_read_signature(struct kan_bytes *out, struct kan_bytes reply, struct kan_err *err)
{
	struct kan_wire w = {0};
	struct kan_bytes sig;

	if (open_reply(&w, reply, SIGN_RESPONSE, err) < 0)
		return -1;
	sig = kan_wire_str(&w);
	if (!kan_wire_done(&w) || sig.n > KAN_KEY_BLOB)
		return kan_fail(err, KAN_EFORMAT, "the agent's signature is malformed");
	*out = sig;
	return 0;
}
