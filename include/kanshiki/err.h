/* Errors: caller-owned, fixed size, last argument of every function that can fail. */
#ifndef KANSHIKI_ERR_H
#define KANSHIKI_ERR_H

#include <errno.h>

/* What went wrong, in the few kinds a caller can act on. src/cli maps them to exit statuses. */
enum kan_code {
	KAN_OK,
	KAN_EUSAGE,    /* the request makes no sense */
	KAN_ENOTFOUND, /* the thing asked for does not exist (any more) */
	KAN_EENGINE, /* the engine cannot be reached or used; sys is ETIMEDOUT when it was too slow
		      */
	KAN_EDENIED, /* permission */
	KAN_EIO,     /* our own storage: evidence cannot be written or read */
	KAN_EFORMAT, /* bytes that cannot be parsed */
	KAN_ELIMIT,  /* a named maximum was hit */
	KAN_ETAMPER, /* sealed evidence or the chain is not what it was */
	KAN_EUNSUPPORTED, /* this kernel, engine or build cannot */
	KAN_EREFUSED,     /* it could be done, and would do harm */
};

enum { KAN_ERR_TEXT = 512 };

struct kan_err {
	enum kan_code code;
	int sys; /* errno, or 0 */
	char text[KAN_ERR_TEXT];
};

/* Set err (NULL is allowed). A later call replaces it: use kan_wrap to add to it. Never allocates.
 */
void kan_err_set(struct kan_err *err, enum kan_code code, int sys, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
/* Code from errno: EACCES/EPERM denied, ENOENT/ESRCH not-found, else io; appends strerror. */
void kan_err_sys(struct kan_err *err, int sys, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* Put "context: " in front of the text; code and sys stay. */
void kan_err_wrap(struct kan_err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* The helpers visibly yield -1, so that `return kan_fail(...)` needs no second statement. */
#define kan_fail(err, code, ...) (kan_err_set((err), (code), 0, __VA_ARGS__), -1)
#define kan_fail_sys(err, ...) (kan_err_sys((err), errno, __VA_ARGS__), -1)
#define kan_wrap(err, ...) (kan_err_wrap((err), __VA_ARGS__), -1)

#endif
