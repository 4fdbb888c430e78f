/* A home on disk: a private directory with keys/host and the bare custody.git. */
#ifndef KAN_CUSTODY_HOME_H
#define KAN_CUSTODY_HOME_H

#include "custody/form.h"
#include "custody/key.h"

#include <limits.h>

enum { KAN_HOME_LOCK_S = 30 };

struct kan_home {
	char path[PATH_MAX]; /* absolute, resolved */
	char repo[PATH_MAX]; /* <path>/custody.git */
	int fd, repo_fd;
};

/*
 * Open, and make what is not there. refused: not a directory of ours alone (0700, our uid). Many
 * processes may do this at once: each piece is made aside and put in place in one step, the first
 * one wins.
 */
int kan_home_open(struct kan_home *out, const char *path, struct kan_err *err);
void kan_home_close(struct kan_home *h);
/* The home that is there, for reading: 1 and its directory and resolved name; 0 there is none;
 * refused as above. Makes nothing. */
int kan_home_look(int *fd, char whole[PATH_MAX], const char *path, struct kan_err *err);
/* keys/host, made when absent. */
int kan_home_key(struct kan_key **out, const struct kan_home *h, struct kan_err *err);
/* Under the lock: main is about to be moved, or was. Whoever takes the lock of a holder that died
 * between the two knows that the main.lock which is there was his. */
int kan_home_moving(const struct kan_home *h, bool moving, struct kan_err *err);
/* Under the lock: a main.lock that a git left which is no more. 1 removed, 0 there was none. */
int kan_home_break_lock(const struct kan_home *h, struct kan_err *err);
/* What of locks is in the home's repository; takes and changes nothing. */
enum kan_home_locks {
	KAN_HOME_FREE,
	KAN_HOME_WRITES,   /* another kanshiki holds it now */
	KAN_HOME_DIED,     /* one that died left it: the next one puts it right */
	KAN_HOME_GIT_LEFT, /* a git that is no more, or still runs, has main.lock */
};
enum kan_home_locks kan_home_locks(const char *home);
/* flock on custody.git/kanshiki.lock, and what crashes left there is swept. close fd to unlock. */
int kan_home_lock(int *fd, const struct kan_home *h, struct kan_err *err);
/* "kanshiki@<this machine>" */
void kan_home_host(char out[KAN_FORM_HOST]);

#endif
