/* Messages of the channel: is one well-formed? */
#include "evidence/channel.h"

#include <string.h>

#include "base/digest.h"
#include "base/file.h"

static const char *const gap_names[] = {
	[KAN_GAP_DENIED] = "denied",
	[KAN_GAP_VANISHED] = "vanished",
	[KAN_GAP_LIMIT] = "limit",
	[KAN_GAP_TIMEOUT] = "timeout",
	[KAN_GAP_STUCK] = "stuck",
	[KAN_GAP_CRASHED] = "crashed",
	[KAN_GAP_CHANGED] = "changed",
	[KAN_GAP_CONTRADICTED] = "contradicted",
	[KAN_GAP_MALFORMED] = "malformed",
	[KAN_GAP_UNSUPPORTED] = "unsupported",
	[KAN_GAP_NOT_APPLICABLE] = "not-applicable",
};

const char *kan_gap_name(enum kan_gap g)
{
	return gap_names[g];
}

enum kan_gap kan_gap_of_err(const struct kan_err *err)
{
	switch (err->code) {
	case KAN_ENOTFOUND:
		return KAN_GAP_VANISHED;
	case KAN_EDENIED:
		return KAN_GAP_DENIED;
	case KAN_EFORMAT:
		return KAN_GAP_MALFORMED;
	case KAN_ELIMIT:
		return KAN_GAP_LIMIT;
	case KAN_EREFUSED:
	case KAN_ETAMPER:
		return KAN_GAP_CONTRADICTED;
	case KAN_EENGINE:
		return err->sys == ETIMEDOUT ? KAN_GAP_TIMEOUT : KAN_GAP_MALFORMED;
	case KAN_EIO:
		return err->sys == ETIMEDOUT ? KAN_GAP_STUCK : KAN_GAP_UNSUPPORTED;
	case KAN_OK:
	case KAN_EUSAGE:
	case KAN_EUNSUPPORTED:
		return KAN_GAP_UNSUPPORTED;
	}
	return KAN_GAP_UNSUPPORTED;
}

static bool artefact_ok(const struct kan_msg *m)
{
	return strncmp(m->what, "data/", 5) == 0 && kan_path_ok(m->what) && kan_is_sha256_hex(m->sha256);
}

bool kan_msg_ok(const struct kan_msg *m, size_t size)
{
	if (size != sizeof(*m) || !memchr(m->sha256, 0, sizeof(m->sha256)) || !memchr(m->what, 0, sizeof(m->what)) ||
	    !memchr(m->why, 0, sizeof(m->why)))
		return false;
	if (m->type < KAN_MSG_READY || m->type > KAN_MSG_END)
		return false;
	if (m->type == KAN_MSG_GAP)
		return m->code < sizeof(gap_names) / sizeof(gap_names[0]);
	return m->type != KAN_MSG_ARTEFACT || artefact_ok(m);
}
