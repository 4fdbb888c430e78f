/* Progress of a capture. A block of lines at the end of the terminal is drawn over itself: up, each
 * line again, clear what is behind; in one write, so that nothing flickers. The cursor is never
 * hidden and stands below the block, so that whatever ends us leaves the terminal as it was. */
#include "cli/progress.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "cli/capture_doc.h"

enum {
	ROWS_MAX = 32,
	FRAME_OCTETS = 16 << 10,
	BAR = 20,
	WIDTH = 80, /* of a terminal that does not tell */
	HEIGHT = 24,
	SIZE_MAX_CELLS = 1000,
	LEAST_WIDTH = 8, /* below that there is nothing to be drawn */
	LEAST_HEIGHT = 4,
	ASIDE_OCTETS = 4 << 20,
};

struct kan_progress {
	bool quiet, live, colour;
	struct kan_progress_row rows[ROWS_MAX];
	size_t n;
	pid_t aside_pid; /* 0: nobody makes a first screen, or it was shown */
	int aside_fd;
	size_t drawn[ROWS_MAX + 1], n_drawn; /* columns of each line that is on the screen */
	char last[FRAME_OCTETS];             /* what was drawn: the same is not drawn again */
};

/* 0: it does not say. */
static size_t cells(const char *name)
{
	const char *text = getenv(name);
	char *end = NULL;
	unsigned long n = text ? strtoul(text, &end, 10) : 0;
	return text && *text && !*end && n <= SIZE_MAX_CELLS ? (size_t)n : 0;
}

/* Asked for each frame: it may have changed. */
static void measure(size_t *width, size_t *height)
{
	struct winsize w = {0};
	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &w) < 0)
		w = (struct winsize){0};
	*width = w.ws_col ? w.ws_col : cells("COLUMNS");
	*height = w.ws_row ? w.ws_row : cells("LINES");
	*width = *width ? *width : WIDTH;
	*height = *height ? *height : HEIGHT;
}

/* In the background a terminal may stop who writes to it. */
static bool can_draw(void)
{
	const char *term = getenv("TERM");
	return isatty(STDERR_FILENO) && term && *term && strcmp(term, "dumb") != 0 &&
	       tcgetpgrp(STDERR_FILENO) == getpgrp();
}

struct kan_progress *kan_progress_open(const struct kan_args *a, bool quiet)
{
	struct kan_progress *p = kan_xalloc(sizeof(*p));
	const char *when = kan_arg(a, "color");
	p->quiet = quiet;
	p->live = !quiet && can_draw();
	p->colour = p->live && !(when && strcmp(when, "never") == 0) &&
		    (!getenv("NO_COLOR") || (when && strcmp(when, "always") == 0));
	return p;
}

bool kan_progress_live(const struct kan_progress *p)
{
	return p->live;
}

static void bar(char out[BAR + 8], const struct kan_progress_row *r)
{
	uint64_t part = r->bytes < r->total ? r->bytes : r->total;
	size_t full = (size_t)((double)part / (double)r->total * BAR);
	out[0] = '[';
	memset(out + 1, '#', full);
	memset(out + 1 + full, '.', BAR - full);
	(void)snprintf(out + 1 + BAR, 7, "]");
}

void kan_progress_line(char out[KAN_PROGRESS_LINE], const struct kan_progress_row *r, size_t width)
{
	char size[32], done[BAR + 8] = "";
	kan_size_words(size, sizeof(size), r->bytes);
	if (r->ended)
		(void)snprintf(out, KAN_PROGRESS_LINE, "  %-14s %-15s %8llu items %10s %8.1f ms%s",
			       r->name, r->status, (unsigned long long)r->items, size, r->ms,
			       r->gaps ? "  gaps" : "");
	else if (r->total)
		bar(done, r);
	if (!r->ended)
		(void)snprintf(out, KAN_PROGRESS_LINE, "  %-14s %-9s %20s %10s %8.1f s%s", r->name,
			       r->status, done, size, r->ms / 1e3, r->gaps ? "  gaps" : "");
	for (char *at = out; *at; at++)
		if (*at < ' ' || *at > '~')
			*at = '?';
	if (width && width < KAN_PROGRESS_LINE)
		out[width] = '\0';
}

