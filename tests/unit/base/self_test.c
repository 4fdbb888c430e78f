/* What we say of ourselves and the machine. */
#include <string.h>
#include <sys/utsname.h>

#include "base/clock.h"
#include "base/digest.h"
#include "base/self.h"
#include "place.h"

Test(self, the_executable_is_named_by_its_digest)
{
	static const char *const argv[] = {"kanshiki", "capture",
					   "w\xff"
					   "b",
					   NULL};
	json_t *o = NULL;
	char hex[KAN_SHA256_HEX];
	uint64_t octets = 0;
	kan_auto_close int exe = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	cr_assert_eq(kan_sha256_fd(hex, &octets, exe, NULL), 0);
	cr_assert_eq(kan_self_json(&o, argv, NULL), 0);
	cr_assert_str_eq(json_string_value(json_object_get(o, "exe_sha256")), hex);
	cr_assert_str_eq(json_string_value(json_object_get(o, "version")), kan_version());
	cr_assert_eq(json_array_size(json_object_get(o, "argv")), 3);
	json_decref(o);
}

Test(self, the_machine_is_described_by_what_the_kernel_says)
{
	struct utsname u;
	json_t *host = kan_host_json(), *clock = kan_clock_json();
	cr_assert_eq(uname(&u), 0);
	cr_assert_str_eq(json_string_value(json_object_get(host, "kernel")), u.release);
	cr_assert_str_eq(json_string_value(json_object_get(host, "name")), u.nodename);
	cr_assert_eq(json_string_length(json_object_get(host, "boot_id")), 36);
	cr_assert_not_null(json_object_get(host, "tz"));
	int64_t t = json_integer_value(json_object_get(clock, "realtime_ns"));
	cr_assert(t > 0 && t <= kan_now_ns());
	cr_assert(json_is_boolean(json_object_get(clock, "ntp_synced")));
	json_decref(host);
	json_decref(clock);
}

Test(self, an_operator_is_who_was_given_else_login_at_host)
{
	struct utsname u;
	char want[512];
	json_t *given = kan_operator_json("Aki", "aki@example.org"),
	       *unknown = kan_operator_json(NULL, NULL);
	cr_assert_eq(uname(&u), 0);
	cr_assert_str_eq(json_string_value(json_object_get(given, "name")), "Aki");
	cr_assert_str_eq(json_string_value(json_object_get(given, "email")), "aki@example.org");
	const char *login = json_string_value(json_object_get(unknown, "login"));
	(void)snprintf(want, sizeof(want), "%s@%s", login, u.nodename);
	cr_assert_str_eq(json_string_value(json_object_get(unknown, "name")), want);
	cr_assert_eq(json_integer_value(json_object_get(unknown, "uid")), geteuid());
	json_decref(given);
	json_decref(unknown);
}
