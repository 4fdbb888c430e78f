/* Custody events: one JSON file each, chained by SHA-256. docs/schema/kanshiki.event-1.json. */
#ifndef KAN_CUSTODY_EVENT_H
#define KAN_CUSTODY_EVENT_H

#include "base/digest.h"

#include <jansson.h>
#include <kanshiki/bytes.h>
#include <kanshiki/custody.h>

enum { KAN_EVENT_MAX = 1 << 20, KAN_EVENT_DEPTH = 16 };

#define KAN_EVENT_SCHEMA "kanshiki.event/1"
extern const char kan_event_first[]; /* prev of seq 1: 64 zeros */

/* What the writer knows. Everything is borrowed. */
struct kan_event_input {
	const char *case_id, *type, *prev;
	unsigned seq;
	int64_t utc_ns;
	const struct kan_act *act;
	const char *home;
	const char *key_fpr;
	bool host_key;
	const char *warning;      /* one more effect: what is to be known of the key; or NULL */
	const json_t *what;       /* {bundle, seal, octets, files}, an array of them, or NULL */
	const char *note;         /* text, or NULL */
	const char *finding, *as; /* of the note: what it judges, and how; or NULL */
	const json_t *done;       /* the act object of an act event, or NULL */
	const char *failed;       /* why it was not (wholly) done, or NULL */
	const json_t *more;       /* object: further members of the event, or NULL */
	const int64_t *offset_ms; /* genTime less local clock, or NULL */
};
/* The file's bytes. */
int kan_event_make(struct kan_buf *out, const struct kan_event_input *in, struct kan_err *err);

/* An event read back; strings live as long as doc. */
struct kan_event {
	json_t *doc;
	const char *case_id, *type, *prev, *email, *key, *key_fpr, *host;
	const char *request_id;    /* NULL: none */
	size_t n_what;             /* bundles it is about */
	const char *bundle, *seal; /* of the one bundle, "" when there are none or several */
	uint64_t octets, files;    /* of that one */
	int64_t utc_ns;
	unsigned seq;
};
void kan_event_free(struct kan_event *e);
#define kan_auto_event __attribute__((cleanup(kan_event_free)))
/* All keys of the format and their kinds, and written as we write: sorted, indent 1, LF. Else
 * format. */
int kan_event_parse(struct kan_event *out, struct kan_bytes text, struct kan_err *err);

#endif
