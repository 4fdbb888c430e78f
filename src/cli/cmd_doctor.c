/* doctor: is this host ready for a capture? Changes nothing. */
#include <stdlib.h>
#include <string.h>

#include "base/row.h"
#include "cli/doctor.h"

enum { WHY_OCTETS = 1024 };

const char *const kan_health_words[] = {"ok", "warn", "missing"};

static const struct kan_option options[] = {
	{"tsa", 0, "URL", "ask this time stamp authority how far the clock is off"},
	{"tsa-ca", 0, "FILE", "PEM certificates of the authorities whose stamps count"},
	{NULL, 0, NULL, NULL},
};

void kan_doctor_say(struct kan_doctor *d, const struct kan_line *l)
{
	json_t *o = json_pack("{s:s,s:s}", "what", l->what, "state", kan_health_words[l->health]);
	kan_json_set_bytes(o, "why", kan_bytes_of(l->why));
	if (l->todo)
		json_object_set_new(o, "do", json_string(l->todo));
	json_array_append_new(d->checks, o);
	if (l->health == KAN_HEALTH_MISSING)
		d->status = kan_status_worst(d->status, l->status);
}

/* --- engine */

static void tell_no_engine(struct kan_doctor *d)
{
	const struct kan_err *err = &d->here.no_engine;
	const char *todo = err->code == KAN_EDENIED
				   ? "run it as root"
				   : "start it, or name its socket: -H unix:///path";
	kan_doctor_say(d, &(struct kan_line){"engine", KAN_HEALTH_MISSING, err->text, todo,
					     kan_status_of(err)});
}

static void tell_engine(struct kan_doctor *d)
{
	char why[WHY_OCTETS];
	const json_t *e = d->here.engine;
	const char *name = kan_json_str(e, "name"),
		   *lack = json_string_value(json_array_get(json_object_get(e, "lacks"), 0));
	(void)snprintf(why, sizeof(why), "%.40s %.20s, API %s, %.20s, %.200s",
		       *name ? name : "engine", kan_json_str(e, "version"), kan_json_str(e, "api"),
		       kan_json_str(e, "storage"), kan_json_str(e, "host"));
	kan_doctor_say(d, &(struct kan_line){"engine", KAN_HEALTHY, why, NULL, 0});
	if (lack)
		kan_doctor_say(d, &(struct kan_line){"engine", KAN_HEALTH_MISSING, lack,
						     "look at the engine's own log",
						     KAN_EXIT_MISSING});
}

/* The engine's process and its root are the kernel's word; without them there is only the engine's.
 */
static void tell_proof(struct kan_doctor *d)
{
	const json_t *e = d->here.engine;
	bool root = json_is_true(json_object_get(d->here.rights, "root"));
	if (json_is_true(json_object_get(e, "local")))
		kan_doctor_say(d, &(struct kan_line){"proof", KAN_HEALTHY,
						     "the engine's process runs on this host", NULL,
						     0});
	else if (root)
		kan_doctor_say(d, &(struct kan_line){"proof", KAN_HEALTH_MISSING,
						     kan_json_str(e, "why_not_local"),
						     "run it on the engine's host: else api-only",
						     KAN_EXIT_MISSING});
}

/* --- host */

static void tell_sandbox(struct kan_doctor *d)
{
	char why[WHY_OCTETS];
	const json_t *box = json_object_get(d->here.rights, "sandbox");
	bool landlock = json_is_true(json_object_get(box, "landlock"));
	bool seccomp = json_is_true(json_object_get(box, "seccomp"));
	(void)snprintf(why, sizeof(why), "of readers: landlock %s, seccomp %s",
		       landlock ? "yes" : "no", seccomp ? "yes" : "no");
	kan_doctor_say(d,
		       &(struct kan_line){
			       "sandbox", landlock && seccomp ? KAN_HEALTHY : KAN_HEALTH_WARN, why,
			       landlock && seccomp ? NULL : "read bundles on another machine", 0});
}

static void tell_kernel(struct kan_doctor *d)
{
	char why[WHY_OCTETS];
	const json_t *r = d->here.rights;
	const char *freezer = kan_json_str(r, "freezer");
	bool diag = json_is_true(json_object_get(r, "sock_diag"));
	bool filter = json_is_true(json_object_get(r, "nfnetlink"));
	(void)snprintf(why, sizeof(why), "cgroup %s%s%s%s%s%s", kan_json_str(r, "cgroup"),
		       *freezer ? ": " : ", freezer", freezer, diag ? ", sock_diag" : "",
		       filter ? ", nfnetlink" : "",
		       diag && filter ? "" : "; what is not loaded, a capture has loaded");
	kan_doctor_say(d,
		       &(struct kan_line){"kernel", *freezer ? KAN_HEALTH_WARN : KAN_HEALTHY, why,
					  *freezer ? "a pause can only be made, and undone, by "
						     "the engine"
						   : NULL,
					  0});
}

