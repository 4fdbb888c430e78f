/* What the chain has already: requests, bundles, and the log of its events. */
#include "custody/move.h"
#include "custody/newest.h"
#include "custody/write.h"

#include <string.h>

struct search {
	const struct kan_custody *c;
	const char *request_id, *type; /* type NULL: any */
	const char *bundle, *seal;
	const json_t *act;
	struct kan_receipt receipt;
	json_t *what;
	bool other_seal;
};

static int with_tip(struct kan_custody *c, const char *case_id, kan_chain_fn *fn, void *arg,
		    struct kan_err *err)
{
	char tip[KAN_GIT_ID] = "";

	if (kan_git_tip(tip, c->git, err) < 0)
		return -1;
	return kan_chain_each(c->git, tip, case_id, fn, arg, err);
}

static int open_main(struct kan_newest **out, struct kan_custody *c, struct kan_err *err)
{
	char tip[KAN_GIT_ID] = "";

	return kan_git_tip(tip, c->git, err) < 0 ? -1 : kan_newest_open(out, c->git, tip, err);
}

/* From the end, where what is looked for most often is. */
static int with_newest(struct kan_custody *c, const struct kan_newest_ask *ask, struct kan_err *err)
{
	kan_auto_newest struct kan_newest *main = NULL;

	return open_main(&main, c, err) < 0 ? -1 : kan_newest_each(main, ask, err);
}

static int names_it(struct kan_bytes event, void *arg, struct kan_err *err)
{
	const char *name = arg;

	(void)err;
	return memmem(event.p, event.n, name, strlen(name)) != NULL;
}

/* Does any event of the case name the bundle? One case is read sooner than the whole chain is
 * walked: it is a new one nearly always. */
static int named_in_case(struct kan_custody *c, const char *case_id, const char *bundle,
			 struct kan_err *err)
{
	kan_auto_newest struct kan_newest *main = NULL;
	kan_auto_free char *name = kan_xstrdup(bundle);

	return open_main(&main, c, err) < 0
		       ? -1
		       : kan_newest_case(main, case_id, 1, names_it, name, err);
}

static int match_request(const struct kan_chain_item *item, void *arg, struct kan_err *err)
{
	struct search *s = arg;
	const struct kan_event *e = item->event;

	(void)err;
	if (!e->request_id || strcmp(e->request_id, s->request_id) != 0 ||
	    (s->type && strcmp(s->type, e->type) != 0))
		return 0;
	kan_write_receipt(&s->receipt, s->c, item);
	return 1;
}

int kan_write_find_request(struct kan_receipt *out, struct kan_custody *c, const char *request_id,
			   const char *type, struct kan_err *err)
{
	struct search s = {.c = c, .request_id = request_id, .type = type};
	const struct kan_newest_ask ask = {.type = type, .fn = match_request, .arg = &s};
	int rc;

	if (!request_id)
		return 0;
	/* One of its type is the only one. Of any type it is the first. */
	rc = type ? with_newest(c, &ask, err) : with_tip(c, NULL, match_request, &s, err);
	if (rc == 1)
		*out = s.receipt;
	return rc;
}

/* Done, and of the same thing: an undo names the event that it takes back. */
static int match_act(const struct kan_chain_item *item, void *arg, struct kan_err *err)
{
	struct search *s = arg;
	const struct kan_event *e = item->event;
	const json_t *act = json_object_get(e->doc, "act");

	(void)err;
	if (!e->request_id || strcmp(e->request_id, s->request_id) != 0 ||
	    strcmp(e->type, "act") != 0 ||
	    !json_is_true(json_object_get(json_object_get(e->doc, "result"), "ok")) ||
	    !json_equal(json_object_get(act, "do"), json_object_get(s->act, "do")) ||
	    json_integer_value(json_object_get(act, "of")) !=
		    json_integer_value(json_object_get(s->act, "of")))
		return 0;
	kan_write_receipt(&s->receipt, s->c, item);
	return 1;
}

