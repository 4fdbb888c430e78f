/* Is what a receiver signed what he was handed? */
#include "custody/verify_ack.h"

#include "base/row.h"
#include "custody/move.h"
#include "custody/sshsig.h"

#include <stdlib.h>
#include <string.h>

void kan_verify_acks_free(struct kan_verify_acks *a)
{
	for (size_t i = 0; i < a->n; i++)
		json_decref(a->list[i].event);
	free(a->list);
	*a = (struct kan_verify_acks){0};
}

static const struct kan_verify_transfer *find(const struct kan_verify_acks *a, const char *sha256)
{
	for (size_t i = 0; i < a->n; i++)
		if (strcmp(a->list[i].sha256, sha256) == 0)
			return &a->list[i];
	return NULL;
}

static const char *check(const struct kan_verify_acks *a, const struct kan_event *e)
{
	const json_t *ack = json_object_get(e->doc, "ack");
	const struct kan_verify_transfer *t = find(a, kan_json_str(ack, "event"));
	kan_auto_buf struct kan_buf lines = KAN_BUF(KAN_ACK_LINES_MAX);
	kan_auto_sshsig struct kan_sshsig sig = {0};
	struct kan_err err = {0};

	if (!t)
		return "it acknowledges no transfer that came before it";
	if (!json_equal(json_object_get(e->doc, "what"), json_object_get(t->event, "what")))
		return "it acknowledges other bundles than were handed over";
	kan_transfer_lines(&lines, t->sha256, t->event);
	if (kan_sshsig_parse(&sig, kan_bytes_of(kan_json_str(ack, "signature")), &err) == 0 &&
	    kan_sshsig_verify(&sig, KAN_NS_CUSTODY, kan_buf_bytes(&lines), &err) == 0)
		return NULL;
	return "its signature is not over the lines of the transfer";
}

const char *kan_verify_ack(struct kan_verify_acks *a, const struct kan_event *e, const char *sha256)
{
	if (strcmp(e->type, "ack") == 0)
		return check(a, e);
	if (strcmp(e->type, "transfer") != 0)
		return NULL;
	a->list = kan_xrealloc(a->list, a->n + 1, sizeof(*a->list));
	memcpy(a->list[a->n].sha256, sha256, KAN_SHA256_HEX);
	a->list[a->n++].event = json_incref(e->doc);
	return NULL;
}