static void tell_rights(struct kan_doctor *d)
{
	const json_t *r = d->here.rights;
	bool root = json_is_true(json_object_get(r, "root"));
	if (!r) {
		kan_doctor_say(d,
			       &(struct kan_line){"rights", KAN_HEALTH_MISSING,
						  d->here.no_rights.text, NULL, KAN_EXIT_FAILED});
		return;
	}
	kan_doctor_say(d, &(struct kan_line){"rights", root ? KAN_HEALTHY : KAN_HEALTH_MISSING,
					     root ? "root" : "not root: the engine's word is all",
					     root ? NULL : "run it as root", KAN_EXIT_MISSING});
	tell_kernel(d);
	tell_sandbox(d);
}

/* --- collectors */

struct group {
	enum kan_health health;
	struct kan_able able;
	struct kan_buf names;
};
enum { GROUPS = 16 };

/* Memory is asked for; without it a default capture is whole. */
static enum kan_health health_of(const struct kan_collector *c, const struct kan_able *able)
{
	if (able->state == KAN_ABLE)
		return KAN_HEALTHY;
	return c->needs & KAN_NEEDS_ASKED ? KAN_HEALTH_WARN : KAN_HEALTH_MISSING;
}

/* One line for all that have the same reason. */
static void join(struct group *groups, size_t *n, const struct kan_collector *c,
		 const struct kan_able *able)
{
	enum kan_health health = health_of(c, able);
	size_t i = 0;
	while (i < *n && (groups[i].health != health || groups[i].able.state != able->state ||
			  strcmp(groups[i].able.why, able->why) != 0))
		i++;
	if (i == GROUPS)
		i--;
	if (i == *n)
		groups[(*n)++] = (struct group){health, *able, KAN_BUF(WHY_OCTETS)};
	kan_buf_addf(&groups[i].names, "%s%s", groups[i].names.len ? " " : "", c->name);
}

static void tell_group(struct kan_doctor *d, const struct group *g)
{
	kan_auto_buf struct kan_buf why = KAN_BUF(WHY_OCTETS * 2);
	kan_buf_addf(&why, "%s", kan_buf_str(&g->names));
	if (g->able.state != KAN_ABLE)
		kan_buf_addf(&why, ": %s: %s", kan_able_words[g->able.state], g->able.why);
	kan_doctor_say(d, &(struct kan_line){"collectors", g->health, kan_buf_str(&why),
					     g->able.todo, KAN_EXIT_MISSING});
}

static void tell_collectors(struct kan_doctor *d)
{
	struct group groups[GROUPS];
	size_t n = 0;
	for (const struct kan_collector *const *c = kan_collectors; *c; c++) {
		struct kan_able able = kan_able_of(*c, &d->here);
		json_array_append_new(d->collectors, kan_able_json(*c, &able));
		join(groups, &n, *c, &able);
	}
	for (size_t i = 0; i < n; i++) {
		if (d->here.engine)
			tell_group(d, &groups[i]);
		kan_buf_free(&groups[i].names);
	}
}

/* --- all */

static void examine(struct kan_doctor *d)
{
	tell_rights(d);
	if (d->here.engine) {
		tell_engine(d);
		tell_proof(d);
	} else {
		tell_no_engine(d);
	}
	tell_collectors(d);
	kan_doctor_home(d);
	kan_doctor_clock(d);
	kan_doctor_settings(d);
}

static int run(const struct kan_args *a)
{
	struct kan_doctor d = {.a = a,
			       .home = kan_home(a),
			       .checks = json_array(),
			       .collectors = json_array(),
			       .settings = json_array()};
	kan_surroundings_take(&d.here, kan_arg(a, "host"), d.home);
	examine(&d);
	int status = kan_doctor_print(&d);
	kan_surroundings_free(&d.here);
	json_decref(d.checks);
	json_decref(d.collectors);
	json_decref(d.settings);
	json_decref(d.clock);
	free(d.home);
	return status;
}

extern const struct kan_command kan_cmd_doctor;
const struct kan_command kan_cmd_doctor = {
	.name = "doctor",
	.args = "[OPTIONS]",
	.summary = "is this host ready for a capture: what is missing, why, and what to do",
	.options = options,
	.run = run,
};
