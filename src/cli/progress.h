/* What a capture shows while it runs, on stderr. On a terminal one line per collector that fills
 * in; elsewhere one plain line per collector when it ends, and never an escape sequence. */
#ifndef KAN_CLI_PROGRESS_H
#define KAN_CLI_PROGRESS_H

#include <sys/types.h>

#include "capture/capture.h"
#include "cli/cmd.h"

struct kan_progress;
/* quiet: only warnings are said. Yours: close it. */
struct kan_progress *kan_progress_open(const struct kan_args *a, bool quiet);
/* Is it a terminal whose lines fill in? Then the capture is to be watched (request.watch). */
bool kan_progress_live(const struct kan_progress *p);
/* Each event of a capture but the first screen, which the caller shows. */
void kan_progress_event(struct kan_progress *p, const struct kan_capture_progress *e);
/* The lines stay as they are when it seals or ends, and what follows is plain: others write to the
 * terminal then. The cursor is below them; it was never hidden. */
void kan_progress_close(struct kan_progress *p); /* NULL allowed */
/* On a live one: a child of ours writes a screen to fd and ends. It is shown on stdout as soon as
 * it is there, between the lines that had ended and the others. Takes both over. */
void kan_progress_aside(struct kan_progress *p, pid_t pid, int fd);

/* The parts without a terminal, for tests. One collector's line: no octet that is not printable,
 * and no longer than width (when it is not 0). */
struct kan_progress_row {
	char name[32], status[32];
	uint64_t items, bytes, total;
	double ms;
	unsigned gaps;
	bool ended;
};
enum { KAN_PROGRESS_LINE = 160 };
void kan_progress_line(char out[KAN_PROGRESS_LINE], const struct kan_progress_row *r, size_t width);

#endif
