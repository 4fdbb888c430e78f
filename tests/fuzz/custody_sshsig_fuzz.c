/* SSHSIG armour: parsed, and verified over bytes that it cannot be for. */
#include "custody/sshsig.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	kan_auto_sshsig struct kan_sshsig s = {0};
	char fpr[KAN_KEY_FPR];

	if (kan_sshsig_parse(&s, (struct kan_bytes){data, size}, NULL) < 0)
		return 0;
	kan_key_fingerprint(fpr, s.key);
	/* The message is as long as the input: nobody has signed it. */
	if (kan_sshsig_verify(&s, KAN_NS_FILE, (struct kan_bytes){data, size}, NULL) == 0)
		abort();
	return 0;
}
