/* doctor: checks in order, each a line; what it found decides the exit status. */
#ifndef KAN_CLI_DOCTOR_H
#define KAN_CLI_DOCTOR_H

#include "cli/able.h"
#include "cli/cmd.h"

enum kan_health { KAN_HEALTHY, KAN_HEALTH_WARN, KAN_HEALTH_MISSING };
extern const char *const kan_health_words[]; /* ok, warn, missing */

struct kan_doctor {
	const struct kan_args *a;
	char *home;
	struct kan_surroundings here;
	json_t *checks, *collectors, *settings; /* arrays */
	json_t *clock;                          /* kan_clocks_json, with offset_ms */
	int status;
};

/* One line. what: a word of ours; why: any bytes; todo: ours, or NULL. status: what missing means
 * for a capture. */
struct kan_line {
	const char *what;
	enum kan_health health;
	const char *why, *todo;
	int status;
};
void kan_doctor_say(struct kan_doctor *d, const struct kan_line *line);

/* doctor_home.c: home, space, place, leftovers, key, lock. */
void kan_doctor_home(struct kan_doctor *d);
/* doctor_more.c: clock, drift, settings. */
void kan_doctor_clock(struct kan_doctor *d);
void kan_doctor_settings(struct kan_doctor *d);
/* doctor_print.c */
int kan_doctor_print(const struct kan_doctor *d);

#endif
