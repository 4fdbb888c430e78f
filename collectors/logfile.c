/* All files of a log are opened, before the first is read. */
#include "collectors/logfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "engine/dataroot.h"

enum {
	PATH_OCTETS = 4096,
	NAME_OCTETS = PATH_OCTETS + 16,
	TRIES = 4,
	NAP_NS = 20000000,
	BEHIND = 3
};

static const char *const forms[] = {"", ".gz"};

/* A regular file, pinned and looked at before it is opened, with a bound. */
static int open_one(int *fd, const struct kan_target *t, const char *path, struct kan_err *err)
{
	return kan_target_data_open(fd, t, path, O_RDONLY, err);
}

static void close_all(struct kan_logset *s)
{
	for (size_t i = 0; i < s->n; i++)
		kan_auto_close_fn(&s->v[i].fd);
	*s = (struct kan_logset){0};
}

static void name_of(char out[NAME_OCTETS], const char *path, int n, bool packed)
{
	(void)snprintf(out, NAME_OCTETS, "%.4000s.%d%s", path, n, forms[packed]);
}

/* It is there, and cannot be opened. */
static void fault(struct kan_logset *s, int n, bool packed, const struct kan_err *why)
{
	if (s->n_faults < KAN_LOG_FAULTS)
		s->faults[s->n_faults] =
			(struct kan_logfault){.n = n, .packed = packed, .why = *why};
	s->n_faults++;
	s->n_stuck += why->sys == ETIMEDOUT;
}

/* While the engine packs one, both forms are there. true: there is one, opened or not. */
static bool open_number(struct kan_logset *s, const struct kan_target *t, const char *path, int n)
{
	bool found = false;
	for (size_t i = 0; i < 2; i++) {
		char name[NAME_OCTETS];
		struct kan_err why = {0};
		struct kan_logfile *f = &s->v[s->n];
		*f = (struct kan_logfile){.n = n, .fd = -1, .packed = i == 1};
		name_of(name, path, n, f->packed);
		if (open_one(&f->fd, t, name, &why) == 0)
			s->n++;
		else if (why.code == KAN_ENOTFOUND)
			continue;
		else
			fault(s, n, f->packed, &why);
		found = true;
	}
	return found;
}

static bool more_than_opened(const struct kan_target *t, const char *path)
{
	char name[NAME_OCTETS];
	for (size_t i = 0; i < 2; i++) {
		kan_auto_close int fd = -1;
		name_of(name, path, KAN_LOG_ROTATIONS, i == 1);
		if (kan_target_data_open(&fd, t, name, O_PATH | O_NOFOLLOW, NULL) == 0)
			return true;
	}
	return false;
}

static bool same_file(int fd, int other)
{
	struct stat a, b;
	return fstat(fd, &a) == 0 && fstat(other, &b) == 0 && a.st_dev == b.st_dev &&
	       a.st_ino == b.st_ino;
}

/* The engine renames from the oldest to the live one: a file that was passed may be met again, at
 * the next number, which both forms of the one before it may come between. */
static bool twice(const struct kan_logset *s)
{
	for (size_t i = 1; i < s->n; i++)
		for (size_t k = i > BEHIND ? i - BEHIND : 0; k < i; k++)
			if (same_file(s->v[k].fd, s->v[i].fd))
				return true;
	return false;
}

static void nap(void)
{
	const struct timespec t = {0, NAP_NS}; /* a rotation is some renames */
	(void)nanosleep(&t, NULL);
}

/* Did it happen while they were opened? Between two names of a rotation there is no live file: that
 * is waited for. One that stays away went with its container. */
static bool rotated(struct kan_logset *s, const struct kan_target *t, const char *path)
{
	if (twice(s))
		return true;
	for (int i = 0; i < TRIES; i++) {
		kan_auto_close int fd = -1;
		struct kan_err why = {0};
		if (kan_target_data_open(&fd, t, path, O_PATH | O_NOFOLLOW, &why) == 0)
			return !same_file(fd, s->v[0].fd);
		if (why.code != KAN_ENOTFOUND) {
			fault(s, 0, false, &why);
			return false;
		}
		nap();
	}
	s->gone = true;
	return false;
}

static int open_all(struct kan_logset *s, const struct kan_target *t, const char *path,
		    struct kan_err *err)
{
	close_all(s);
	s->v[0] = (struct kan_logfile){.fd = -1};
	int rc = open_one(&s->v[0].fd, t, path, err);
	s->n = rc == 0;
	s->n_stuck = rc < 0 && err && err->sys == ETIMEDOUT;
	for (int n = 1, gap = 0; n < KAN_LOG_ROTATIONS && s->n_stuck < KAN_LOG_STUCK; n++) {
		bool found = open_number(s, t, path, n);
		if (found && gap && !s->missing)
			s->missing = gap;
		if (!found && !gap)
			gap = n;
	}
	s->more = s->n_stuck < KAN_LOG_STUCK && more_than_opened(t, path);
	return rc;
}

int kan_logset_open(struct kan_logset **out, const struct kan_target *t, const char *path,
		    struct kan_err *err)
{
	struct kan_logset *s = *out = kan_xalloc(sizeof(*s));
	for (int i = 0; i < TRIES; i++) {
		int rc = open_all(s, t, path, err);
		bool moved = rc == 0 && rotated(s, t, path),
		     whole = rc == 0 && !moved && !s->missing;
		if (whole || s->gone || s->n_stuck || i == TRIES - 1) {
			s->moved = moved;
			return rc;
		}
		nap();
	}
	return 0;
}

void kan_logset_free(struct kan_logset *s)
{
	if (s)
		close_all(s);
	free(s);
}
