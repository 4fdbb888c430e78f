/* Private key files: openssh-key-v1 and PKCS#8 PEM. What is read can be written and read again. */
#include "custody/key.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	kan_auto_key struct kan_key *k = NULL, *again = NULL;
	kan_auto_buf struct kan_buf text = KAN_BUF(KAN_KEY_FILE_MAX);

	if (size > KAN_KEY_FILE_MAX ||
	    kan_key_parse(&k, (struct kan_bytes){data, size}, "", NULL, NULL) < 0)
		return 0;
	if (kan_key_encode(&text, k, NULL) <
	    0) /* not Ed25519: OpenSSH's form is not ours to write */
		return 0;
	if (kan_key_parse(&again, kan_buf_bytes(&text), "", NULL, NULL) < 0 ||
	    strcmp(kan_key_fpr(k), kan_key_fpr(again)) != 0)
		abort();
	return 0;
}