int kan_write_find_act(struct kan_receipt *out, struct kan_custody *c, const char *request_id,
		       const json_t *act, struct kan_err *err)
{
	struct search s = {.c = c, .request_id = request_id, .act = act};
	int rc;

	if (!request_id)
		return 0;
	rc = with_tip(c, NULL, match_act, &s, err);
	if (rc == 1)
		*out = s.receipt;
	return rc;
}

int kan_custody_find_request(struct kan_receipt *out, struct kan_custody *c, const char *request_id,
			     struct kan_err *err)
{
	return kan_write_find_request(out, c, request_id, NULL, err);
}

static int match_bundle(const struct kan_chain_item *item, void *arg, struct kan_err *err)
{
	struct search *s = arg;
	const struct kan_event *e = item->event;

	(void)err;
	if ((strcmp(e->type, "collect") != 0 && strcmp(e->type, "import") != 0) ||
	    strcmp(e->bundle, s->bundle) != 0)
		return 0;
	s->other_seal = strcmp(e->seal, s->seal) != 0;
	kan_write_receipt(&s->receipt, s->c, item);
	s->what = json_deep_copy(json_array_get(json_object_get(e->doc, "what"), 0));
	return 1;
}

static int find_bundle(struct search *s, struct kan_custody *c, const char *case_id,
		       struct kan_err *err)
{
	const struct kan_newest_ask ask = {
		.case_id = case_id, .needle = s->bundle, .fn = match_bundle, .arg = s};
	int rc = named_in_case(c, case_id, s->bundle, err);

	if (rc == 1)
		rc = with_newest(c, &ask, err);
	if (rc == 1 && s->other_seal)
		return kan_fail(err, KAN_EREFUSED,
				"%s: a bundle of this name and another seal is there", s->bundle);
	return rc;
}

int kan_write_find_bundle(struct kan_receipt *out, struct kan_custody *c, const char *case_id,
			  const char *bundle, const char *seal, struct kan_err *err)
{
	struct search s = {.c = c, .bundle = bundle, .seal = seal};
	int rc = find_bundle(&s, c, case_id, err);

	json_decref(s.what);
	if (rc == 1)
		*out = s.receipt;
	return rc;
}

int kan_custody_find_bundle(struct kan_receipt *out, struct kan_custody *c, const char *bundle,
			    struct kan_err *err)
{
	struct search s = {.c = c, .bundle = bundle, .seal = ""};
	const struct kan_newest_ask ask = {.needle = bundle, .fn = match_bundle, .arg = &s};
	int rc = with_newest(c, &ask, err);

	json_decref(s.what);
	if (rc == 1)
		*out = s.receipt;
	return rc;
}

int kan_write_what(json_t **out, struct kan_custody *c, const struct kan_receipt *of,
		   struct kan_err *err)
{
	struct search s = {.c = c, .bundle = of->bundle, .seal = of->seal};
	int rc = find_bundle(&s, c, of->case_id, err);

	if (rc == 1) {
		*out = s.what;
		return 0;
	}
	json_decref(s.what);
	return rc < 0 ? -1
		      : kan_fail(err, KAN_ENOTFOUND, "%s is not in case %s", of->bundle,
				 of->case_id);
}

struct log_call {
	kan_event_fn *fn;
	void *arg;
};

static int log_event(const struct kan_chain_item *item, void *arg, struct kan_err *err)
{
	const struct log_call *call = arg;

	return call->fn(item->event->doc, item->commit, call->arg, err);
}

int kan_custody_log(struct kan_custody *c, const char *case_id, kan_event_fn *fn, void *arg,
		    struct kan_err *err)
{
	struct log_call call = {fn, arg};
	char name[KAN_FORM_CASE];

	if (case_id)
		kan_form_case(name, kan_bytes_of(case_id));
	return with_tip(c, case_id ? name : NULL, log_event, &call, err) < 0 ? -1 : 0;
}
