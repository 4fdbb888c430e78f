/* The target as a whole: without a socket nothing is proven, and nothing unproven is opened. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <string.h>

#include "answers.h"

static int open_target(struct kan_target **t, struct kan_engine **e, struct answers *a,
		       const char *inspect, struct kan_err *err)
{
	static const struct kan_policy policy;
	answers_put(a, "containers-web-json", inspect);
	*e = answers_engine(a);
	return kan_target_open(t, *e, "web", &policy, err);
}

#define INSPECT(state, more) \
	"{\"Id\":\"" ID_A \
	"\",\"Name\":\"/web\",\"Image\":\"sha256:ab\",\"Created\":\"2026-11-25T22:57:15.5Z\"," \
	"\"Driver\":\"overlay2\",\"State\":{\"Status\":\"" state "\",\"Pid\":1" more \
	"},\"Config\":{\"Image\":\"shop\"},\"HostConfig\":{}}"

Test(target, replayed_answers_prove_nothing_and_give_the_depth_api)
{
	struct answers a = answers_new();
	struct kan_target *t = NULL;
	struct kan_engine *e = NULL;
	struct kan_err err = {0};
	cr_assert_eq(open_target(&t, &e, &a, INSPECT("running", ""), &err), 0, "%s", err.text);
	cr_expect_eq(t->depth, KAN_DEPTH_API);
	cr_expect_eq(t->pid, 0);
	cr_expect_eq(t->root_fd, -1);
	cr_expect_eq(t->data_root_fd, -1);
	cr_expect_eq(t->upper_fd, -1);
	cr_expect_eq(t->n_lowers, 0);
	cr_expect_str_eq(t->id, ID_A);
	cr_expect_str_eq(t->name, "web");
	cr_expect_eq(t->created_ns % 1000000000, 500000000);
	cr_expect_str_eq(answers_verdict(t, "host"), "unproven");
	kan_target_free(t);
	kan_engine_free(e);
	answers_leave(&a);
}

static void refused(const char *inspect, enum kan_code code)
{
	struct answers a = answers_new();
	struct kan_target *t = NULL;
	struct kan_engine *e = NULL;
	struct kan_err err = {0};
	cr_expect_eq(open_target(&t, &e, &a, inspect, &err), -1, "%s", inspect);
	cr_expect_eq(err.code, code, "%s: %s", inspect, err.text);
	cr_expect_null(t);
	kan_engine_free(e);
	answers_leave(&a);
}

Test(target, one_that_is_being_removed_is_not_found)
{
	refused(INSPECT("removing", ""), KAN_ENOTFOUND);
}

Test(target, a_state_that_nobody_knows_is_the_engines_fault)
{
	refused(INSPECT("levitating", ""), KAN_EENGINE);
}

Test(target, hostile_times_are_unknown_times)
{
	struct answers a = answers_new();
	struct kan_target *t = NULL;
	struct kan_engine *e = NULL;
	struct kan_err err = {0};
	cr_assert_eq(open_target(&t, &e, &a,
				 INSPECT("exited", ",\"StartedAt\":\"9999-99-99T99:99:99Z\""),
				 &err),
		     0, "%s", err.text);
	cr_expect_eq(t->started_ns, 0);
	kan_target_free(t);
	kan_engine_free(e);
	answers_leave(&a);
}

/* Paths that the engine names are resolved below its data root, and no link is followed there. */
Test(target, a_path_of_the_engine_stays_below_its_data_root)
{
	struct test_place p = test_place();
	char root[] = "/var/lib/docker", storage[] = "overlay2";
	struct kan_target t = {.data_root = root, .data_root_fd = p.fd, .storage = storage};
	static const char *const outside[] = {"/etc/passwd",
					      "/var/lib/docker",
					      "/var/lib/dockerx/f",
					      "/var/lib/docker/../../../etc/passwd",
					      "/var/lib/docker/link/passwd",
					      "/var/lib/docker/file-link",
					      "/var/lib/docker/",
					      "../../f"};
	test_put(p.fd, "f", "x");
	cr_assert_eq(symlinkat("/etc", p.fd, "link"), 0);
	cr_assert_eq(symlinkat("f", p.fd, "file-link"), 0);
	int fd = -1;
	struct kan_err err = {0};
	cr_assert_eq(kan_target_data_open(&fd, &t, "/var/lib/docker/f", O_RDONLY, &err), 0, "%s",
		     err.text);
	(void)close(fd);
	for (size_t i = 0; i < sizeof(outside) / sizeof(outside[0]); i++) {
		fd = -1;
		cr_expect_eq(kan_target_data_open(&fd, &t, outside[i], O_RDONLY, NULL), -1, "%s",
			     outside[i]);
		cr_expect_eq(fd, -1, "%s", outside[i]);
	}
	test_leave(&p);
}
