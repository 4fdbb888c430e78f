/* Ourselves and the machine we run on. */
#include "base/self.h"

#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timex.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/digest.h"
#include "base/file.h"
#include "base/row.h"
#include "kan_version.h"

enum { SMALL_FILE = 4096 };

const char *kan_version(void)
{
	return KAN_VERSION;
}

const char *kan_commit(void)
{
	return KAN_COMMIT;
}

int kan_self_json(json_t **out, const char *const *argv, struct kan_err *err)
{
	char sha256[KAN_SHA256_HEX];
	uint64_t octets = 0;
	kan_auto_close int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return kan_fail_sys(err, "our own executable");
	if (kan_sha256_fd(sha256, &octets, fd, err) < 0)
		return kan_wrap(err, "our own executable");
	json_t *o = json_pack("{s:s,s:s,s:s,s:s}", "tool", KAN_NAME, "version", KAN_VERSION,
			      "commit", KAN_COMMIT, "exe_sha256", sha256);
	json_t *list = json_array();
	for (; argv && *argv; argv++) {
		kan_auto_buf struct kan_buf word = KAN_BUF(SMALL_FILE * 32);
		(void)kan_text_clean(&word, kan_bytes_of(*argv));
		json_array_append_new(list, json_string(kan_buf_str(&word)));
	}
	json_object_set_new(o, "argv", list);
	*out = o;
	return 0;
}

static void set_line(json_t *o, const char *key, const char *path)
{
	kan_auto_buf struct kan_buf text = KAN_BUF(SMALL_FILE);
	kan_auto_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0 || kan_read_all(&text, fd, NULL) < 0 || text.len == 0)
		return;
	size_t n = strcspn(kan_buf_str(&text), "\n");
	kan_json_set_bytes(o, key, (struct kan_bytes){text.data, n});
}

/* "Asia/Tokyo" out of the link /etc/localtime, else /etc/timezone. */
static void set_zone(json_t *o)
{
	char link[SMALL_FILE];
	ssize_t n = readlink("/etc/localtime", link, sizeof(link) - 1);
	if (n > 0) {
		link[n] = 0;
		const char *at = strstr(link, "zoneinfo/");
		if (at) {
			kan_json_set_bytes(o, "tz", kan_bytes_of(at + strlen("zoneinfo/")));
			return;
		}
	}
	set_line(o, "tz", "/etc/timezone");
	if (!json_object_get(o, "tz"))
		json_object_set_new(o, "tz", json_string("UTC"));
}

json_t *kan_host_json(void)
{
	json_t *o = json_object();
	struct utsname u;
	if (uname(&u) == 0) {
		kan_json_set_bytes(o, "name", kan_bytes_of(u.nodename));
		kan_json_set_bytes(o, "kernel", kan_bytes_of(u.release));
	}
	set_line(o, "machine_id", "/etc/machine-id");
	set_line(o, "boot_id", "/proc/sys/kernel/random/boot_id");
	set_zone(o);
	return o;
}

json_t *kan_clock_json(void)
{
	json_t *o = json_object();
	struct timex t = {.modes = 0};
	json_object_set_new(o, "realtime_ns", json_integer(kan_now_ns()));
	json_object_set_new(o, "boottime_ns", json_integer(kan_boot_ns()));
	int state = adjtimex(&t);
	json_object_set_new(
		o, "ntp_synced",
		json_boolean(state >= 0 && state != TIME_ERROR && !(t.status & STA_UNSYNC)));
	set_line(o, "clock_source",
		 "/sys/devices/system/clocksource/clocksource0/current_clocksource");
	return o;
}

json_t *kan_clocks_json(void)
{
	struct timespec mono = {0};
	struct timex t = {.modes = 0}; /* only reads */
	json_t *o = kan_clock_json();
	(void)clock_gettime(CLOCK_MONOTONIC, &mono);
	json_object_set_new(o, "monotonic_ns",
			    json_integer((int64_t)mono.tv_sec * 1000000000 + mono.tv_nsec));
	set_zone(o);
	int state = adjtimex(&t);
	if (state < 0)
		return o;
	json_object_set_new(o, "ntp_state", json_integer(state));
	json_object_set_new(o, "unsynchronised", json_boolean(t.status & STA_UNSYNC));
	json_object_set_new(o, "offset_ns",
			    json_integer(t.status & STA_NANO ? t.offset : t.offset * 1000L));
	json_object_set_new(o, "max_error_us", json_integer(t.maxerror));
	json_object_set_new(o, "estimated_error_us", json_integer(t.esterror));
	json_object_set_new(o, "tai_offset_s", json_integer(t.tai));
	return o;
}

/* The file itself, not the name service: a directory server that is down must not hold up a
 * capture. */
static void login_name(char *out, size_t n)
{
	(void)snprintf(out, n, "uid-%u", (unsigned)geteuid());
	FILE *f = fopen("/etc/passwd", "re");
	for (const struct passwd *pw; f && (pw = fgetpwent(f));) {
		if (pw->pw_uid != geteuid())
			continue;
		(void)snprintf(out, n, "%s", pw->pw_name);
		break;
	}
	if (f)
		(void)fclose(f); /* only read */
}

json_t *kan_operator_json(const char *name, const char *email)
{
	char login[256], where[512];
	struct utsname u = {0};
	const char *sudo = getenv("SUDO_USER");
	json_t *o = json_object();
	login_name(login, sizeof(login));
	(void)uname(&u);
	(void)snprintf(where, sizeof(where), "%s@%s", login,
		       u.nodename[0] ? u.nodename : "localhost");
	kan_json_set_bytes(o, "name", kan_bytes_of(name ? name : where));
	kan_json_set_bytes(o, "email", kan_bytes_of(email ? email : where));
	kan_json_set_bytes(o, "login", kan_bytes_of(login));
	json_object_set_new(o, "uid", json_integer(geteuid()));
	if (sudo && *sudo)
		kan_json_set_bytes(o, "sudo_user", kan_bytes_of(sudo));
	return o;
}
