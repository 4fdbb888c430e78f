/* Where evidence would lie: nothing is made, and a file system that hangs is a line. */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/row.h"
#include "base/within.h"
#include "capture/capture.h"
#include "cli/capture_doc.h"
#include "cli/doctor.h"
#include "cli/timed.h"
#include "custody/home.h"

enum { HOME_S = 10, WHY_OCTETS = 512, SPACE_FEW = 1 << 30, LEFTOVERS_SHOWN = 1 };

/* --- in a child: {exists, why, do?, free, leftovers[], key, key_why, locks} */

static void set_bad(json_t *o, const char *why, const char *todo)
{
	kan_json_set_bytes(o, "why", kan_bytes_of(why));
	json_object_set_new(o, "do", json_string(todo));
}

/* What custody and capture would refuse. */
static void look_at_directory(json_t *o, const char *home)
{
	struct stat st;
	char why[WHY_OCTETS];
	bool there = lstat(home, &st) == 0;
	int failed = there ? 0 : errno;
	json_object_set_new(o, "exists", json_boolean(there));
	if (!there && failed != ENOENT) {
		set_bad(o, strerror(failed), "name another with --home");
	} else if (there && !S_ISDIR(st.st_mode)) {
		set_bad(o, "a link, or no directory", "name another with --home");
	} else if (there && st.st_uid != geteuid()) {
		(void)snprintf(why, sizeof(why), "belongs to uid %u, not to us",
			       (unsigned)st.st_uid);
		set_bad(o, why, "name another with --home");
	} else if (there && st.st_mode & 077) {
		(void)snprintf(why, sizeof(why), "mode %04o: others may look or write",
			       (unsigned)st.st_mode & 07777);
		set_bad(o, why, "chmod 700");
	}
}

static void look_at_space(json_t *o, const char *home)
{
	struct statvfs v;
	kan_auto_close int fd = kan_nearest_dir(home);
	if (fd < 0 || fstatvfs(fd, &v) < 0)
		return;
	uint64_t octets = (uint64_t)v.f_bavail * v.f_frsize;
	json_object_set_new(o, "free", json_integer((json_int_t)octets));
	if (!json_is_true(json_object_get(o, "exists")) && faccessat(fd, ".", W_OK, AT_EACCESS) < 0)
		set_bad(o, "not there, and cannot be made", "name another with --home");
}

static void on_leftover(const char *path, void *arg)
{
	kan_auto_buf struct kan_buf clean = KAN_BUF(WHY_OCTETS * 16);
	(void)kan_text_clean(&clean, kan_bytes_of(path));
	json_array_append_new(arg, json_string(kan_buf_str(&clean)));
}

static void look_at_key(json_t *o, const char *home)
{
	struct kan_err why = {0};
	kan_auto_key struct kan_key *k = NULL;
	kan_auto_free char *path = kan_path(home, "keys/host");
	if (kan_key_load(&k, AT_FDCWD, path, NULL, &why) == 0)
		json_object_set_new(o, "key", json_string(kan_key_fpr(k)));
	else if (why.code != KAN_ENOTFOUND)
		kan_json_set_bytes(o, "key_why", kan_bytes_of(why.text));
}

static int look(json_t **out, const void *arg, struct kan_err *err)
{
	const char *home = arg;
	json_t *o = json_object(), *leftovers = json_array();
	kan_auto_free char *bundles = kan_path(home, "bundles");
	(void)err;
	look_at_directory(o, home);
	look_at_space(o, home);
	kan_each_leftover(bundles, on_leftover, leftovers);
	json_object_set_new(o, "leftovers", leftovers);
	look_at_key(o, home);
	json_object_set_new(o, "locks", json_integer(kan_home_locks(home)));
	*out = o;
	return 0;
}

/* --- lines */

static void tell_home(struct kan_doctor *d, const json_t *o)
{
	char why[WHY_OCTETS * 2];
	const char *bad = kan_json_str(o, "why"), *todo = kan_json_str(o, "do");
	bool there = json_is_true(json_object_get(o, "exists"));
	(void)snprintf(why, sizeof(why), "%.400s%s%s", d->home, *bad ? ": " : "",
		       *bad    ? bad
		       : there ? ""
			       : ": not there yet, the first capture makes it");
	kan_doctor_say(d, &(struct kan_line){"home", *bad ? KAN_HEALTH_MISSING : KAN_HEALTHY, why,
					     *bad ? todo : NULL, KAN_EXIT_REFUSED});
}

