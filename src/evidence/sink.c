/* The sink's words to the conductor: gaps, limits, scope, the window. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <kanshiki/engine.h>

#include "base/row.h"
#include "evidence/sink_state.h"

/* Cut to what a message holds, at a whole character, with everything a display would act on made
 * visible. */
static void display(char *out, size_t size, struct kan_bytes v)
{
	kan_auto_buf struct kan_buf clean = KAN_BUF(size * 4 + 16);
	(void)kan_text_clean(&clean, (struct kan_bytes){v.p, v.n < size ? v.n : size});
	size_t n = clean.len < size - 1 ? clean.len : size - 1;
	while (n && n < clean.len && (clean.data[n] & 0xc0) == 0x80)
		n--;
	if (n)
		memcpy(out, clean.data, n);
	out[n] = 0;
}

void kan_sink_send(struct kan_sink *s, struct kan_msg *m)
{
	while (send(s->channel, m, sizeof(*m), MSG_NOSIGNAL) < 0 && errno == EINTR)
		; /* gone: PDEATHSIG ends us too, and the conductor's reader sees the missing end */
}

void kan_sink_broken(struct kan_sink *s)
{
	atomic_store(&s->failed, 1);
}

bool kan_sink_failed(const struct kan_sink *s)
{
	return atomic_load(&s->failed) != 0;
}

int kan_sink_new(struct kan_sink **out, const struct kan_sink_opts *o, struct kan_err *err)
{
	struct kan_sink *s = kan_xalloc(sizeof(*s));
	s->dir = -1;
	s->bundle = o->bundle_fd;
	s->channel = o->channel;
	s->window = o->window;
	s->artefacts = o->artefacts;
	int n = snprintf(s->collector, sizeof(s->collector), "%s", o->collector);
	int k = snprintf(s->name, sizeof(s->name), "%s", o->bundle);
	if (n < 0 || (size_t)n >= sizeof(s->collector) || k < 0 || (size_t)k >= sizeof(s->name)) {
		free(s);
		return kan_fail(err, KAN_EUSAGE, "a collector's or bundle's name is too long");
	}
	*out = s;
	return 0;
}

void kan_sink_free(struct kan_sink *s)
{
	if (!s)
		return;
	while (s->open)
		kan_artefact_abandon(s->open);
	kan_auto_close_fn(&s->dir);
	free(s);
}

void kan_sink_gap(struct kan_sink *s, struct kan_bytes what, enum kan_gap code, const char *fmt,
		  ...)
{
	char why[KAN_MSG_WHY * 2];
	struct kan_msg m = {.type = KAN_MSG_GAP, .code = code};
	va_list ap;
	va_start(ap, fmt);
	(void)vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	display(m.what, sizeof(m.what), what);
	display(m.why, sizeof(m.why), kan_bytes_of(why));
	kan_sink_send(s, &m);
}

void kan_sink_gap_err(struct kan_sink *s, struct kan_bytes what, const struct kan_err *err)
{
	kan_sink_gap(s, what, kan_gap_of_err(err), "%s", err->text);
}

void kan_sink_limit(struct kan_sink *s, struct kan_bytes what, uint64_t seen, uint64_t kept,
		    uint64_t limit)
{
	struct kan_msg m = {.type = KAN_MSG_LIMIT, .code = KAN_GAP_LIMIT, .n = {seen, kept, limit}};
	display(m.what, sizeof(m.what), what);
	(void)snprintf(m.why, sizeof(m.why), "seen %llu, kept %llu, limit %llu",
		       (unsigned long long)seen, (unsigned long long)kept,
		       (unsigned long long)limit);
	kan_sink_send(s, &m);
}

void kan_sink_scope(struct kan_sink *s, struct kan_bytes what, const char *why)
{
	struct kan_msg m = {.type = KAN_MSG_SCOPE};
	display(m.what, sizeof(m.what), what);
	display(m.why, sizeof(m.why), kan_bytes_of(why));
	kan_sink_send(s, &m);
}

void kan_sink_impact(struct kan_sink *s, const char *text)
{
	struct kan_msg m = {.type = KAN_MSG_IMPACT};
	display(m.why, sizeof(m.why), kan_bytes_of(text));
	kan_sink_send(s, &m);
}

void kan_sink_items(struct kan_sink *s, uint64_t items)
{
	struct kan_msg m = {.type = KAN_MSG_ITEMS, .n = {items}};
	kan_sink_send(s, &m);
}

void kan_sink_request(const struct kan_engine_call *call, void *sink)
{
	struct kan_msg m = {.type = KAN_MSG_REQUEST, .n = {(uint64_t)call->status, call->octets}};
	display(m.what, sizeof(m.what), kan_bytes_of(call->path));
	display(m.why, sizeof(m.why), kan_bytes_of(call->method));
	memcpy(m.sha256, call->sha256, sizeof(m.sha256));
	m.sha256[sizeof(m.sha256) - 1] = 0;
	kan_sink_send(sink, &m);
}

void kan_sink_end(struct kan_sink *s, int status, const char *why)
{
	while (s->open)
		kan_artefact_abandon(s->open);
	struct kan_msg m = {.type = KAN_MSG_END,
			    .n = {(uint64_t)(kan_sink_failed(s) ? 2 : status)}};
	display(m.why, sizeof(m.why), kan_bytes_of(why));
	kan_sink_send(s, &m);
}

int kan_sink_window_enter(struct kan_sink *s, uint64_t entries, uint64_t bytes, struct kan_err *err)
{
	struct kan_msg m = {.type = KAN_MSG_READY, .n = {entries, bytes}};
	kan_sink_send(s, &m);
	for (;;) {
		ssize_t n = recv(s->channel, &m, sizeof(m), 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return kan_fail(err, KAN_ENOTFOUND, "the conductor is gone");
		if (n == (ssize_t)sizeof(m) && m.type == KAN_MSG_GO)
			break;
	}
	s->inside = m.n[0] != 0;
	return 0;
}

void kan_sink_window_leave(struct kan_sink *s)
{
	struct kan_msg m = {.type = KAN_MSG_LEAVE};
	s->inside = false;
	kan_sink_send(s, &m);
}

bool kan_sink_frozen(const struct kan_sink *s)
{
	return s->window && atomic_load(&s->window->frozen) != 0;
}

void kan_sink_window_break(struct kan_sink *s)
{
	struct kan_msg m = {.type = KAN_MSG_BREAK};
	kan_sink_send(s, &m);
}
