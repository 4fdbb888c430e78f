/* Events that bring no files: notes, judgements, acts, that verify was run, the end of a case. */
#include "custody/act.h"
#include "custody/move.h"
#include "custody/write.h"

#include <stdio.h>
#include <string.h>

int kan_custody_note(struct kan_receipt *out, struct kan_custody *c, const struct kan_receipt *of,
		     const char *text, const struct kan_act *act, struct kan_err *err)
{
	struct kan_write w = {.type = "note", .act = act, .bundle = "", .seal = "", .note = text};
	kan_auto_close int lock = -1;
	json_auto_t *what = NULL;
	char name[KAN_FORM_CASE];
	int found;

	if (!of && (!act->case_id || !*act->case_id))
		return kan_fail(err, KAN_EUSAGE, "a note needs a bundle or a case");
	if ((of && kan_write_check_of(of, err) < 0) || kan_home_lock(&lock, &c->home, err) < 0)
		return -1;
	found = kan_write_find_request(out, c, act->request_id, w.type, err);
	if (found)
		return found < 0 ? -1 : 0;
	if (of) {
		w.bundle = of->bundle;
		w.seal = of->seal;
		snprintf(name, sizeof(name), "%s", of->case_id);
		if (kan_write_what(&what, c, of, err) < 0)
			return -1;
	} else {
		kan_form_case(name, kan_bytes_of(act->case_id));
	}
	w.case_id = name;
	w.what = what;
	return kan_write_event(out, c, &w, err);
}

/* An event of a case that is there: words alone do not begin one. */
static int about_case(struct kan_receipt *out, struct kan_custody *c, const struct kan_write *of,
		      struct kan_err *err)
{
	struct kan_write w = *of;
	struct kan_chain_end end = {0};
	char name[KAN_FORM_CASE], tip[KAN_GIT_ID] = "";
	kan_auto_close int lock = -1;

	if (!of->act->case_id || !*of->act->case_id)
		return kan_fail(err, KAN_EUSAGE, "it needs a case");
	kan_form_case(name, kan_bytes_of(of->act->case_id));
	if (kan_home_lock(&lock, &c->home, err) < 0 || kan_git_tip(tip, c->git, err) < 0 ||
	    kan_chain_end(&end, c->git, tip, name, err) < 0)
		return -1;
	if (end.seq == 0)
		return kan_fail(err, KAN_ENOTFOUND, "no case '%s' here", name);
	w.case_id = name;
	return kan_write_event(out, c, &w, err);
}

int kan_custody_judge(struct kan_receipt *out, struct kan_custody *c, const char *finding,
		      const char *as, const char *text, const struct kan_act *act,
		      struct kan_err *err)
{
	struct kan_write w = {.type = "note",
			      .act = act,
			      .bundle = "",
			      .seal = "",
			      .note = text,
			      .finding = finding,
			      .as = as};

	return about_case(out, c, &w, err);
}

int kan_custody_close(struct kan_receipt *out, struct kan_custody *c, const char *text,
		      const struct kan_act *act, struct kan_err *err)
{
	struct kan_write w = {.type = "close", .act = act, .bundle = "", .seal = "", .note = text};

	return about_case(out, c, &w, err);
}

int kan_custody_act(struct kan_receipt *out, struct kan_custody *c, const struct kan_receipt *of,
		    const json_t *done, const char *failed, const struct kan_act *act,
		    struct kan_err *err)
{
	struct kan_write w = {.type = "act", .act = act, .done = done, .failed = failed};
	kan_auto_close int lock = -1;
	json_auto_t *what = NULL;
	int found;

	if (kan_write_check_of(of, err) < 0 || kan_home_lock(&lock, &c->home, err) < 0)
		return -1;
	w.case_id = of->case_id;
	w.bundle = of->bundle;
	w.seal = of->seal;
	/* A request may ask for several acts, and each may fail before it is done. */
	found = failed ? 0 : kan_write_find_act(out, c, act->request_id, done, err);
	if (found)
		return found < 0 ? -1 : 0;
	if (kan_write_what(&what, c, of, err) < 0)
		return -1;
	w.what = what;
	return kan_write_event(out, c, &w, err);
}

int kan_custody_verified(struct kan_receipt *out, struct kan_custody *c,
			 const struct kan_receipt *of, const struct kan_verified *v,
			 const struct kan_act *act, struct kan_err *err)
{
	kan_auto_buf struct kan_buf text = KAN_BUF(1024);
	struct kan_write w = {.type = "verify", .act = act};
	kan_auto_close int lock = -1;
	json_auto_t *what = NULL;
	int found = kan_write_about(&lock, &w, out, c, of, err);

	if (found)
		return found < 0 ? -1 : 0;
	kan_buf_addf(&text, "%s: %u ok, %u failed, %u not done%s%s", v->result, v->ok, v->failed,
		     v->not_done, *v->why ? ": " : "", v->why);
	if (kan_write_what(&what, c, of, err) < 0)
		return -1;
	w.what = what;
	w.note = kan_buf_str(&text);
	w.failed = v->failed ? kan_buf_str(&text) : NULL;
	return kan_write_event(out, c, &w, err);
}

int kan_custody_break_lock(struct kan_custody *c, struct kan_err *err)
{
	kan_auto_close int lock = -1;

	return kan_home_lock(&lock, &c->home, err) < 0 ? -1 : kan_home_break_lock(&c->home, err);
}