/* How far up the block begins: a terminal that became narrower has broken its lines. */
static size_t lines_up(const struct kan_progress *p, size_t width, size_t height)
{
	size_t up = 0;
	for (size_t i = 0; i < p->n_drawn; i++)
		up += p->drawn[i] ? (p->drawn[i] + width - 1) / width : 1;
	return up < height ? up : height - 1;
}

/* A terminal that takes nothing, because somebody stopped it, holds up nobody. */
static bool takes(void)
{
	struct pollfd tty = {.fd = STDERR_FILENO, .events = POLLOUT};
	return poll(&tty, 1, 0) == 1 && (tty.revents & POLLOUT);
}

static void put(const struct kan_buf *frame)
{
	(void)kan_write_all(STDERR_FILENO, frame->data, frame->len, NULL);
}

static const char *shade(const struct kan_progress *p, const struct kan_progress_row *r)
{
	if (!p->colour)
		return "";
	if (!r->ended)
		return "\033[36m";
	return strcmp(r->status, "failed") == 0 ? "\033[31m" : r->gaps ? "\033[33m" : "";
}

static void add_line(struct kan_buf *b, struct kan_progress *p, const char *text,
		     const char *colour)
{
	kan_buf_addf(b, "%s%s%s\033[K\n", colour, text, *colour ? "\033[0m" : "");
	p->drawn[p->n_drawn++] = strlen(text);
}

/* The first of the block that have ended are done with when it has no room: they scroll away. */
static void make_room(struct kan_progress *p, struct kan_buf *b, size_t room)
{
	size_t gone = 0;
	char text[KAN_PROGRESS_LINE];
	while (p->n - gone > room && p->rows[gone].ended) {
		kan_progress_line(text, &p->rows[gone], 0);
		kan_buf_addf(b, "%s\033[K\n", text);
		gone++;
	}
	if (gone)
		memmove(p->rows, p->rows + gone, (p->n - gone) * sizeof(p->rows[0]));
	p->n -= gone;
}

static void draw(struct kan_progress *p)
{
	kan_auto_buf struct kan_buf body = KAN_BUF(FRAME_OCTETS - 1),
				    frame = KAN_BUF(2 * FRAME_OCTETS);
	size_t width, height, up, room, shown;
	char text[KAN_PROGRESS_LINE];
	measure(&width, &height);
	if (width < LEAST_WIDTH || height < LEAST_HEIGHT || !takes())
		return;
	up = lines_up(p, width, height);
	room = height - 2; /* the cursor's line, and one that says how many more */
	p->n_drawn = 0;
	make_room(p, &body, room);
	shown = p->n < room ? p->n : room;
	for (size_t i = 0; i < shown; i++) {
		kan_progress_line(text, &p->rows[i], width - 1);
		add_line(&body, p, text, shade(p, &p->rows[i]));
	}
	if (shown < p->n) {
		(void)snprintf(text, sizeof(text), "  and %zu more", p->n - shown);
		text[width - 1] = '\0';
		add_line(&body, p, text, "");
	}
	if (up == p->n_drawn && strcmp(p->last, kan_buf_str(&body)) == 0)
		return;
	(void)snprintf(p->last, sizeof(p->last), "%s", kan_buf_str(&body));
	kan_buf_adds(&frame, "\r");
	if (up)
		kan_buf_addf(&frame, "\033[%zuA", up);
	kan_buf_addb(&frame, kan_buf_bytes(&body));
	kan_buf_adds(&frame, "\033[J");
	put(&frame);
}

/* The block away, for a line that stays above it. */
static void lift(struct kan_progress *p)
{
	kan_auto_buf struct kan_buf frame = KAN_BUF(64);
	size_t width, height, up;
	measure(&width, &height);
	up = lines_up(p, width ? width : 1, height ? height : 1);
	kan_buf_adds(&frame, "\r");
	if (up)
		kan_buf_addf(&frame, "\033[%zuA", up);
	kan_buf_adds(&frame, "\033[J");
	if (p->n_drawn)
		put(&frame);
	p->n_drawn = 0;
	p->last[0] = '\0';
}

/* What has ended stays where it is, above a block of the others. */
static void settle(struct kan_progress *p)
{
	char text[KAN_PROGRESS_LINE];
	size_t n = 0, width, height;
	measure(&width, &height);
	lift(p);
	for (size_t i = 0; i < p->n; i++) {
		if (!p->rows[i].ended) {
			p->rows[n++] = p->rows[i];
			continue;
		}
		kan_progress_line(text, &p->rows[i], 0);
		(void)fprintf(stderr, "%s\n", text);
	}
	p->n = n;
}

