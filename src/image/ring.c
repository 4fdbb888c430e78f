/* The ring: positions only grow; a record that does not fit before the end starts at the beginning.
 */
#include "image/ring.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "base/file.h"

enum { WAKE_PARTS = 8, NS_PER_MS = 1000000, NS_PER_S = 1000000000 };

/* In front of each record. skip: no record, the rest of the ring's memory is left out. */
struct head {
	size_t size;
	bool skip;
};
enum { HEAD = 64 };

struct kan_ring {
	uint8_t *data;
	size_t size;
	_Atomic uint64_t written, read; /* bytes since the beginning */
	_Atomic bool ended, closed, consumer_waits, producer_waits;
	size_t reserved;
	pthread_mutex_t lock;
	pthread_cond_t changed;
};

struct kan_ring *kan_ring_new(size_t size)
{
	pthread_condattr_t clock;
	struct kan_ring *r = kan_xalloc(sizeof(*r));
	r->size = size;
	r->data = kan_io_buffer(size);
	(void)pthread_condattr_init(&clock);
	(void)pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
	(void)pthread_mutex_init(&r->lock, NULL);
	(void)pthread_cond_init(&r->changed, &clock);
	(void)pthread_condattr_destroy(&clock);
	return r;
}

void kan_ring_free(struct kan_ring *r)
{
	if (!r)
		return;
	(void)pthread_mutex_destroy(&r->lock);
	(void)pthread_cond_destroy(&r->changed);
	free(r->data);
	free(r);
}

static void wake(struct kan_ring *r)
{
	(void)pthread_mutex_lock(&r->lock);
	(void)pthread_cond_broadcast(&r->changed);
	(void)pthread_mutex_unlock(&r->lock);
}

static uint64_t filled(const struct kan_ring *r)
{
	return atomic_load(&r->written) - atomic_load(&r->read);
}

/* A record takes whole cache lines: a head fits into whatever is left at the end. */
static size_t whole(size_t n)
{
	return (n + HEAD + HEAD - 1) / HEAD * HEAD;
}

static struct head *head_at(struct kan_ring *r, uint64_t pos)
{
	return (struct head *)(void *)(r->data + pos % r->size);
}

static bool wait_for_room(struct kan_ring *r, size_t n)
{
	if (atomic_load(&r->closed))
		return false;
	if (r->size - filled(r) >= n)
		return true;
	(void)pthread_mutex_lock(&r->lock);
	atomic_store(&r->producer_waits, true);
	(void)pthread_cond_broadcast(&r->changed);
	while (r->size - filled(r) < n && !atomic_load(&r->closed))
		(void)pthread_cond_wait(&r->changed, &r->lock);
	atomic_store(&r->producer_waits, false);
	(void)pthread_mutex_unlock(&r->lock);
	return !atomic_load(&r->closed);
}

void *kan_ring_reserve(struct kan_ring *r, size_t n)
{
	uint64_t pos = atomic_load(&r->written);
	size_t need = whole(n), left = r->size - pos % r->size;
	if (left < need) {
		if (!wait_for_room(r, left))
			return NULL;
		*head_at(r, pos) = (struct head){left, true};
		atomic_store(&r->written, pos + left);
	}
	if (!wait_for_room(r, need))
		return NULL;
	r->reserved = need;
	return (uint8_t *)head_at(r, atomic_load(&r->written)) + HEAD;
}

void kan_ring_commit(struct kan_ring *r, size_t used)
{
	uint64_t pos = atomic_load(&r->written);
	size_t n = whole(used);
	*head_at(r, pos) = (struct head){n, false};
	atomic_store(&r->written, pos + n);
	/* A consumer that sleeps is woken for a good load, not for each record. */
	if (atomic_load(&r->consumer_waits) && filled(r) >= r->size / WAKE_PARTS)
		wake(r);
}

void kan_ring_end(struct kan_ring *r)
{
	atomic_store(&r->ended, true);
	wake(r);
}

static struct timespec in_ms(unsigned ms)
{
	struct timespec t;
	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	int64_t ns = t.tv_nsec + (int64_t)ms * NS_PER_MS;
	t.tv_sec += ns / NS_PER_S;
	t.tv_nsec = ns % NS_PER_S;
	return t;
}

static void wait_for_load(struct kan_ring *r, unsigned wait_ms)
{
	struct timespec until = in_ms(wait_ms);
	int rc = 0;
	(void)pthread_mutex_lock(&r->lock);
	atomic_store(&r->consumer_waits, true);
	while (filled(r) < r->size / WAKE_PARTS && !atomic_load(&r->ended) && rc != ETIMEDOUT)
		rc = pthread_cond_timedwait(&r->changed, &r->lock, &until);
	atomic_store(&r->consumer_waits, false);
	(void)pthread_mutex_unlock(&r->lock);
}

int kan_ring_next(void **p, struct kan_ring *r, unsigned wait_ms)
{
	for (;;) {
		if (filled(r) == 0 && !atomic_load(&r->ended))
			wait_for_load(r, wait_ms);
		if (filled(r) == 0) /* the end is told after the last record: look again */
			return atomic_load(&r->ended) && filled(r) == 0 ? 0 : -1;
		struct head *h = head_at(r, atomic_load(&r->read));
		if (!h->skip) {
			*p = (uint8_t *)h + HEAD;
			return 1;
		}
		kan_ring_release(r);
	}
}

void kan_ring_release(struct kan_ring *r)
{
	uint64_t pos = atomic_load(&r->read);
	atomic_store(&r->read, pos + head_at(r, pos)->size);
	if (atomic_load(&r->producer_waits) && filled(r) <= r->size / 2)
		wake(r);
}

void kan_ring_close(struct kan_ring *r)
{
	atomic_store(&r->closed, true);
	wake(r);
}

bool kan_ring_settled(struct kan_ring *r, unsigned wait_ms)
{
	struct timespec until = in_ms(wait_ms);
	int rc = 0;
	(void)pthread_mutex_lock(&r->lock);
	while (!atomic_load(&r->ended) && !atomic_load(&r->producer_waits) && rc != ETIMEDOUT)
		rc = pthread_cond_timedwait(&r->changed, &r->lock, &until);
	bool settled = atomic_load(&r->ended) || atomic_load(&r->producer_waits);
	(void)pthread_mutex_unlock(&r->lock);
	return settled;
}
