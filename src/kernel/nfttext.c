/* Rules of nftables in words, by libnftnl, in a child that may be lost. */
#include <fcntl.h>
#include <libnftnl/rule.h>
#include <linux/netlink.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "kernel/nft.h"

enum { WAIT_MS = 5000, READ_OCTETS = 64 << 10 };

static bool say(int out, const char *text, size_t n)
{
	uint32_t length = (uint32_t)n;
	return kan_write_all(out, &length, sizeof(length), NULL) == 0 &&
	       kan_write_all(out, text, n, NULL) == 0;
}

/* An empty text when it is too long or not to be read. */
static bool one(int out, const struct nlmsghdr *h, char *text)
{
	struct nftnl_rule *r = nftnl_rule_alloc();
	int n = r && nftnl_rule_nlmsg_parse(h, r) == 0
			? nftnl_rule_snprintf(text, KAN_NFT_TEXT_MAX, r, NFTNL_OUTPUT_DEFAULT, 0)
			: 0;
	if (r)
		nftnl_rule_free(r);
	return say(out, text, n > 0 && n < KAN_NFT_TEXT_MAX ? (size_t)n : 0);
}

static void child(int out, struct kan_bytes rules) __attribute__((noreturn));

static void child(int out, struct kan_bytes rules)
{
	kan_auto_free char *text = kan_xalloc(KAN_NFT_TEXT_MAX);
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	if (null >= 0)
		(void)dup2(null, STDERR_FILENO); /* where libnftnl says why it ends */
	while (rules.n >= sizeof(struct nlmsghdr)) {
		const struct nlmsghdr *h = (const void *)rules.p;
		if (h->nlmsg_len < sizeof(*h) || h->nlmsg_len > rules.n || !one(out, h, text))
			break;
		size_t used = NLMSG_ALIGN((size_t)h->nlmsg_len) < rules.n
				      ? NLMSG_ALIGN((size_t)h->nlmsg_len)
				      : rules.n;
		rules.p += used;
		rules.n -= used;
	}
	_exit(0);
}

/* true: all there was. */
static bool receive(struct kan_buf *out, int in)
{
	kan_auto_free char *chunk = kan_xalloc(READ_OCTETS);
	struct pollfd p = {.fd = in, .events = POLLIN};
	while (!out->failed && poll(&p, 1, WAIT_MS) > 0) {
		ssize_t n = read(in, chunk, READ_OCTETS);
		if (n <= 0)
			return n == 0;
		kan_buf_add(out, chunk, (size_t)n);
	}
	return false;
}

int kan_nft_texts(struct kan_buf *out, struct kan_bytes rules, struct kan_err *err)
{
	int ends[2], status = 0;
	if (rules.n == 0)
		return 0;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return kan_fail_sys(err, "pipe");
	pid_t pid = fork();
	if (pid == 0)
		child(ends[1], rules);
	(void)close(ends[1]);
	bool whole = pid > 0 && receive(out, ends[0]);
	(void)close(ends[0]);
	if (pid < 0)
		return kan_fail_sys(err, "fork");
	if (!whole)
		(void)kill(pid, SIGKILL); /* ours, and not yet waited for */
	if (waitpid(pid, &status, 0) != pid || !whole || status != 0)
		return kan_fail(err, KAN_EUNSUPPORTED, "libnftnl cannot word all rules");
	return 0;
}

bool kan_nft_text(struct kan_bytes *text, struct kan_bytes *texts)
{
	uint32_t n = 0;
	if (texts->n < sizeof(n))
		return false;
	memcpy(&n, texts->p, sizeof(n));
	if (n > texts->n - sizeof(n))
		return false;
	*text = (struct kan_bytes){texts->p + sizeof(n), n};
	texts->p += sizeof(n) + n;
	texts->n -= sizeof(n) + n;
	return true;
}
