/* git without git: objects in and out, and one signed commit on the expected tip. */
#ifndef KAN_CUSTODY_GIT_H
#define KAN_CUSTODY_GIT_H

#include <kanshiki/bytes.h>
#include <kanshiki/err.h>

enum {
	KAN_GIT_ID = 41, /* 40 hex and NUL */
	KAN_GIT_OBJECT_MAX = 16 << 20,
	KAN_GIT_LOOSE_MAX = 2 * KAN_GIT_OBJECT_MAX, /* of a file of one object, packed */
	KAN_GIT_REF_LOCK_S = 10,
};
#define KAN_GIT_BRANCH "refs/heads/main"

/* git's own numbers */
enum kan_git_type { KAN_GIT_COMMIT = 1, KAN_GIT_TREE = 2, KAN_GIT_BLOB = 3 };

struct kan_git;

/* Our own repository, for writing: belongs to us (else denied), no configuration but its own is
 * read. */
int kan_git_open(struct kan_git **out, const char *path, struct kan_err *err);
/* The objects directory of any repository, for reading: neither configuration nor alternates are
 * read. */
int kan_git_open_objects(struct kan_git **out, const char *objects_dir, struct kan_err *err);
void kan_git_free(struct kan_git *g);
void kan_git_auto(struct kan_git **g);
#define kan_auto_git __attribute__((cleanup(kan_git_auto)))

/* 1: id is the tip of main; 0: there is no commit yet; -1 error. */
int kan_git_tip(char id[KAN_GIT_ID], struct kan_git *g, struct kan_err *err);
/*
 * The object's bytes, after its id was computed over them. not-found: it is missing. tamper: other
 * bytes, another type. limit: larger than KAN_GIT_OBJECT_MAX or out->max, told from its header,
 * unread.
 */
int kan_git_read(struct kan_buf *out, struct kan_git *g, const char *id, enum kan_git_type type,
		 struct kan_err *err);
int kan_git_put_blob(char id[KAN_GIT_ID], struct kan_git *g, struct kan_bytes content,
		     struct kan_err *err);

/* One file that the commit adds, mode 100644. */
struct kan_git_add {
	char *path;
	char id[KAN_GIT_ID];
};
struct kan_git_person {
	const char *name, *email;
};
/* Gets the commit's unsigned bytes, appends the armour. */
typedef int kan_git_sign_fn(struct kan_buf *armour, struct kan_bytes commit, void *arg,
			    struct kan_err *err);
struct kan_git_commit {
	const char *tip; /* expected tip and parent, "" for the first commit */
	const struct kan_git_add *adds;
	size_t n;
	struct kan_git_person author, committer;
	int64_t time; /* seconds since 1970, written as +0000 */
	const char *message;
	kan_git_sign_fn *sign;
	void *arg;
};
/* 0: main is at *id now. 1: somebody moved main; the commit's objects are unreachable. -1 error. */
int kan_git_commit(char id[KAN_GIT_ID], struct kan_git *g, const struct kan_git_commit *c,
		   struct kan_err *err);

/*
 * A pack of everything that tip reaches and have ("" or one of its ancestors) does not, written to
 * fd from its offset on. Objects are streamed; nothing is cached.
 */
int kan_git_pack(int fd, struct kan_git *g, const char *tip, const char *have, struct kan_err *err);
/*
 * The same into another repository of this machine, then its main is moved from have to tip. 1:
 * somebody moved it meanwhile. denied: it belongs to somebody else.
 */
int kan_git_push_local(struct kan_git *g, const char *remote, const char *tip, const char *have,
		       struct kan_err *err);

#endif
