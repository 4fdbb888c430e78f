/* A walk that counts. A directory that does not open holds whoever walks there: so a thread that
 * can be left behind does. */
#include "image/measure.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/tree.h"
#include "kernel/bounded.h"

enum { MEASURE_MS = 1000, NS_PER_MS = 1000000 }; /* who takes longer to count is not small */

struct counting {
	struct kan_measured *out;
	const struct kan_small *limit;
	int64_t until_ns;
};

static bool over(const struct counting *c)
{
	return c->out->entries > c->limit->entries || c->out->octets > c->limit->octets ||
	       kan_boot_ns() > c->until_ns;
}

static enum kan_tree_next count(const struct kan_tree_entry *e, void *arg)
{
	struct counting *c = arg;
	c->out->entries++;
	if (S_ISREG(e->st->stx_mode))
		c->out->octets += e->st->stx_size;
	return over(c) ? KAN_TREE_STOP : KAN_TREE_GO;
}

void kan_measure(struct kan_measured *out, int dir_fd, const struct kan_small *limit)
{
	struct counting c = {out, limit, kan_boot_ns() + (int64_t)MEASURE_MS * NS_PER_MS};
	struct kan_tree_walk w = {.fn = count, .arg = &c};
	struct kan_err none = {0};
	*out = (struct kan_measured){0};
	out->small = kan_tree_walk(&w, dir_fd, &none) == 0 && !over(&c);
}

struct job {
	int fd;
	struct kan_small limit;
	struct kan_measured out;
};

static void work(void *arg)
{
	struct job *j = arg;
	kan_measure(&j->out, j->fd, &j->limit);
}

static void drop(void *arg)
{
	struct job *j = arg;
	kan_auto_close_fn(&j->fd);
	free(j);
}

void kan_measure_bounded(struct kan_measured *out, int dir_fd, const struct kan_small *limit)
{
	struct kan_bounded *b = kan_bounded_new();
	struct job *j = kan_xalloc(sizeof(*j));
	struct kan_err why = {0};
	const struct kan_bounded_work counting = {
		.job = j, .ms = KAN_BOUNDED_MS, .work = work, .drop = drop};
	*j = (struct job){.fd = fcntl(dir_fd, F_DUPFD_CLOEXEC, 0), .limit = *limit};
	*out = (struct kan_measured){0};
	if (kan_bounded_run(b, &counting, &why) == 0)
		*out = j->out;
	if (why.sys != ETIMEDOUT) /* else it is the blocked thread's */
		drop(j);
	kan_bounded_free(b);
}
