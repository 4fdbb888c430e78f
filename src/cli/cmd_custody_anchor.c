/* custody anchor: proofs that come later. */
#include <stdlib.h>

#include <kanshiki/custody.h>

#include "base/row.h"
#include "cli/capture_doc.h"
#include "cli/cmd.h"
#include "cli/cmd_custody.h"
#include "cli/tsa.h"
#include "custody/anchor.h"
#include "custody/form.h"

struct said {
	bool json;
	json_t *events;
};

static void tell(const struct kan_anchor_told *t, void *arg)
{
	struct said *s = arg;
	if (!t->receipt) {
		kan_say("%s: %s", t->path, t->why->text);
		return;
	}
	if (s->json) {
		json_t *o = kan_receipt_json(t->receipt);
		kan_json_set_bytes(o, "file", kan_bytes_of(t->path));
		json_array_append_new(s->events, o);
		return;
	}
	(void)printf("event %u commit %s  ", t->receipt->event, t->receipt->commit);
	kan_print(stdout, kan_bytes_of(t->path));
	(void)fputc('\n', stdout);
}

static void print_sum(const struct kan_anchor_sum *sum, bool asked)
{
	if (!sum->events && !sum->failed && !sum->waiting)
		(void)printf("nothing to do: %u bundles looked at\n", sum->bundles);
	else if (sum->waiting > sum->absent && !asked)
		(void)printf("%u seals and commits have no stamp: --tsa URL asks an authority\n",
			     sum->waiting);
}

/* A stamp is kept beside its seal, and nobody says where these are. */
static void say_absent(const struct kan_anchor_sum *sum)
{
	if (sum->absent)
		kan_say("%u bundles whose seals have no stamp are not in bundles/ of this home: "
			"put "
			"them there",
			sum->absent);
}

static int print_document(const struct said *s, const struct kan_anchor_sum *sum, int status)
{
	json_t *o = json_pack("{s:s,s:i,s:O,s:i,s:i,s:i,s:i}", "schema", "kanshiki.anchor/1",
			      "exit", status, "events", s->events, "bundles", (int)sum->bundles,
			      "failed", (int)sum->failed, "waiting", (int)sum->waiting, "absent",
			      (int)sum->absent);
	(void)kan_print_json(o);
	json_decref(o);
	return status;
}

static int run(struct kan_custody *c, const struct kan_args *a, struct kan_err *err)
{
	struct kan_act act = kan_custody_act_of(a);
	struct said said = {.json = kan_flag(a, "json"), .events = json_array()};
	struct kan_anchor_ask ask = {.fn = tell, .arg = &said};
	struct kan_anchor_sum sum = {0};
	struct kan_tsa tsa = {0};
	char name[KAN_FORM_CASE];
	int status = KAN_EXIT_USAGE;
	if (act.case_id) {
		kan_form_case(name, kan_bytes_of(act.case_id));
		ask.case_id = name;
	}
	if (kan_tsa_of(&tsa, a) == 0) {
		ask.tsa = tsa.ask;
		ask.tsa.queue = false;
		status = KAN_EXIT_OK;
		if (kan_custody_anchor(&sum, c, &ask, &act, err) < 0) {
			/* An authority that is away is no engine. */
			status = kan_say_err(err);
			status = status == KAN_EXIT_ENGINE ? KAN_EXIT_FAILED : status;
		} else if (sum.failed) {
			status = KAN_EXIT_FAILED;
		}
		say_absent(&sum);
		if (said.json)
			status = print_document(&said, &sum, status);
		else if (status == KAN_EXIT_OK)
			print_sum(&sum, tsa.ask.url != NULL);
	}
	kan_tsa_free(&tsa);
	json_decref(said.events);
	return status;
}

const struct kan_custody_verb kan_custody_verb_anchor = {
	.name = "anchor",
	.usage = "anchor [--tsa URL] [--tsa-ca FILE] [--case ID]",
	.run = run,
};
