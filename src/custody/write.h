/* One event, one signed commit, one receipt: the write path that every kind of event takes. */
#ifndef KAN_CUSTODY_WRITE_H
#define KAN_CUSTODY_WRITE_H

#include "custody/chain.h"
#include "custody/home.h"
#include "custody/signer.h"

#include <kanshiki/custody.h>

struct kan_custody {
	struct kan_home home;
	struct kan_git *git;
	struct kan_signer *signer;
	bool offset_known; /* a stamp has shown how far the local clock is off */
	int64_t offset_ms; /* genTime less local clock */
};

/* What one commit adds: blobs that are in the object store already, at paths below a prefix, or
 * with "cases/" in front at just that path. */
struct kan_write {
	const char *type, *case_id, *bundle, *seal; /* bundle and seal "" without one */
	const struct kan_act *act;
	const json_t *what;       /* or NULL */
	const char *note;         /* or NULL */
	const char *finding, *as; /* of the note, or NULL */
	const json_t *done;       /* the act object of an act event, or NULL */
	const char *failed;       /* why that act was not done, or NULL */
	const json_t *more;       /* further members of the event: transfer, ack, anchor, dispose */
	struct kan_write_stone *stone; /* of a dispose event: its tombstone; or NULL */
	struct kan_git_add *files;
	size_t n;
};
/* A tombstone as it was committed: the event's bytes, the signature over them. */
struct kan_write_stone {
	struct kan_buf event, sig;
	unsigned seq;
};
void kan_write_add(struct kan_write *w, const char *path, const char id[KAN_GIT_ID]);
void kan_write_free(struct kan_write *w);
#define kan_auto_write __attribute__((cleanup(kan_write_free)))

/* Under the lock: the event continues the chain at the tip of this moment. */
int kan_write_event(struct kan_receipt *out, struct kan_custody *c, const struct kan_write *w,
		    struct kan_err *err);
/* The receipt of an event that is in the chain. */
void kan_write_receipt(struct kan_receipt *out, const struct kan_custody *c,
		       const struct kan_chain_item *item);

/*
 * What is there already: 1 found, 0 not, -1 error. request_id NULL finds nothing, type NULL any
 * type. A bundle of that name with another seal: refused.
 */
int kan_write_find_request(struct kan_receipt *out, struct kan_custody *c, const char *request_id,
			   const char *type, struct kan_err *err);
/* An act that was done for this request: the same do, and of (the event that it takes back). */
int kan_write_find_act(struct kan_receipt *out, struct kan_custody *c, const char *request_id,
		       const json_t *act, struct kan_err *err);
int kan_write_find_bundle(struct kan_receipt *out, struct kan_custody *c, const char *case_id,
			  const char *bundle, const char *seal, struct kan_err *err);
/* The `what` entry of the event that brought this bundle. Yours: json_decref it. */
int kan_write_what(json_t **out, struct kan_custody *c, const struct kan_receipt *of,
		   struct kan_err *err);

/* Is this the receipt of a bundle? usage: no. */
int kan_write_check_of(const struct kan_receipt *of, struct kan_err *err);
/* Takes the lock, and fills w for an event about that bundle. 1: the request was done before, and
 * *out has its receipt. */
int kan_write_about(int *lock, struct kan_write *w, struct kan_receipt *out, struct kan_custody *c,
		    const struct kan_receipt *of, struct kan_err *err);

#endif
