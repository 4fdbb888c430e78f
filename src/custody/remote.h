/* A remote copy of the repository: which kind it is, and where its main is. */
#ifndef KAN_CUSTODY_REMOTE_H
#define KAN_CUSTODY_REMOTE_H

#include "custody/git.h"

enum { KAN_REMOTE_URL = 2048, KAN_REMOTE_SECONDS = 60, KAN_REMOTE_ADVERT_MAX = 4 << 20 };

enum kan_remote_kind {
	KAN_REMOTE_FILE,  /* a bare repository of this machine; url is its path */
	KAN_REMOTE_HTTP,  /* http or https, smart protocol */
	KAN_REMOTE_OTHER, /* ssh and whatever else git can do and we do not */
};

struct kan_remote {
	enum kan_remote_kind kind;
	char url[KAN_REMOTE_URL]; /* without a slash at the end */
	const char *user;         /* "name:password", or NULL; borrowed */
	const char *ca;           /* PEM file for https; NULL: the system's. Borrowed */
};

/* usage: an address with a password, a query or control characters in it. */
int kan_remote_parse(struct kan_remote *out, const char *text, struct kan_err *err);
/*
 * main of the remote, "" for none. Nothing is run, no configuration is read. io: not reachable;
 * denied: it wants other credentials; service: "git-upload-pack", or "git-receive-pack" before a
 * push.
 */
int kan_remote_main(char id[KAN_GIT_ID], const struct kan_remote *r, const char *service,
		    struct kan_err *err);
/* What a status that is not 200 means, and where. -1. */
int kan_remote_refused(int status, const char *url, struct kan_err *err);

#endif
