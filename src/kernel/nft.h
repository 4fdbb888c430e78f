/* nftables of one network namespace: read raw over NETFILTER netlink, decoded after that. */
#ifndef KAN_KERNEL_NFT_H
#define KAN_KERNEL_NFT_H

#include <kanshiki/bytes.h>
#include <kanshiki/err.h>

struct kan_row;

enum kan_nft_kind {
	KAN_NFT_TABLES,
	KAN_NFT_CHAINS,
	KAN_NFT_RULES,
	KAN_NFT_SETS,
	KAN_NFT_OBJECTS,
	KAN_NFT_FLOWTABLES,
	KAN_NFT_ELEMENTS, /* one dump a set */
	KAN_NFT_KINDS
};
enum {
	KAN_NFT_DUMP_MAX = 32 << 20, /* of each kind; a collector has 1 GiB for all */
	KAN_NFT_SETS_MAX = 16384,    /* whose elements are asked for */
	KAN_NFT_TEXT_MAX = 64 << 10,
};

struct kan_nft_dump {
	struct kan_buf raw;
	struct kan_err err; /* code KAN_OK: whole */
};
struct kan_nft {
	struct kan_nft_dump dumps[KAN_NFT_KINDS];
	struct kan_err err;  /* unsupported: no nftables here; sys EINTR: it moved in every try */
	uint32_t generation; /* of the ruleset */
	size_t sets, sets_asked;
	struct kan_buf texts; /* of the rules, in their order; see kan_nft_text */
	struct kan_err no_texts;
};
/* fd: a NETFILTER socket of the namespace. What is refused stays with its dump. Free in every case.
 */
void kan_nft_read(struct kan_nft *out, int fd);
void kan_nft_free(struct kan_nft *n);

/*
 * Rules as libnftnl words them, one after the other. That library ends its process when it meets
 * what it does not know: so a child of ours does it, which has nothing but the bytes.
 */
int kan_nft_texts(struct kan_buf *out, struct kan_bytes rules, struct kan_err *err);
/* The next one, taken off the front; empty: libnftnl could not read that rule. false: no more. */
bool kan_nft_text(struct kan_bytes *text, struct kan_bytes *texts);

/* One thing of a ruleset; of a message with elements each is one. Borrowed. */
struct kan_nft_item {
	enum kan_nft_kind kind;
	struct kan_bytes payload; /* behind the netlink header */
	struct kan_bytes element; /* p NULL: no element */
	struct kan_bytes text;    /* of a rule */
};
typedef int kan_nft_fn(const struct kan_nft_item *item, void *arg, struct kan_err *err);
/* Pure: each thing of a dump. *bad counts what cannot be parsed. -1 only when fn says so. */
int kan_nft_each(uint64_t *bad, enum kan_nft_kind kind, struct kan_bytes dump, kan_nft_fn *fn,
		 void *arg, struct kan_err *err);
/* Pure: its fields, and all attributes as "raw". format: cut; the fields before stand. */
int kan_nft_row(struct kan_row *r, const struct kan_nft_item *item, struct kan_err *err);
/* Pure: the attributes that decide what it does, for a search. */
struct kan_bytes kan_nft_words(const struct kan_nft_item *item);

/* Pure: the request for the elements of a set, out of the set's own message. */
int kan_nft_set_request(struct kan_buf *out, struct kan_bytes set, struct kan_err *err);

#endif
