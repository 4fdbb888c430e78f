/* Clocks, and the settings that are in force. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/row.h"
#include "base/self.h"
#include "cli/config.h"
#include "cli/doctor.h"
#include "cli/timed.h"
#include "cli/tsa.h"

enum { STAMP_S = 15, OFFSET_MS = 2000, WHY_OCTETS = 400 };

/* --- clock */

static int ask_authority(json_t **out, const void *arg, struct kan_err *err)
{
	int64_t offset = 0;
	if (kan_stamp_clock(&offset, arg, err) < 0)
		return -1;
	*out = json_pack("{s:I}", "offset_ms", (json_int_t)offset);
	return 0;
}

/* Nobody is asked who was not named. */
static void tell_drift(struct kan_doctor *d)
{
	struct kan_err err = {0};
	struct kan_tsa tsa = {0};
	json_auto_t *said = NULL;
	char why[WHY_OCTETS];
	if (!kan_arg(d->a, "tsa"))
		return;
	if (kan_tsa_of(&tsa, d->a) < 0) {
		d->status = kan_status_worst(d->status, KAN_EXIT_USAGE);
		return;
	}
	int rc = kan_timed(&said, STAMP_S, ask_authority, &tsa.ask, &err);
	int64_t offset = kan_json_int(said, "offset_ms");
	bool far = offset > OFFSET_MS || offset < -OFFSET_MS;
	if (rc == 0)
		json_object_set_new(d->clock, "offset_ms", json_integer(offset));
	if (rc < 0)
		(void)snprintf(why, sizeof(why), "%.300s", err.text);
	else
		(void)snprintf(why, sizeof(why), "%+.3f s to the authority's%s",
			       (double)offset / 1000,
			       tsa.ca ? "" : ", which nobody checks (tsa-ca)");
	kan_doctor_say(d, &(struct kan_line){
				  "time stamps", rc < 0 || far ? KAN_HEALTH_WARN : KAN_HEALTHY, why,
				  rc < 0 ? "a capture queues its request: custody anchor sends it"
				  : far  ? "set the clock; until then note the difference"
					 : NULL,
				  0});
	kan_tsa_free(&tsa);
}

void kan_doctor_clock(struct kan_doctor *d)
{
	char why[WHY_OCTETS];
	d->clock = kan_clocks_json();
	bool synced = json_is_true(json_object_get(d->clock, "ntp_synced"));
	(void)snprintf(why, sizeof(why), "%s, source %.40s",
		       synced ? "synchronised" : "not synchronised",
		       kan_json_str(d->clock, "clock_source"));
	kan_doctor_say(d,
		       &(struct kan_line){
			       "clock", synced ? KAN_HEALTHY : KAN_HEALTH_WARN, why,
			       synced ? NULL : "start NTP; until then note its error by hand", 0});
	tell_drift(d);
}

/* --- settings */

static void add(struct kan_doctor *d, const char *key, const char *value, const char *from)
{
	json_t *o = json_pack("{s:s}", "key", key);
	kan_json_set_bytes(o, "value", kan_bytes_of(value));
	kan_json_set_bytes(o, "from", kan_bytes_of(from));
	json_array_append_new(d->settings, o);
}

/* What the environment has in place of a file's word. */
static void add_variables(struct kan_doctor *d)
{
	static const char *const keys[] = {"home", "host", "color"};
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		const char *variable = kan_setting_variable(keys[i]);
		if (variable && !kan_arg_given(d->a, keys[i]))
			add(d, keys[i], getenv(variable), variable);
	}
}

static void add_given(struct kan_doctor *d)
{
	for (size_t i = 0; i < d->a->n_options; i++)
		if (d->a->values[i] && *d->a->values[i] && !d->a->settings[i])
			add(d, d->a->options[i]->name, d->a->values[i], "command line");
}

/* Of all commands: a setting that this one does not use is in force for the one that does. */
static void add_files(struct kan_doctor *d)
{
	const struct kan_config *c = d->a->config;
	for (size_t i = 0; c && i < c->n; i++) {
		char from[WHY_OCTETS];
		const struct kan_setting *s = &c->v[i];
		if (kan_arg_given(d->a, s->key) || kan_setting_variable(s->key))
			continue;
		(void)snprintf(from, sizeof(from), "%.300s:%u", s->file, s->line);
		add(d, s->key, s->value, from);
	}
}

void kan_doctor_settings(struct kan_doctor *d)
{
	const struct kan_config *c = d->a->config;
	kan_auto_buf struct kan_buf why = KAN_BUF(WHY_OCTETS * 32);
	for (size_t i = 0; c && i < c->n_files; i++)
		kan_buf_addf(&why, "%s%s", i ? ", " : "", c->files[i]);
	kan_doctor_say(d, &(struct kan_line){"settings", KAN_HEALTHY,
					     why.len ? kan_buf_str(&why) : "no configuration file",
					     NULL, 0});
	add_given(d);
	add_variables(d);
	add_files(d);
}
