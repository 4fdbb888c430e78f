/* quarantine: what its files share. */
#ifndef KAN_CLI_QUARANTINE_H
#define KAN_CLI_QUARANTINE_H

#include "cli/checked.h"
#include "cli/job.h"
#include "respond/respond.h"

enum { KAN_ACTS = 6 };

struct kan_quarantine {
	struct kan_job job;                 /* first: the capture's callbacks get it */
	enum kan_respond_do what[KAN_ACTS]; /* in the order in which they are done */
	size_t n;
	bool undo, loses, repeated;
	char id[65];        /* of the container; the first 12 digits when it is gone */
	char *name, *asked; /* as the engine has it; as it was asked for */
	char *request;      /* the id of the request */
	json_t *plan;       /* what it looked like before; NULL: of a request that was seen */
	json_t *sealed;     /* its inspect as the evidence has it; or NULL */
	char *path;         /* the sealed bag; NULL: there is none here */
	char *unsealed;     /* a .partial that stays; or NULL */
	struct kan_receipt receipt; /* commit "": in no chain */
	const char *verified;       /* verified, incomplete, tampered; NULL: not looked at now */
	json_t *acts;               /* [{do, ok, ...}]: what was done, now or before */
	json_t *past;               /* events of this request, or of this container: oldest first */
	bool derived;               /* there are reports of it in the chain */
	unsigned not_done;          /* acts */
	unsigned not_held;          /* done before, and not so now */
	bool contained;             /* it stands still, or has ended */
	char evidence[KAN_ERR_TEXT]; /* what is wrong with it; "" nothing */
	char error[KAN_ERR_TEXT];    /* what ended the run before its end; "" nothing */
	int status, turn;
};

/* quarantine_past.c: what the chain tells. 1 the request is there, 0 not, -1 error. */
int kan_quarantine_past(struct kan_quarantine *q, const char *request, struct kan_err *err);
/*
 * The acts on this container that nobody has taken back, oldest first: [{seq, case, commit,
 * request, bundle, seal, act}], in *open, yours. *any: there was ever one. request NULL: of all.
 */
int kan_quarantine_open_acts(json_t **open, bool *any, struct kan_quarantine *q,
			     const char *request, struct kan_err *err);
/* Whom we have renamed from asked, and to what: {id: name}, yours. */
int kan_quarantine_renamed(json_t **out, struct kan_quarantine *q, struct kan_err *err);
/* A bundle of this container that was sealed for this request, and is in no chain. 1 or 0. */
int kan_quarantine_left_over(struct kan_quarantine *q, struct kan_err *err);

/* quarantine_acts.c */
/* As kan_capture_then has it: commit, verify, the acts, an event each. */
int kan_quarantine_held(struct kan_capture_hold *h, void *job, struct kan_err *err);
/* Of evidence that is there already: what has not been done. */
int kan_quarantine_rest(struct kan_quarantine *q, struct kan_err *err);
/* Sign and commit what is sealed at q->path; its trouble is said and noted. */
int kan_quarantine_commit(struct kan_quarantine *q, json_t *impact);
/* One act into the chain and into q->acts. failed NULL: it was done. Takes act. */
void kan_quarantine_record(struct kan_quarantine *q, json_t *act, const char *failed);

/* cmd_quarantine.c: one at a time on this container. */
int kan_take_turn_of(struct kan_quarantine *q, struct kan_err *err);

/* quarantine_find.c */
/* asked is a name that it does not have any more, because we gave it another one: then that, as the
 * chain tells. usage: several were called so. */
int kan_quarantine_marked_name(struct kan_quarantine *q, struct kan_err *err);
/* Of a request whose evidence is there: is it about the container that is asked for? Sets id, name.
 */
int kan_quarantine_same(struct kan_quarantine *q, struct kan_err *err);
/* A sealed bag, as it says of itself: neither partial nor with gaps. */
int kan_quarantine_whole(bool *whole, const char *path, struct kan_err *err);
/* Is each act that was not done for this request still allowed? inspect: as the engine has it now.
 */
int kan_quarantine_may(const struct kan_quarantine *q, const json_t *inspect,
		       bool (*done)(const struct kan_quarantine *q, const char *word),
		       struct kan_err *err);

/* quarantine_undo.c. The exit status. */
int kan_quarantine_undo(struct kan_quarantine *q);

/* quarantine_ask.c */
int kan_quarantine_words(struct kan_quarantine *q, const struct kan_args *a); /* -1: said */
/* The name is typed, or --yes says it. False: refused, which is said and in status. */
bool kan_quarantine_confirmed(struct kan_quarantine *q);

/* What failed is said, and kept for the document. The worst status so far. */
int kan_quarantine_fault(struct kan_quarantine *q, const struct kan_err *err);
/* quarantine_say.c: the last two lines, or the document. capture, read: NULL where there is none.
 */
void kan_quarantine_say(struct kan_quarantine *q, const char *screen, json_t *capture);

#endif
