/* Who holds which socket, from one collector to another. */
#include "evidence/holders.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "evidence/sink_state.h"

enum { NOBODY, PROMISED, TOLD, BROKEN, NAP_US = 500 };

static struct kan_holders *shared(const struct kan_sink *s)
{
	return s->window ? s->window->holders : NULL;
}

void kan_holders_promise(struct kan_sink *s)
{
	if (!shared(s))
		return;
	shared(s)->by = getpid();
	atomic_store(&shared(s)->state, PROMISED);
}

void kan_holders_tell(struct kan_sink *s, const struct kan_owners *o, bool frozen)
{
	struct kan_holders *h = shared(s);
	if (!h || atomic_load(&h->state) != PROMISED)
		return;
	if (o && o->n) {
		memcpy(h->v, o->v, o->n * sizeof(*o->v));
		h->n = o->n;
		h->seen = o->seen;
	}
	h->frozen = frozen;
	atomic_store(&h->state, o ? TOLD : BROKEN);
}

bool kan_holders_promised(const struct kan_sink *s)
{
	return shared(s) && atomic_load(&shared(s)->state) != NOBODY;
}

/* Not yet, and it may still come: a child of the conductor that is dead is reaped by it. */
static bool comes(const struct kan_holders *h)
{
	return atomic_load(&h->state) == PROMISED && (kill(h->by, 0) == 0 || errno != ESRCH);
}

bool kan_holders_wait(struct kan_owners *out, bool *frozen, const struct kan_sink *s)
{
	const struct timespec nap = {.tv_nsec = NAP_US * 1000L};
	struct kan_holders *h = shared(s);
	for (int i = 0; h && comes(h) && i < KAN_HOLDERS_WAIT_MS * 1000 / NAP_US; i++)
		(void)nanosleep(&nap, NULL);
	if (!h || atomic_load(&h->state) != TOLD || h->n > KAN_OWNERS_MAX)
		return false;
	*out = (struct kan_owners){.n = h->n, .cap = h->n, .seen = h->seen};
	out->v = h->n ? kan_xrealloc(NULL, h->n, sizeof(*out->v)) : NULL;
	if (h->n)
		memcpy(out->v, h->v, h->n * sizeof(*out->v));
	*frozen = h->frozen;
	return true;
}
