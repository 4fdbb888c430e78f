/* kmsg.ndjson: records of the kernel's ring that name the container's cgroup or one of its
 * processes. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/row.h"
#include "collectors/process_parts.h"
#include "kernel/kmsg.h"

enum {
	RECORDS_MAX = 1 << 20, /* a flood of messages must not hold us */
	KMSG_MAJOR = 1,
	KMSG_MINOR = 11,
	SLACK_NS = 1000000000, /* the ring's clock is not quite that of start times */
	NS_PER_US = 1000,
};

struct ring {
	struct kan_procs *c;
	int fd;
	int64_t asleep_ns, real_ns; /* to be added: ring's clock to boot time to UTC */
	int64_t oldest_ns;
	uint64_t skip, matched, malformed;
	struct kan_rows *rows; /* NULL: count only */
	const struct kan_kmsg *now;
};

static int64_t clock_ns(clockid_t clock)
{
	struct timespec t = {0};
	(void)clock_gettime(clock, &t);
	return (int64_t)t.tv_sec * 1000 * 1000 * 1000 + t.tv_nsec;
}

static int64_t boot_ns(const struct ring *r, const struct kan_kmsg *m)
{
	int64_t ns = 0;
	if (m->us > INT64_MAX / 2 || __builtin_mul_overflow((int64_t)m->us, NS_PER_US, &ns) ||
	    __builtin_add_overflow(ns, r->asleep_ns, &ns))
		return INT64_MAX;
	return ns;
}

static bool lived_then(pid_t pid, void *arg)
{
	const struct ring *r = arg;
	const struct kan_process *p = kan_processes_find(&r->c->all, pid);
	int64_t at = boot_ns(r, r->now);
	if (!p || !p->who.by)
		return false;
	return at > INT64_MAX - SLACK_NS || at + SLACK_NS >= kan_proc_started(0, p->stat.starttime);
}

static const char *why(struct ring *r, const struct kan_kmsg *m)
{
	const char *id = r->c->t->id;
	if (m->text.n >= strlen(id) && memmem(m->text.p, m->text.n, id, strlen(id)))
		return "cgroup";
	r->now = m;
	bool named = kan_kmsg_pids(m->text, lived_then, r);
	r->now = NULL;
	return named ? "pid" : NULL;
}

static int row(struct ring *r, const struct kan_kmsg *m, const char *reason, struct kan_err *err)
{
	struct kan_row *w = kan_rows_begin(r->rows);
	int64_t at = boot_ns(r, m), utc = 0;
	kan_row_dec(w, "seq", m->seq);
	kan_row_uint(w, "prio", m->prio);
	kan_row_int(w, "boot_ns", at);
	if (!__builtin_add_overflow(at, r->real_ns, &utc))
		kan_row_int(w, "t_ns", utc);
	kan_row_bytes(w, "text", m->text);
	kan_row_str(w, "why", reason);
	kan_row_bool(w, "frozen", false); /* read when the container runs again */
	return kan_rows_end(r->rows, err);
}

static int record(struct ring *r, struct kan_bytes bytes, struct kan_err *err)
{
	struct kan_kmsg m;
	if (kan_kmsg_parse(&m, bytes, NULL) < 0) {
		r->malformed++;
		return 0;
	}
	if (!r->oldest_ns)
		r->oldest_ns = boot_ns(r, &m);
	const char *reason = why(r, &m);
	if (!reason)
		return 0;
	r->matched++;
	if (!r->rows || r->matched <= r->skip || r->matched - r->skip > KAN_KMSG_ROWS)
		return 0;
	return row(r, &m, reason, err);
}

/* From the oldest to the newest there is. EPIPE: the oldest was overwritten while we read. */
static int pass(struct ring *r, struct kan_err *err)
{
	uint8_t text[KAN_KMSG_OCTETS];
	r->matched = r->malformed = 0;
	if (lseek(r->fd, 0, SEEK_SET) < 0)
		return kan_fail_sys(err, "kernel log");
	for (unsigned i = 0; i < RECORDS_MAX; i++) {
		ssize_t n = read(r->fd, text, sizeof(text));
		if (n < 0 && (errno == EPIPE || errno == EINTR || errno == EINVAL))
			continue;
		if (n <= 0)
			return 0;
		if (record(r, (struct kan_bytes){text, (size_t)n}, err) < 0)
			return -1;
	}
	return 0;
}

/* That device and nothing else of the name. */
static int open_ring(int *out, struct kan_err *err)
{
	char path[32];
	struct stat st;
	kan_auto_close int pin = open("/dev/kmsg", O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (pin < 0 || fstat(pin, &st) < 0)
		return kan_fail_sys(err, "/dev/kmsg");
	if (!S_ISCHR(st.st_mode) || st.st_rdev != makedev(KMSG_MAJOR, KMSG_MINOR))
		return kan_fail(err, KAN_EDENIED, "/dev/kmsg is not the kernel's log");
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", pin);
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return kan_fail_sys(err, "/dev/kmsg");
	*out = fd;
	return 0;
}

static void tell(const struct ring *r)
{
	char at[KAN_RFC3339], text[160];
	if (r->matched > KAN_KMSG_ROWS)
		kan_sink_limit(r->c->sink, KAN_LIT("kmsg.ndjson"), r->matched, KAN_KMSG_ROWS,
			       KAN_KMSG_ROWS);
	if (r->malformed)
		kan_sink_gap(r->c->sink, KAN_LIT("kmsg.ndjson"), KAN_GAP_MALFORMED,
			     "%llu records cannot be parsed", (unsigned long long)r->malformed);
	if (!r->oldest_ns)
		return;
	kan_rfc3339(at, r->oldest_ns + r->real_ns);
	(void)snprintf(text, sizeof(text),
		       "its oldest record is of %s: the kernel's ring overwrites what is older",
		       at);
	kan_sink_scope(r->c->sink, KAN_LIT("kmsg.ndjson"), text);
}

/* The newest are kept: so they are counted first. */
static int both_passes(struct ring *r, struct kan_err *err)
{
	if (pass(r, err) < 0)
		return -1;
	r->skip = r->matched > KAN_KMSG_ROWS ? r->matched - KAN_KMSG_ROWS : 0;
	if (kan_rows_open(&r->rows, r->c->sink, "kmsg.ndjson", err) < 0)
		return -1;
	if (pass(r, err) < 0) {
		kan_rows_abandon(r->rows);
		return -1;
	}
	tell(r);
	return kan_rows_close(r->rows, err);
}

int kan_procs_kmsg(struct kan_procs *c, struct kan_err *err)
{
	kan_auto_close int fd = -1;
	struct kan_err refused = {0};
	if (open_ring(&fd, &refused) < 0) {
		kan_sink_gap(c->sink, KAN_LIT("kmsg.ndjson"), KAN_GAP_DENIED, "%s", refused.text);
		return 0;
	}
	int64_t boot = clock_ns(CLOCK_BOOTTIME);
	struct ring r = {.c = c,
			 .fd = fd,
			 .asleep_ns = boot - clock_ns(CLOCK_MONOTONIC),
			 .real_ns = kan_now_ns() - boot};
	return both_passes(&r, err);
}
