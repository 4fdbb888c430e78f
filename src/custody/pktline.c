/* Packets of git's protocol, version 0, read strictly. */
#include "custody/pktline.h"

#include "custody/refs.h"

#include <stdio.h>
#include <string.h>

enum { HEAD = 4, REASON = 200, SHA256_ID = 64 };

static int hex_digit(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

int kan_pkt_next(struct kan_bytes *data, struct kan_bytes *rest, struct kan_err *err)
{
	size_t n = 0;

	if (rest->n < HEAD)
		return kan_fail(err, KAN_EFORMAT, "the answer ends in the middle of a packet");
	for (size_t i = 0; i < HEAD; i++) {
		int d = hex_digit(rest->p[i]);

		if (d < 0)
			return kan_fail(err, KAN_EFORMAT, "the answer is not git's smart protocol");
		n = n * 16 + (size_t)d;
	}
	if (n != 0 && (n < HEAD || n > rest->n || n - HEAD > KAN_PKT_MAX))
		return kan_fail(err, KAN_EFORMAT, "the answer ends in the middle of a packet");
	*data = (struct kan_bytes){rest->p + HEAD, n ? n - HEAD : 0};
	rest->p += n ? n : HEAD;
	rest->n -= n ? n : HEAD;
	return n != 0;
}

void kan_pkt_add(struct kan_buf *out, struct kan_bytes data)
{
	kan_buf_addf(out, "%04zx", data.n + HEAD);
	kan_buf_addb(out, data);
}

static struct kan_bytes chomp(struct kan_bytes v)
{
	if (v.n && v.p[v.n - 1] == '\n')
		v.n--;
	return v;
}

/* "# service=git-upload-pack", a flush. */
static int expect_service(struct kan_bytes *rest, const char *service, struct kan_err *err)
{
	kan_auto_buf struct kan_buf want = KAN_BUF(64);
	struct kan_bytes data;

	kan_buf_addf(&want, "# service=%s", service);
	if (kan_pkt_next(&data, rest, err) < 0)
		return -1;
	if (!kan_bytes_eq(chomp(data), kan_buf_bytes(&want)) || kan_pkt_next(&data, rest, err) != 0)
		return kan_fail(err, KAN_EFORMAT, "the answer is not git's smart protocol");
	return 0;
}

/* "<id> <name>[NUL capabilities]" */
static int one_ref(char id[KAN_GIT_ID], struct kan_bytes data, const char *ref, struct kan_err *err)
{
	kan_auto_buf struct kan_buf line = KAN_BUF(KAN_GIT_ID + 1);
	char found[KAN_GIT_ID];
	const uint8_t *nul = data.n ? memchr(data.p, 0, data.n) : NULL;
	struct kan_bytes name;

	if (data.n > SHA256_ID && data.p[SHA256_ID] == ' ')
		return kan_fail(err, KAN_EREFUSED,
				"the remote is a SHA-256 repository: make one with SHA-1 ids");
	if (data.n < KAN_GIT_ID + 1 || data.p[KAN_GIT_ID - 1] != ' ')
		return kan_fail(err, KAN_EFORMAT, "the answer has a malformed ref");
	kan_buf_add(&line, data.p, KAN_GIT_ID - 1);
	kan_buf_addc(&line, '\n');
	if (!kan_refs_id(found, kan_buf_bytes(&line)))
		return kan_fail(err, KAN_EFORMAT, "the answer has a malformed ref");
	name = (struct kan_bytes){data.p + KAN_GIT_ID,
				  (nul ? (size_t)(nul - data.p) : data.n) - KAN_GIT_ID};
	if (kan_bytes_eq(chomp(name), kan_bytes_of(ref)))
		memcpy(id, found, KAN_GIT_ID);
	return 0;
}

int kan_pkt_advert(char id[KAN_GIT_ID], struct kan_bytes text, const char *service, const char *ref,
		   struct kan_err *err)
{
	struct kan_bytes data;
	int more;

	id[0] = 0;
	if (expect_service(&text, service, err) < 0)
		return -1;
	while ((more = kan_pkt_next(&data, &text, err)) == 1)
		if (one_ref(id, data, ref, err) < 0)
			return -1;
	if (more == 0 && text.n)
		return kan_fail(err, KAN_EFORMAT, "the answer goes on behind its end");
	return more;
}

static int told(struct kan_err *err, struct kan_bytes words)
{
	if (words.n > REASON)
		words.n = REASON;
	return kan_fail(err, KAN_EREFUSED, "the remote refuses: %.*s", (int)words.n,
			(const char *)words.p);
}

int kan_pkt_report(struct kan_bytes text, const char *ref, struct kan_err *err)
{
	kan_auto_buf struct kan_buf good = KAN_BUF(256);
	struct kan_bytes data;
	int more;
	bool moved = false, unpacked = false;

	kan_buf_addf(&good, "ok %s", ref);
	while ((more = kan_pkt_next(&data, &text, err)) == 1) {
		data = chomp(data);
		if (kan_bytes_eq(data, KAN_LIT("unpack ok")))
			unpacked = true;
		else if (kan_bytes_eq(data, kan_buf_bytes(&good)))
			moved = true;
		else
			return told(err, data);
	}
	if (more < 0)
		return -1;
	return unpacked && moved
		       ? 0
		       : kan_fail(err, KAN_EFORMAT, "the remote does not say that it took it");
}
