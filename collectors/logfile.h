/* The files of one log: the live one and its rotations, all opened before the first is read. */
#ifndef KAN_COLLECTORS_LOGFILE_H
#define KAN_COLLECTORS_LOGFILE_H

#include <kanshiki/sink.h>
#include <kanshiki/target.h>

enum { KAN_LOG_ROTATIONS = 1000, KAN_LOG_FAULTS = 64 /* told one by one */, KAN_LOG_STUCK = 8 };

/* The first 64 MiB of a file over 1 GiB, and the rest from its end; what lies between is a gap. */
#define KAN_LOG_SOURCE ((uint64_t)1 << 30)
#define KAN_LOG_HEAD ((uint64_t)64 << 20)
/* Of all files together, from the live one to the oldest. */
#define KAN_LOG_ALL ((uint64_t)4 << 30)

struct kan_logfile {
	int n; /* 0: the live one; higher is older */
	int fd;
	bool packed; /* .gz */
};
/* One that is there and cannot be opened. */
struct kan_logfault {
	int n;
	bool packed;
	struct kan_err why;
};
/* By number. An open file stays what it was when a rotation renames it meanwhile. */
struct kan_logset {
	struct kan_logfile v[2 * KAN_LOG_ROTATIONS];
	size_t n;
	int missing; /* the first number that is not there, though a higher one is; 0: none */
	bool moved;  /* rotated each time it was opened: a file may be there twice, or not at all */
	bool gone;   /* the live one went away meanwhile */
	bool more;   /* there are older ones than are looked for */
	struct kan_logfault faults[KAN_LOG_FAULTS];
	size_t n_faults; /* may be more than are kept */
	size_t n_stuck;  /* of them; after KAN_LOG_STUCK no more are opened */
};

/*
 * path: below the data root, or as the engine names it. *out is yours, also after a failure. -1:
 * the live file cannot be opened; what there is of older ones is in out.
 */
int kan_logset_open(struct kan_logset **out, const struct kan_target *t, const char *path,
		    struct kan_err *err);
void kan_logset_free(struct kan_logset *s);

/* Raw, into <dir>/<n>.log[.gz], and its row. A file that cannot be read is a gap; -1: evidence
 * cannot be written. */
struct kan_logstore {
	const struct kan_target *t;
	struct kan_sink *sink;
	struct kan_rows *rows;
	const char *dir;
	uint64_t files;
	uint64_t each; /* octets of one file, at most */
	uint64_t left; /* of all */
};
/* --max-bytes raises what is usual. */
uint64_t kan_log_room(const struct kan_target *t, uint64_t usual);
struct kan_logstore kan_logstore_of(const struct kan_target *t, struct kan_sink *sink);
int kan_logfile_store(struct kan_logstore *l, const struct kan_logfile *f, struct kan_err *err);

#endif
