/* The home, and bundles in it. */
#include <sys/stat.h>

#include "cli/capture_doc.h"
#include "fixture.h"

const struct kan_command *const kan_commands[] = {NULL};

static const struct kan_option home_option = {"home", 0, "DIR", ""};

static struct kan_args with_home(const char *home)
{
	struct kan_args a = {.n_options = 1};
	a.options[0] = &home_option;
	a.values[0] = home;
	return a;
}

static void make(const char *dir, const char *name)
{
	char path[256];
	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	cr_assert_eq(mkdir(path, 0700), 0);
}

static char *a_home(void)
{
	static char dir[] = "/tmp/kan-test-XXXXXX";
	cr_assert_not_null(mkdtemp(dir));
	make(dir, "bundles");
	make(dir, "bundles/20261122t053312z-3f2a9c41d0be-7c1e");
	make(dir, "bundles/20261123t053312z-3f2a9c41d0be-0001");
	make(dir, "bundles/20261124t053312z-3f2a9c41d0be-0002.partial");
	return dir;
}

static void clear(const char *home)
{
	static const char *const names[] = {"bundles/20261122t053312z-3f2a9c41d0be-7c1e",
					    "bundles/20261123t053312z-3f2a9c41d0be-0001",
					    "bundles/20261124t053312z-3f2a9c41d0be-0002.partial",
					    "bundles", ""};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char path[256];
		(void)snprintf(path, sizeof(path), "%s/%s", home, names[i]);
		(void)rmdir(path);
	}
}

Test(where, a_home_is_the_option_else_the_environment_else_the_usual_place)
{
	struct kan_args a = with_home("/srv/k"), none = with_home(NULL);
	cr_assert_eq(setenv("KANSHIKI_HOME", "/srv/e", 1), 0);
	kan_auto_free char *given = kan_home(&a);
	kan_auto_free char *environment = kan_home(&none);
	cr_assert_str_eq(given, "/srv/k");
	cr_assert_str_eq(environment, "/srv/e");
	(void)unsetenv("KANSHIKI_HOME");
	kan_auto_free char *usual = kan_home(&none);
	if (geteuid() == 0)
		cr_assert_str_eq(usual, "/var/lib/kanshiki");
}

Test(where, a_bundle_is_found_by_path_by_name_and_as_the_newest_that_is_sealed)
{
	char *home = a_home(), *found = NULL;
	struct kan_args a = with_home(home);
	struct kan_err err = {0};
	char path[256];
	cr_assert_eq(kan_find_bundle(&found, &a, NULL, &err), 0, "%s", err.text);
	cr_assert_not_null(strstr(found, "20261123t053312z-3f2a9c41d0be-0001"));
	free(found);
	cr_assert_eq(kan_find_bundle(&found, &a, "20261122t053312z-3f2a9c41d0be-7c1e", &err), 0);
	(void)snprintf(path, sizeof(path), "%s/bundles/20261122t053312z-3f2a9c41d0be-7c1e", home);
	cr_assert_str_eq(found, path);
	free(found);
	cr_assert_eq(kan_find_bundle(&found, &a, path, &err), 0);
	cr_assert_str_eq(found, path);
	free(found);
	static const char *const none[] = {"20261125t053312z-3f2a9c41d0be-7c1e", "../bundles", ""};
	for (size_t i = 0; i < 3; i++) {
		cr_assert_eq(kan_find_bundle(&found, &a, none[i], &err), -1, "%s", none[i]);
		cr_assert_eq(err.code, KAN_ENOTFOUND);
	}
	clear(home);
}

Test(where, a_place_for_evidence_is_a_directory_of_ours_and_no_link)
{
	char *home = a_home(), path[256], link[256];
	struct kan_err err = {0};
	struct stat st;
	(void)snprintf(path, sizeof(path), "%s/new/deep", home);
	cr_assert_eq(kan_own_dir(path, &err), 0, "%s", err.text);
	cr_assert_eq(stat(path, &st), 0);
	cr_assert_eq(st.st_mode & 0777, 0700);
	(void)snprintf(link, sizeof(link), "%s/link", home);
	cr_assert_eq(symlink(path, link), 0);
	cr_assert_eq(kan_own_dir(link, &err), -1);
	cr_assert_eq(err.code, KAN_EREFUSED);
	(void)unlink(link);
	cr_assert_eq(kan_own_dir("/dev/null", &err), -1);
	cr_assert_eq(err.code, KAN_EREFUSED);
	(void)rmdir(path);
	(void)snprintf(path, sizeof(path), "%s/new", home);
	(void)rmdir(path);
	clear(home);
}

Test(where, sizes_are_told_in_words)
{
	static const struct {
		uint64_t n;
		const char *words;
	} rows[] = {{0, "0 B"},
		    {999, "999 B"},
		    {1500, "1.5 kB"},
		    {48211934, "48.2 MB"},
		    {UINT64_C(3) << 40, "3.3 TB"}};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char out[32];
		kan_size_words(out, sizeof(out), rows[i].n);
		cr_assert_str_eq(out, rows[i].words);
	}
}
