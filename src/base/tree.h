/* The one way to walk and open files of a target: by descriptor, no link followed, types checked
 * first. */
#ifndef KAN_BASE_TREE_H
#define KAN_BASE_TREE_H

#include <kanshiki/bytes.h>
#include <kanshiki/err.h>
#include <linux/stat.h>
#include <sys/stat.h>
#include <sys/types.h>

enum {
	KAN_TREE_DEPTH = 65536,
	KAN_TREE_HELD =
		64, /* directory descriptors held; deeper ones are reopened through ".." checks */
	KAN_TREE_OPEN_MS = 2000,  /* a real open or first read may block that long: a permission
				     mark, dead storage */
	KAN_TREE_READ_MS = 20000, /* all of a bounded read that goes on, each piece in time */
	KAN_TREE_STUCK = 8,       /* so many of one opener do not return, then it tries no more */
	KAN_TREE_DENTS = 1 << 20, /* of names that are listed in one piece */
	KAN_TREE_XATTR_MAX = 256 << 10,
};
struct kan_tree_opener;

/* One directory entry as the walk meets it. All views are borrowed for the call. */
struct kan_tree_entry {
	struct kan_bytes path; /* below the walk's root, begins with '/'; "/" is the root itself */
	struct kan_bytes name;
	unsigned depth;
	int parent_fd; /* O_PATH or real directory */
	int fd; /* O_PATH|O_NOFOLLOW of the entry itself: fstat, fgetxattr through /proc/self/fd */
	const struct statx
		*st; /* AT_STATX_DONT_SYNC|AT_NO_AUTOMOUNT, all of STATX_BASIC_STATS|BTIME|MNT_ID */
	bool post;   /* directories only: second visit, after the entries below (when asked for) */
};

enum kan_tree_next { KAN_TREE_GO, KAN_TREE_SKIP, KAN_TREE_STOP };
typedef enum kan_tree_next kan_tree_fn(const struct kan_tree_entry *e, void *arg);
/* A thing that could not be entered or listed (err says why): the walk goes on. */
typedef void kan_tree_problem_fn(struct kan_bytes path, const struct kan_err *err, void *arg);

struct kan_tree_walk {
	uint64_t max_entries; /* 0: 2,000,000 */
	bool post;            /* call directories twice */
	bool cross_mounts;    /* default: another mount id or device is visited as an entry, not
				 entered */
	bool sorted;          /* names in byte order within a directory (else inode order) */
	int64_t dirs_before;  /* not 0: of a directory whose ctime (ns) is before it, only
				 directories  are met */
	kan_tree_fn *fn;
	kan_tree_problem_fn *problem;
	void *arg;
	struct kan_tree_opener *opener; /* directories are opened and listed with its bound; NULL:
					   it may block */
	uint64_t seen;                  /* out: entries met */
};
/* Walk below root_fd (any directory descriptor). 0 whole; -1 limit when max_entries was hit, else
 * as err. */
int kan_tree_walk(struct kan_tree_walk *w, int root_fd, struct kan_err *err);

/*
 * The open rule: from an O_PATH descriptor to a readable one. S_ISREG and S_ISDIR only (else
 * refused); O_RDONLY|O_NONBLOCK|O_NOCTTY|O_NOATIME|O_CLOEXEC through our own /proc/self/fd, fstat
 * again: same device and inode. *noatime false when O_NOATIME was refused. May block: call it in a
 * worker that can be left behind (kan_tree_opener).
 */
int kan_tree_open(int *fd, bool *noatime, int path_fd, struct kan_err *err);
/* O_PATH|O_NOFOLLOW|O_CLOEXEC of one component. */
int kan_tree_pin(int *fd, int dir_fd, struct kan_bytes name, struct kan_err *err);
/* Link target as bytes, of a pinned symlink. */
int kan_tree_readlink(struct kan_buf *out, int link_fd, struct kan_err *err);

/*
 * Real opens with a bound: a worker thread opens, the caller waits at most KAN_TREE_OPEN_MS; then
 * the worker is left behind (err: io with sys ETIMEDOUT, gap "stuck") and a new one serves the next
 * open. After KAN_TREE_STUCK of them nothing more is tried: gave_up tells such an error (limit with
 * sys ETIMEDOUT, gap "stuck"), which is to be said once: gave_up_again is true from the second on.
 */
struct kan_tree_opener *kan_tree_opener_new(void);
void kan_tree_opener_free(struct kan_tree_opener *o);
int kan_tree_open_bounded(int *fd, bool *noatime, struct kan_tree_opener *o, int path_fd,
			  struct kan_err *err);
/* Opened, and the first n octets of it read, in one go: fewer are all that it has. The bound holds
 * for each of both; -1 of either: as err, and nothing is open. */
ssize_t kan_tree_first_bounded(void *to, size_t n, int *fd, bool *noatime,
			       struct kan_tree_opener *o, int path_fd, struct kan_err *err);
/* The same of reading: the first octets of a file, as many as most, appended. limit: out is full.
 */
int kan_tree_read_bounded(struct kan_buf *out, struct kan_tree_opener *o, int fd, size_t most,
			  struct kan_err *err);
/* Octets from at on, n of them; fewer only at the file's end. -1: as err. */
ssize_t kan_tree_piece_bounded(void *to, size_t n, struct kan_tree_opener *o, int fd, uint64_t at,
			       struct kan_err *err);
bool kan_tree_gave_up(const struct kan_err *err);
bool kan_tree_gave_up_again(struct kan_tree_opener *o, const struct kan_err *err);

/* The next names of an open directory, as the kernel gives them, in the place of what out has; no
 * more than KAN_TREE_DENTS octets. *ended: there are no more. */
int kan_tree_dents_bounded(struct kan_buf *out, bool *ended, struct kan_tree_opener *o, int fd,
			   struct kan_err *err);
struct kan_tree_dent {
	uint64_t ino;
	int64_t off; /* where to seek to go on behind it */
	bool dir;    /* or not known */
	struct kan_bytes name;
};
/* One of them, without "." and "..". false: left is at its end. */
bool kan_tree_dent(struct kan_tree_dent *out, struct kan_bytes *left);

/* Extended attributes of a pinned file or directory (any type): name and value, NUL-free names. */
typedef void kan_tree_xattr_fn(struct kan_bytes name, struct kan_bytes value, void *arg);
int kan_tree_xattrs(int path_fd, int parent_fd, struct kan_bytes name, kan_tree_xattr_fn *fn,
		    void *arg, struct kan_err *err);
/* The same of an open file: its path is not looked up for each. */
int kan_tree_open_xattrs(int fd, kan_tree_xattr_fn *fn, void *arg, struct kan_err *err);

#endif
