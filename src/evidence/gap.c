/* The codes of a gap: their words, and the one that an error of ours stands for. */
#include <kanshiki/sink.h>

const char *kan_gap_name(enum kan_gap g)
{
	static const char *const names[] = {
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
	return (unsigned)g < sizeof(names) / sizeof(names[0]) ? names[g] : "unsupported";
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
	case KAN_ELIMIT: /* with ETIMEDOUT: too many did not return, and no more is tried */
		return err->sys == ETIMEDOUT ? KAN_GAP_STUCK : KAN_GAP_LIMIT;
	case KAN_EREFUSED:
	case KAN_ETAMPER:
		return KAN_GAP_CONTRADICTED;
	case KAN_EENGINE:
		return err->sys == ETIMEDOUT ? KAN_GAP_TIMEOUT : KAN_GAP_MALFORMED;
	case KAN_EIO: /* with ESTALE: it moved while it was read */
		if (err->sys == ESTALE)
			return KAN_GAP_CHANGED;
		return err->sys == ETIMEDOUT ? KAN_GAP_STUCK : KAN_GAP_UNSUPPORTED;
	case KAN_OK:
	case KAN_EUSAGE:
	case KAN_EUNSUPPORTED:
		break;
	}
	return KAN_GAP_UNSUPPORTED;
}
