/* Dumps of nftables: whatever the answer is, each row that it becomes can be read again. */
#include "kernel/nft.h"

#include <stdlib.h>

#include "row_check.h"

enum { REQUEST_MAX = 1024 };

static int item(const struct kan_nft_item *i, void *arg, struct kan_err *err)
{
	struct kan_row row;
	(void)arg;
	(void)err;
	kan_row_init(&row);
	kan_row_begin(&row);
	(void)kan_nft_row(&row, i, NULL);
	row_is_whole(&row);
	(void)kan_nft_words(i);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	kan_auto_buf struct kan_buf request = KAN_BUF(REQUEST_MAX);
	uint64_t bad = 0;
	if (size == 0)
		return 0;
	const enum kan_nft_kind kind = (enum kan_nft_kind)(*data % KAN_NFT_KINDS);
	const struct kan_bytes all = {data + 1, size - 1};
	const struct kan_nft_item alone = {.kind = kind, .payload = all};
	struct kan_bytes text, texts = all;
	if (kan_nft_each(&bad, kind, all, item, NULL, NULL) < 0)
		abort();
	(void)item(&alone, NULL, NULL);
	(void)kan_nft_set_request(&request, all, NULL);
	while (kan_nft_text(&text, &texts))
		continue;
	return 0;
}
