/* The thread behind an artefact: two buffers that change hands, by two semaphores. */
#include "evidence/writer.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>

#include "base/file.h"

/* All of it is the thread's from full to empty, else the owner's. */
struct kan_writer {
	sem_t full, empty;
	pthread_t thread;
	int fd;
	struct kan_digest *digest;
	uint8_t *buffer;
	size_t size;
	bool ended;
	int rc;
	struct kan_err err;
};

static void wait_for(sem_t *s)
{
	while (sem_wait(s) < 0 && errno == EINTR)
		continue;
}

/* The bytes are in the processor's cache when they are written. */
static void *work(void *arg)
{
	struct kan_writer *w = arg;
	for (;;) {
		wait_for(&w->full);
		if (w->ended)
			return NULL;
		kan_digest_add(w->digest, w->buffer, w->size);
		w->rc = kan_write_all(w->fd, w->buffer, w->size, &w->err);
		(void)sem_post(&w->empty);
	}
}

static void release(struct kan_writer *w)
{
	(void)sem_destroy(&w->full);
	(void)sem_destroy(&w->empty);
	free(w->buffer);
	free(w);
}

struct kan_writer *kan_writer_new(int fd, struct kan_digest *digest, size_t size)
{
	struct kan_writer *w = kan_xalloc(sizeof(*w));
	w->fd = fd;
	w->digest = digest;
	w->size = size;
	w->buffer = kan_io_buffer(size);
	(void)sem_init(&w->full, 0, 0);
	(void)sem_init(&w->empty, 0, 1);
	if (pthread_create(&w->thread, NULL, work, w) == 0)
		return w;
	release(w);
	return NULL;
}

static int result(const struct kan_writer *w, struct kan_err *err)
{
	if (w->rc < 0 && err)
		*err = w->err;
	return w->rc;
}

int kan_writer_give(uint8_t **buffer, struct kan_writer *w, struct kan_err *err)
{
	wait_for(&w->empty);
	if (w->rc < 0) {
		(void)sem_post(&w->empty);
		return result(w, err);
	}
	uint8_t *full = *buffer;
	*buffer = w->buffer;
	w->buffer = full;
	(void)sem_post(&w->full);
	return 0;
}

int kan_writer_end(struct kan_writer *w, struct kan_err *err)
{
	wait_for(&w->empty);
	w->ended = true;
	(void)sem_post(&w->full);
	(void)pthread_join(w->thread, NULL);
	int rc = result(w, err);
	release(w);
	return rc;
}
