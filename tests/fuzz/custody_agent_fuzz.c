/* Answers of an ssh-agent: a list of keys, or a signature; then what is done with either. */
#include "custody/agentmsg.h"
#include "custody/key.h"

#include <stdlib.h>

static void try_keys(struct kan_bytes reply)
{
	kan_auto_identities struct kan_agent_identities keys = {0};
	char fpr[KAN_KEY_FPR];

	if (kan_agent_read_list(&keys, reply, NULL) < 0)
		return;
	for (size_t i = 0; i < keys.n && i < 16; i++) {
		kan_auto_buf struct kan_buf request = KAN_BUF(8 << 10);

		kan_key_fingerprint(fpr, keys.list[i].blob);
		(void)kan_key_check(keys.list[i].blob, NULL);
		kan_agent_put_sign(&request, keys.list[i].blob, KAN_LIT("data"));
	}
}

/* By the key of RFC 8032 section 7.1, test 1: nobody has its signature over these bytes. */
static void try_signature(struct kan_bytes reply)
{
	static const char blob[] =
		"\0\0\0\x0bssh-ed25519\0\0\0\x20\xd7\x5a\x98\x01\x82\xb1\x0a\xb7\xd5\x4b\xfe\xd3"
		"\xc9\x64\x07\x3a\x0e\xe1\x72\xf3\xda\xa6\x23\x25\xaf\x02\x1a\x68\xf7\x07\x51\x1a";
	struct kan_bytes sig;

	if (kan_agent_read_signature(&sig, reply, NULL) == 0 &&
	    kan_key_verify((struct kan_bytes){(const uint8_t *)blob, sizeof(blob) - 1}, sig, reply,
			   NULL) == 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	try_keys((struct kan_bytes){data, size});
	try_signature((struct kan_bytes){data, size});
	return 0;
}
