/* Messages of the channel: is one well-formed? A child that was taken over can only say such
 * things. */
#include "evidence/channel.h"

#include <string.h>

#include "base/digest.h"
#include "base/file.h"
#include "base/row.h"

enum { STATUS_MAX = 999 };

/* Ends within its field, and a display shows it as it is. */
static bool text_ok(const char *s, size_t size)
{
	kan_auto_buf struct kan_buf clean = KAN_BUF(KAN_MSG_WHAT * 4);
	size_t n = strnlen(s, size);
	return n < size && kan_text_clean(&clean, (struct kan_bytes){(const uint8_t *)s, n});
}

static bool code_ok(const struct kan_msg *m)
{
	if (m->type == KAN_MSG_GAP)
		return m->code <= KAN_GAP_NOT_APPLICABLE;
	return m->code == (m->type == KAN_MSG_LIMIT ? KAN_GAP_LIMIT : 0);
}

static bool digest_ok(const struct kan_msg *m)
{
	return memchr(m->sha256, 0, sizeof(m->sha256)) &&
	       (m->sha256[0] == 0 || kan_is_sha256_hex(m->sha256));
}

static bool numbers_ok(const struct kan_msg *m)
{
	if (m->type == KAN_MSG_ARTEFACT)
		return m->n[2] <= 1;
	if (m->type == KAN_MSG_REQUEST)
		return m->n[0] <= STATUS_MAX;
	if (m->type == KAN_MSG_END)
		return m->n[0] <= 2;
	return m->type != KAN_MSG_GO || m->n[0] <= 1;
}

static bool artefact_ok(const struct kan_msg *m)
{
	return strncmp(m->what, "data/", 5) == 0 && kan_path_ok(m->what) && m->sha256[0];
}

bool kan_msg_ok(const struct kan_msg *m, size_t size)
{
	if (size != sizeof(*m) || m->type < KAN_MSG_READY || m->type > KAN_MSG_END)
		return false;
	if (!text_ok(m->what, sizeof(m->what)) || !text_ok(m->why, sizeof(m->why)))
		return false;
	if (!code_ok(m) || !digest_ok(m) || !numbers_ok(m))
		return false;
	return m->type != KAN_MSG_ARTEFACT || artefact_ok(m);
}
