/* One row of NDJSON, written field by field into one buffer; and the reader's limits. bundle.md
 * section 3. */
#ifndef KAN_BASE_ROW_H
#define KAN_BASE_ROW_H

#include <jansson.h>
#include <kanshiki/bytes.h>
#include <kanshiki/err.h>
#include <sys/types.h>

enum {
	KAN_ROW_MAX = 1 << 20,   /* with its LF */
	KAN_ROW_ROOM = 64 << 10, /* of it, kept for small values behind big ones */
	KAN_ROW_DEPTH = 16,
	KAN_ROW_PATH_MAX = 128 << 10, /* bytes of one value; beyond it is cut and <key>_len tells */
	KAN_ROW_ARGV_MAX = 256 << 10,
};

/*
 * keys: [a-z][a-z0-9_]{0,31}, literals of ours. An unknown value has no key. Every function may be
 * called after a failure; kan_row_end tells.
 */
struct kan_row {
	struct kan_buf buf;
	unsigned depth;
	bool comma;
	bool cut;                 /* a value was cut: its _len is in the row */
	bool xattrs_cut;          /* attributes stand without their values, or not at all */
	struct kan_bytes subject; /* the path it tells of, for gaps; or empty */
};

void kan_row_init(struct kan_row *r);
void kan_row_free(struct kan_row *r);
void kan_row_begin(struct kan_row *r); /* empties, opens the object */
/* Closes the object, adds LF; the view lives until the next begin. -1 limit when above KAN_ROW_MAX.
 */
int kan_row_end(struct kan_bytes *line, struct kan_row *r, struct kan_err *err);

void kan_row_str(struct kan_row *r, const char *key,
		 const char *ascii); /* words of ours; escaped all the same */
void kan_row_bytes(struct kan_row *r, const char *key,
		   struct kan_bytes v); /* with key_b64 when not clean */
void kan_row_argv(struct kan_row *r, const char *key, const struct kan_bytes *v, size_t n);
/* argv as /proc has it: NUL-separated, cut at KAN_ROW_ARGV_MAX. */
void kan_row_argv0(struct kan_row *r, const char *key, struct kan_bytes nul_separated);
void kan_row_int(struct kan_row *r, const char *key, int64_t v);
void kan_row_uint(struct kan_row *r, const char *key, uint64_t v);
void kan_row_bool(struct kan_row *r, const char *key, bool v);
void kan_row_dec(struct kan_row *r, const char *key, uint64_t v);  /* "decimal string": inodes */
void kan_row_mask(struct kan_row *r, const char *key, uint64_t v); /* "0x" + 16 hex */
void kan_row_dev(struct kan_row *r, const char *key, dev_t dev);   /* "major:minor" */
void kan_row_mode(struct kan_row *r, const char *key,
		  mode_t mode); /* octal with type bits, "0100644" */
/* key NULL inside an array. */
void kan_row_obj(struct kan_row *r, const char *key);
void kan_row_obj_end(struct kan_row *r);
void kan_row_arr(struct kan_row *r, const char *key);
void kan_row_arr_end(struct kan_row *r);

/* Text for display: each invalid UTF-8 byte, C0, DEL, C1, bidi control, U+2028/9 becomes U+FFFD.
 * true: unchanged. */
bool kan_text_clean(struct kan_buf *out, struct kan_bytes v);
/* The same for nothing but invalid UTF-8: as engines write names in JSON. true: unchanged. */
bool kan_text_utf8(struct kan_buf *out, struct kan_bytes v);
void kan_base64(struct kan_buf *out, struct kan_bytes v);
int kan_base64_decode(struct kan_buf *out, struct kan_bytes text,
		      struct kan_err *err); /* padded, strict */
/* The exact bytes of a row's value: key_b64 decoded if there, else key. -1 not-found when neither.
 */
int kan_json_bytes(struct kan_buf *out, const json_t *row, const char *key, struct kan_err *err);
/* A string or an integer of an object; "" and 0 when it is not there or is something else. */
const char *kan_json_str(const json_t *o, const char *key);
int64_t kan_json_int(const json_t *o, const char *key);
/* A list of words: is that one in it, and put it there once. */
bool kan_json_has_word(const json_t *list, const char *word);
void kan_json_add_word(json_t *list, const char *word);
/* A JSON string (object value or new string) of any bytes: sets key, and key_b64 when not clean. */
void kan_json_set_bytes(json_t *obj, const char *key, struct kan_bytes v);

/* Parse one line (no LF) under the limits: size, depth, key grammar, duplicates refused, an object.
 */
int kan_row_parse(json_t **out, struct kan_bytes line, struct kan_err *err);
/* Parse a document: max octets, max depth counted before jansson sees it, duplicates refused. */
int kan_json_parse(json_t **out, struct kan_bytes text, size_t max, unsigned depth,
		   struct kan_err *err);
/* Sorted keys, indent 1, LF: the one form of every document of ours. */
int kan_json_dump(struct kan_buf *out, const json_t *doc, struct kan_err *err);
/* Compact, LF; what a terminal acts on as \uXXXX. sorted by key, or in the order it was set. */
int kan_json_line(struct kan_buf *out, const json_t *doc, bool sorted, struct kan_err *err);

#endif
