/* Reading nftables: all dumps of one generation, or a word that it moved. */
#include "kernel/nft.h"

#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <string.h>

#include "kernel/netlink.h"

enum { REQUEST_MAX = 1024, GENERATION_MAX = 64 << 10, TRIES = KAN_NETLINK_TRIES };

static const uint16_t asks[KAN_NFT_KINDS] = {
	[KAN_NFT_TABLES] = NFT_MSG_GETTABLE,     [KAN_NFT_CHAINS] = NFT_MSG_GETCHAIN,
	[KAN_NFT_RULES] = NFT_MSG_GETRULE,       [KAN_NFT_SETS] = NFT_MSG_GETSET,
	[KAN_NFT_OBJECTS] = NFT_MSG_GETOBJ,      [KAN_NFT_FLOWTABLES] = NFT_MSG_GETFLOWTABLE,
	[KAN_NFT_ELEMENTS] = NFT_MSG_GETSETELEM,
};

static uint16_t type_of(uint16_t message)
{
	return (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | message);
}

static const struct nfgenmsg everything = {.version = NFNETLINK_V0}; /* of every family */

static int take_generation(uint16_t type, struct kan_bytes payload, void *arg, struct kan_err *err)
{
	struct kan_bytes v[NFTA_GEN_ID + 1];
	struct kan_attrs a = {v, NFTA_GEN_ID};
	(void)type;
	if (kan_netlink_attrs(&a, payload, sizeof(everything), err) < 0 ||
	    !kan_attr_be32(arg, &a, NFTA_GEN_ID))
		return kan_fail(err, KAN_EFORMAT, "nftables: no generation");
	return 1;
}

static int generation(uint32_t *out, int fd, struct kan_err *err)
{
	kan_auto_buf struct kan_buf raw = KAN_BUF(GENERATION_MAX);
	const struct kan_bytes request = {(const uint8_t *)&everything, sizeof(everything)};
	if (kan_netlink_get(&raw, fd, type_of(NFT_MSG_GETGEN), request, err) < 0) {
		/* Nobody is registered under that number. */
		if (err->sys == EINVAL)
			return kan_fail(err, KAN_EUNSUPPORTED, "this kernel has no nftables");
		return -1;
	}
	return kan_netlink_each(kan_buf_bytes(&raw), take_generation, out, err);
}

struct asking {
	struct kan_nft *n;
	int fd;
};

static int elements_of(uint16_t type, struct kan_bytes set, void *arg, struct kan_err *err)
{
	struct asking *w = arg;
	struct kan_nft_dump *all = &w->n->dumps[KAN_NFT_ELEMENTS];
	kan_auto_buf struct kan_buf request = KAN_BUF(REQUEST_MAX),
				    raw = KAN_BUF(all->raw.max - all->raw.len);
	(void)type;
	(void)err;
	w->n->sets++;
	if (w->n->sets > KAN_NFT_SETS_MAX || all->err.code == KAN_ELIMIT)
		return 0;
	w->n->sets_asked++;
	if (kan_nft_set_request(&request, set, &all->err) == 0)
		(void)kan_netlink_dump(&raw, w->fd, type_of(NFT_MSG_GETSETELEM),
				       kan_buf_bytes(&request), &all->err);
	kan_buf_addb(&all->raw, kan_buf_bytes(&raw));
	return 0;
}

static void dump_all(struct kan_nft *n, int fd)
{
	struct asking w = {n, fd};
	const struct kan_bytes request = {(const uint8_t *)&everything, sizeof(everything)};
	n->sets = n->sets_asked = 0;
	for (size_t i = 0; i < KAN_NFT_KINDS; i++) {
		kan_buf_free(&n->dumps[i].raw);
		n->dumps[i] = (struct kan_nft_dump){.raw = KAN_BUF(KAN_NFT_DUMP_MAX)};
		if (i != KAN_NFT_ELEMENTS)
			(void)kan_netlink_dump(&n->dumps[i].raw, fd, type_of(asks[i]), request,
					       &n->dumps[i].err);
	}
	(void)kan_netlink_each(kan_buf_bytes(&n->dumps[KAN_NFT_SETS].raw), elements_of, &w, NULL);
}

/* The kernel itself says that a dump was torn; the generation says it of all dumps together. */
static bool torn(const struct kan_nft *n)
{
	for (size_t i = 0; i < KAN_NFT_KINDS; i++)
		if (n->dumps[i].err.code == KAN_EIO && n->dumps[i].err.sys == EINTR)
			return true;
	return false;
}

void kan_nft_read(struct kan_nft *n, int fd)
{
	*n = (struct kan_nft){.texts = KAN_BUF(KAN_NFT_DUMP_MAX)};
	for (int i = 0; i <= TRIES; i++) {
		uint32_t before = 0;
		if (generation(&before, fd, &n->err) < 0)
			return;
		dump_all(n, fd);
		if (generation(&n->generation, fd, &n->err) < 0)
			return;
		if (before == n->generation && !torn(n)) {
			(void)kan_nft_texts(&n->texts, kan_buf_bytes(&n->dumps[KAN_NFT_RULES].raw),
					    &n->no_texts);
			return;
		}
	}
	(void)kan_nft_texts(&n->texts, kan_buf_bytes(&n->dumps[KAN_NFT_RULES].raw), &n->no_texts);
	kan_err_set(&n->err, KAN_EIO, EINTR, "the rules changed in each of %d tries", TRIES + 1);
}

void kan_nft_free(struct kan_nft *n)
{
	for (size_t i = 0; i < KAN_NFT_KINDS; i++)
		kan_buf_free(&n->dumps[i].raw);
	kan_buf_free(&n->texts);
}
