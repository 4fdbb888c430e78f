/* What a remote answers: its advertisement of refs, and its report of a push. */
#include "custody/pktline.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct kan_bytes text = {data, size};
	char id[KAN_GIT_ID] = "";
	struct kan_err err = {0};

	if (kan_pkt_advert(id, text, "git-upload-pack", KAN_GIT_BRANCH, &err) == 0 &&
	    strlen(id) != 0 && strlen(id) != KAN_GIT_ID - 1)
		abort();
	/* A report that is believed has both words in it. */
	if (kan_pkt_report(text, KAN_GIT_BRANCH, &err) == 0 &&
	    (!memmem(data, size, "unpack ok", 9) || !memmem(data, size, "ok refs/heads/main", 18)))
		abort();
	return 0;
}
