/* allowed_signers files. */
#include "custody/signers.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	kan_auto_signers struct kan_signers *s = NULL;
	const char *why;

	if (kan_signers_parse(&s, (struct kan_bytes){data, size}, NULL) == 0)
		(void)kan_signers_find(
			s, &(struct kan_signers_ask){"a@x", {data, size}, "git", 1795325400}, &why);
	return 0;
}