static void tell_space(struct kan_doctor *d, const json_t *o)
{
	char size[32], why[64];
	uint64_t octets = (uint64_t)kan_json_int(o, "free");
	if (!json_object_get(o, "free"))
		return;
	kan_size_words(size, sizeof(size), octets);
	(void)snprintf(why, sizeof(why), "%s free", size);
	bool none = octets < KAN_CAPTURE_SPACE_MIN, few = octets < SPACE_FEW;
	kan_doctor_say(d, &(struct kan_line){"space",
					     none  ? KAN_HEALTH_MISSING
					     : few ? KAN_HEALTH_WARN
						   : KAN_HEALTHY,
					     why, few ? "make space, or name another --home" : NULL,
					     KAN_EXIT_FAILED});
}

static void tell_leftovers(struct kan_doctor *d, const json_t *o)
{
	char why[WHY_OCTETS * 2];
	const json_t *list = json_object_get(o, "leftovers");
	const char *first = json_string_value(json_array_get(list, 0));
	size_t n = json_array_size(list);
	(void)snprintf(why, sizeof(why), "%s%.400s", n ? "not finished: " : "none left unfinished",
		       first ? first : "");
	if (n > LEFTOVERS_SHOWN)
		(void)snprintf(why + strlen(why), sizeof(why) - strlen(why), " and %zu more",
			       n - 1);
	kan_doctor_say(d, &(struct kan_line){"captures", n ? KAN_HEALTH_WARN : KAN_HEALTHY, why,
					     n ? "kanshiki seal --partial, of each" : NULL, 0});
}

static void tell_key(struct kan_doctor *d, const json_t *o)
{
	char why[WHY_OCTETS];
	const char *key = kan_json_str(o, "key"), *bad = kan_json_str(o, "key_why");
	if (*key)
		(void)snprintf(why, sizeof(why), "%.100s", key);
	else if (*bad)
		(void)snprintf(why, sizeof(why), "%.400s", bad);
	else
		(void)snprintf(why, sizeof(why), "none yet, the first capture makes it");
	/* With a key of one's own it still signs what that one cannot. */
	kan_doctor_say(d, &(struct kan_line){"host key", *bad ? KAN_HEALTH_MISSING : KAN_HEALTHY,
					     why, *bad ? "look at keys/host in the home" : NULL,
					     KAN_EXIT_REFUSED});
}

static void tell_locks(struct kan_doctor *d, const json_t *o)
{
	struct kan_line line = {.what = "repository", .why = "no lock"};
	switch ((enum kan_home_locks)kan_json_int(o, "locks")) {
	case KAN_HOME_FREE:
		break;
	case KAN_HOME_WRITES:
		line.why = "another kanshiki writes now";
		break;
	case KAN_HOME_DIED:
		line.why = "a kanshiki died while it wrote; the next one puts it right";
		break;
	case KAN_HOME_GIT_LEFT:
		line.health = KAN_HEALTH_WARN;
		line.why = "git holds main, or left its lock: nothing could be committed";
		line.todo = "when no git runs there: kanshiki custody log --break-lock";
		break;
	}
	kan_doctor_say(d, &line);
}

/* What the engine's part has found out about the home. */
static void tell_place(struct kan_doctor *d)
{
	char why[WHY_OCTETS];
	const json_t *engine = d->here.engine, *by = json_object_get(engine, "mounted_by");
	size_t n = json_array_size(by);
	if (!json_is_true(json_object_get(engine, "local")))
		return;
	if (n) {
		(void)snprintf(why, sizeof(why), "within reach of container %.100s",
			       json_string_value(json_array_get(by, 0)));
		if (n > 1)
			(void)snprintf(why + strlen(why), sizeof(why) - strlen(why),
				       " and %zu more", n - 1);
		kan_doctor_say(d, &(struct kan_line){"place", KAN_HEALTH_WARN, why,
						     "name another --home for a capture of it", 0});
	}
	if (json_is_true(json_object_get(engine, "same_disk")))
		kan_doctor_say(d,
			       &(struct kan_line){
				       "place", KAN_HEALTH_WARN,
				       "on the engine's own disk: deleted data may be overwritten",
				       "name another --home, or capture -o", 0});
	else if (!n)
		kan_doctor_say(d, &(struct kan_line){"place", KAN_HEALTHY,
						     "not on the engine's disk, in no container",
						     NULL, 0});
}

void kan_doctor_home(struct kan_doctor *d)
{
	struct kan_err err = {0};
	json_t *o = NULL;
	if (kan_timed(&o, HOME_S, look, d->home, &err) < 0) {
		char why[WHY_OCTETS * 2];
		(void)snprintf(why, sizeof(why), "%.400s: %s", d->home, err.text);
		kan_doctor_say(d, &(struct kan_line){"home", KAN_HEALTH_MISSING, why,
						     "name another with --home", KAN_EXIT_FAILED});
		return;
	}
	tell_home(d, o);
	tell_space(d, o);
	tell_place(d);
	tell_leftovers(d, o);
	tell_key(d, o);
	tell_locks(d, o);
	json_decref(o);
}