/* The first screen, once whoever makes it is done: above the block, or below all. */
static void show_aside(struct kan_progress *p, bool wait)
{
	kan_auto_buf struct kan_buf text = KAN_BUF(ASIDE_OCTETS);
	if (p->aside_pid <= 0 || waitpid(p->aside_pid, NULL, wait ? 0 : WNOHANG) == 0)
		return;
	p->aside_pid = 0;
	if (p->live)
		lift(p);
	if (lseek(p->aside_fd, 0, SEEK_SET) == 0 && kan_read_all(&text, p->aside_fd, NULL) == 0) {
		(void)fwrite(text.data, 1, text.len, stdout);
		(void)fflush(stdout);
	}
	(void)close(p->aside_fd);
	if (p->live)
		draw(p);
}

void kan_progress_aside(struct kan_progress *p, pid_t pid, int fd)
{
	p->aside_pid = pid;
	p->aside_fd = fd;
	settle(p);
	draw(p);
}

static void take_row(struct kan_progress_row *r, const struct kan_capture_progress *e)
{
	(void)snprintf(r->name, sizeof(r->name), "%s", e->collector);
	(void)snprintf(r->status, sizeof(r->status), "%s", e->status ? e->status : "begins");
	r->items = e->items;
	r->bytes = e->bytes;
	r->total = e->total;
	r->ms = e->ms;
	r->gaps = e->gaps;
	r->ended = e->event == KAN_CAPTURE_END;
}

static void update(struct kan_progress *p, const struct kan_capture_progress *e)
{
	size_t i = 0;
	while (i < p->n && strcmp(p->rows[i].name, e->collector) != 0)
		i++;
	if (i == ROWS_MAX)
		return;
	p->n += i == p->n;
	take_row(&p->rows[i], e);
}

static void plain(const struct kan_capture_progress *e)
{
	struct kan_progress_row r;
	char text[KAN_PROGRESS_LINE];
	if (e->event == KAN_CAPTURE_TARGET) {
		(void)fputs("collecting ", stderr);
		kan_print(stderr, kan_bytes_of(e->target->name));
		(void)fprintf(stderr, " (%.12s)\n", e->target->id);
	} else if (e->event == KAN_CAPTURE_RESUMED) {
		(void)fprintf(stderr, "  resumed after %.1f ms of pause\n", e->ms);
	} else if (e->event == KAN_CAPTURE_END) {
		take_row(&r, e);
		kan_progress_line(text, &r, 0);
		(void)fprintf(stderr, "%s\n", text);
	}
}

/* Lines that stay, above the block. */
static void above(struct kan_progress *p, const struct kan_capture_progress *e)
{
	if (p->live)
		lift(p);
	if (e->event == KAN_CAPTURE_WARNING)
		kan_say("warning: %s", e->why);
	else if (!p->quiet)
		plain(e);
	if (p->live)
		draw(p);
}

/* What has not ended has no line that could stay. */
static void rest(struct kan_progress *p)
{
	if (!p->live)
		return;
	settle(p);
	p->live = false;
	p->n = 0;
}

void kan_progress_event(struct kan_progress *p, const struct kan_capture_progress *e)
{
	switch (e->event) {
	case KAN_CAPTURE_FIRST_SCREEN:
		return;
	case KAN_CAPTURE_SEALING:
		rest(p);
		return;
	case KAN_CAPTURE_TARGET:
	case KAN_CAPTURE_WARNING:
	case KAN_CAPTURE_RESUMED:
		above(p, e);
		return;
	case KAN_CAPTURE_TICK:
		break;
	case KAN_CAPTURE_BEGIN:
	case KAN_CAPTURE_RUNNING:
	case KAN_CAPTURE_END:
		if (p->live)
			update(p, e);
		else if (!p->quiet)
			plain(e);
		break;
	}
	if (p->live && (e->event == KAN_CAPTURE_TICK || e->event == KAN_CAPTURE_END)) {
		show_aside(p, false);
		draw(p);
	}
}

void kan_progress_close(struct kan_progress *p)
{
	if (!p)
		return;
	rest(p);
	show_aside(p, true);
	free(p);
}
