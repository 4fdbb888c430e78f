/* Configuration: what a file may say, who may have written it, and what comes before it. */
#include <sys/stat.h>

#include "cli/config.h"
#include "fixture.h"

static const struct kan_option capture_options[] = {
	{"case", 0, "ID", ""},        {"tsa", 0, "URL", ""},  {"tsa-ca", 0, "FILE", ""},
	{"max-freeze", 0, "SEC", ""}, {"root", 0, "DIR", ""}, {"no-report", 0, NULL, ""},
	{"no-commit", 0, NULL, ""},   {"key", 0, "KEY", ""},  {"require", 0, "LIST", ""},
	{"lang", 0, "LANG", ""},      {"yes", 0, NULL, ""},   {"request-id", 0, "ID", ""},
	{NULL, 0, NULL, NULL},
};
static const struct kan_option custody_options[] = {
	{"key", 0, "KEY", ""}, {"max-freeze", 0, "N", ""}, {NULL, 0, NULL, NULL}};
static const struct kan_command capture = {
	.name = "capture", .args = "", .summary = "", .options = capture_options, .max_words = 9};
static const struct kan_command custody = {
	.name = "custody", .args = "", .summary = "", .options = custody_options, .max_words = 9};
static const struct kan_command bare = {
	.name = "version", .args = "", .summary = "", .bare = true, .max_words = 9};
const struct kan_command *const kan_commands[] = {&capture, &custody, &bare, NULL};

enum { WORDS = 16, PATH_OCTETS = 256 };

static char dir[] = "/tmp/kan-config-XXXXXX", file[PATH_OCTETS];
static char said_text[8192];

static void begin(void)
{
	static const char *const unset[] = {"KANSHIKI_HOME", "DOCKER_HOST", "NO_COLOR", "HOME"};
	cr_assert_not_null(mkdtemp(dir));
	(void)snprintf(file, sizeof(file), "%s/kanshiki", dir);
	cr_assert_eq(mkdir(file, 0700), 0);
	(void)snprintf(file, sizeof(file), "%s/kanshiki/config", dir);
	for (size_t i = 0; i < sizeof(unset) / sizeof(unset[0]); i++)
		cr_assert_eq(unsetenv(unset[i]), 0);
	cr_assert_eq(setenv("XDG_CONFIG_HOME", dir, 1), 0);
}

static void end(void)
{
	char sub[PATH_OCTETS];
	(void)unlink(file);
	(void)snprintf(sub, sizeof(sub), "%s/kanshiki", dir);
	(void)rmdir(sub);
	(void)rmdir(dir);
}

static void says(const char *text)
{
	FILE *f = fopen(file, "w");
	cr_assert_not_null(f);
	cr_assert_geq(fputs(text, f), 0);
	cr_assert_eq(fclose(f), 0);
	cr_assert_eq(chmod(file, 0600), 0);
}

static int parse(struct kan_args *a, const struct kan_command *cmd, const char *line)
{
	static char text[512], *argv[WORDS];
	int argc = 0;
	(void)snprintf(text, sizeof(text), "%s %s", cmd->name, line);
	for (char *at = text; *at && argc < WORDS - 1;) {
		argv[argc++] = at;
		at += strcspn(at, " ");
		while (*at == ' ')
			*at++ = 0;
	}
	argv[argc] = NULL;
	return kan_args_parse(a, cmd, argc, argv);
}

static void refused(const char *line, const char *word)
{
	struct kan_args a;
	cr_assert_eq(parse(&a, &capture, line), -1, "not refused: %s", word);
	(void)test_said(said_text, sizeof(said_text));
	cr_assert_not_null(strstr(said_text, word), "%s not in: %s", word, said_text);
}

TestSuite(config, .init = begin, .fini = end);

Test(config, a_line_is_a_key_and_a_value_and_the_rest_is_a_comment)
{
	struct kan_config c = {0};
	struct kan_err err = {0};
	cr_assert_eq(kan_config_parse(&c,
				      KAN_LIT("# of the site\n\n\toperator \t Aiko Mori "
					      "<aiko@example.org> \t\n  # more\nkey agent"),
				      "f", &err),
		     0, "%s", err.text);
	cr_assert_eq(c.n, 2);
	cr_assert_str_eq(c.v[0].key, "operator");
	cr_assert_str_eq(c.v[0].value, "Aiko Mori <aiko@example.org>");
	cr_assert_eq(c.v[0].line, 3);
	cr_assert_str_eq(c.v[1].key, "key");
	cr_assert_str_eq(c.v[1].value, "agent");
	cr_assert_eq(c.v[1].line, 5);
	kan_config_free(&c);
}

#define BAD(text, why) \
	{ \
		KAN_LIT(text), why \
	}
Test(config, an_odd_line_is_named_with_its_number)
{
	static const struct {
		struct kan_bytes text;
		const char *why;
	} rows[] = {BAD("key agent\ntsa\n", "f:2: tsa has no value"),
		    BAD("tsa \t \n", "f:1: tsa has no value"),
		    BAD("key agent\nlang en\nkey agent\n", "f:3: key stands in line 1 already"),
		    BAD("key=agent\n", "f:1: no key"),
		    BAD("Key agent\n", "f:1: no key"),
		    BAD("\xef\xbb\xbfkey agent\n", "f:1: no key"),
		    BAD("key agent\r\n", "f:1: key: a control character"),
		    BAD("operator \xe2\x80\xaex\n", "f:1: operator: a control character"),
		    BAD("operator \xff\n", "f:1: operator: a control character"),
		    BAD("lang en\nkey a\0b\n", "f:2: a NUL")};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct kan_config c = {0};
		struct kan_err err = {0};
		cr_assert_eq(kan_config_parse(&c, rows[i].text, "f", &err), -1, "%s", rows[i].why);
		cr_assert_eq(err.code, KAN_EUSAGE);
		cr_assert_eq(strncmp(err.text, rows[i].why, strlen(rows[i].why)), 0, "%s",
			     err.text);
		kan_config_free(&c);
	}
}

Test(config, a_line_and_a_file_have_a_maximum)
{
	kan_auto_buf struct kan_buf text = KAN_BUF(1 << 20);
	struct kan_config c = {0};
	struct kan_err err = {0};
	kan_buf_adds(&text, "operator ");
	while (text.len < KAN_CONFIG_LINE)
		kan_buf_addc(&text, 'x');
	cr_assert_eq(kan_config_parse(&c, kan_buf_bytes(&text), "f", &err), 0, "%s", err.text);
	kan_config_free(&c);
	kan_buf_addc(&text, 'x');
	cr_assert_eq(kan_config_parse(&c, kan_buf_bytes(&text), "f", &err), -1);
	cr_assert_str_eq(err.text, "f:1: longer than 4096 octets");
	kan_config_free(&c);
	kan_buf_reset(&text);
	for (int i = 0; i <= KAN_CONFIG_SETTINGS; i++)
		kan_buf_addf(&text, "k%c%c x\n", 'a' + i / 26, 'a' + i % 26);
	cr_assert_eq(kan_config_parse(&c, kan_buf_bytes(&text), "f", &err), -1);
	cr_assert_str_eq(err.text, "f:65: more than 64 settings");
	kan_config_free(&c);
}

Test(config, the_command_line_comes_first_then_the_environment_then_the_file)
{
	struct kan_args a;
	says("home /srv/file\nhost unix:///file\ntsa https://file.example/\n");
	cr_assert_eq(parse(&a, &capture, "x"), 0);
	cr_assert_str_eq(kan_arg(&a, "home"), "/srv/file");
	cr_assert_str_eq(kan_arg(&a, "host"), "unix:///file");
	cr_assert_null(kan_arg_given(&a, "home"));
	cr_assert_eq(setenv("KANSHIKI_HOME", "/srv/environment", 1), 0);
	cr_assert_eq(setenv("DOCKER_HOST", "unix:///environment", 1), 0);
	cr_assert_eq(parse(&a, &capture, "x"), 0);
	cr_assert_null(kan_arg(&a, "home"), "so that kan_home takes the variable");
	cr_assert_null(kan_arg(&a, "host"), "so that kan_engine_open takes the variable");
	cr_assert_eq(parse(&a, &capture, "x --home /srv/line --tsa https://line.example/"), 0);
	cr_assert_str_eq(kan_arg(&a, "home"), "/srv/line");
	cr_assert_str_eq(kan_arg_given(&a, "tsa"), "https://line.example/");
}

Test(config, where_a_value_is_from_is_kept_and_named)
{
	struct kan_args a;
	char called[2 * PATH_OCTETS];
	uint64_t n = 0;
	cr_redirect_stderr();
	says("# a site\nmax-freeze much\n");
	cr_assert_eq(parse(&a, &capture, "x"), 0);
	(void)snprintf(called, sizeof(called), "%s:2: max-freeze", file);
	cr_assert_str_eq(kan_arg_called(&a, "max-freeze"), called);
	cr_assert_str_eq(kan_arg_called(&a, "tsa"), "--tsa");
	cr_assert_eq(kan_arg_number(&n, &a, "max-freeze", 0, 600), -1);
	(void)test_said(said_text, sizeof(said_text));
	cr_assert_not_null(strstr(said_text, called), "%s", said_text);
}

Test(config, a_flag_is_yes_or_no)
{
	struct kan_args a;
	says("no-report yes\nno-commit no\n");
	cr_assert_eq(parse(&a, &capture, "x"), 0);
	cr_assert(kan_flag(&a, "no-report"));
	cr_assert_not(kan_flag(&a, "no-commit"));
	cr_redirect_stderr();
	says("no-report true\n");
	refused("x", "config:1: no-report takes yes or no");
}

Test(config, what_has_no_meaning_beside_the_command_line_is_left_out)
{
	struct kan_args a;
	says("tsa https://tsa.example/\nmax-freeze 3\nhost unix:///x\nkey agent\n");
	cr_assert_eq(parse(&a, &capture, "x --no-commit --root /r"), 0);
	cr_assert_null(kan_arg(&a, "tsa"));
	cr_assert_null(kan_arg(&a, "max-freeze"));
	cr_assert_null(kan_arg(&a, "host"));
	cr_assert_str_eq(kan_arg(&a, "key"), "agent");
	cr_assert_eq(parse(&a, &custody, "note x"), 0);
	cr_assert_str_eq(kan_arg(&a, "key"), "agent");
	cr_assert_null(kan_arg(&a, "max-freeze"), "there it means something else");
	static const char *const readers[] = {"log", "key", "push https://x.example/"};
	for (size_t i = 0; i < 3; i++) {
		cr_assert_eq(parse(&a, &custody, readers[i]), 0);
		cr_assert_null(kan_arg(&a, "key"), "%s signs nothing", readers[i]);
	}
}

Test(config, what_is_asked_once_is_refused_in_a_file)
{
	static const char *const never[] = {"yes yes\n",   "request-id 7\n", "case inc-1\n",
					    "config /x\n", "json yes\n",     "help yes\n",
					    "root /r\n"};
	cr_redirect_stderr();
	for (size_t i = 0; i < sizeof(never) / sizeof(never[0]); i++) {
		says(never[i]);
		refused("x", "may not stand in a configuration");
	}
	says("operater x\n");
	refused("x", "config:1: operater is no option of any command");
	says("tsa-ca ca.pem\n");
	refused("x", "config:1: tsa-ca takes an absolute path");
	says("key ssh-keygen:id.pub\n");
	refused("x", "config:1: key takes an absolute path");
}

Test(config, help_and_a_bare_command_read_none)
{
	struct kan_args a;
	says("no key at all\n");
	cr_assert_eq(parse(&a, &capture, "--help"), 0);
	cr_assert_eq(parse(&a, &bare, ""), 0);
	cr_assert_eq(parse(&a, &capture, "x --config /dev/null"), 0);
	cr_assert_null(kan_arg(&a, "tsa"));
}

Test(config, a_file_that_others_may_write_or_that_is_none_is_refused)
{
	char other[PATH_OCTETS], line[2 * PATH_OCTETS], sub[PATH_OCTETS];
	cr_redirect_stderr();
	says("lang en\n");
	cr_assert_eq(chmod(file, 0620), 0);
	refused("x", "it is writable by others: chmod go-w");
	cr_assert_eq(chmod(file, 0600), 0);
	(void)snprintf(sub, sizeof(sub), "%s/kanshiki", dir);
	cr_assert_eq(chmod(sub, 0777), 0);
	refused("x", "its directory is writable by others");
	cr_assert_eq(chmod(sub, 0700), 0);
	(void)snprintf(other, sizeof(other), "%s/other", dir);
	(void)snprintf(line, sizeof(line), "x --config %s", other);
	refused(line, "No such file");
	cr_assert_eq(symlink(file, other), 0);
	refused(line, "a symbolic link");
	cr_assert_eq(unlink(other), 0);
	cr_assert_eq(mkfifo(other, 0600), 0);
	refused(line, "no regular file");
	cr_assert_eq(unlink(other), 0);
	(void)snprintf(line, sizeof(line), "x --config %s", dir);
	refused(line, "no regular file");
	if (geteuid() != 0)
		return; /* nobody else's file can be made */
	cr_assert_eq(chown(file, 65534, 65534), 0);
	refused("x", "belongs to uid 65534: make it root's");
}

Test(config, a_named_file_is_read_alone_and_a_later_one_overrides_an_earlier)
{
	struct kan_config c = {0};
	struct kan_err err = {0};
	cr_assert_eq(kan_config_parse(&c, KAN_LIT("lang en\nkey agent\n"), "first", &err), 0);
	cr_assert_eq(kan_config_parse(&c, KAN_LIT("# x\nlang ja\n"), "second", &err), 0, "%s",
		     err.text);
	cr_assert_eq(c.n, 2);
	cr_assert_str_eq(c.v[0].value, "ja");
	cr_assert_str_eq(c.v[0].file, "second");
	cr_assert_eq(c.v[0].line, 2);
	cr_assert_str_eq(c.v[1].file, "first");
	kan_config_free(&c);
	says("tsa https://own.example/\n");
	char named[PATH_OCTETS], line[2 * PATH_OCTETS];
	struct kan_args a;
	(void)snprintf(named, sizeof(named), "%s/named", dir);
	FILE *f = fopen(named, "w");
	cr_assert_not_null(f);
	cr_assert_geq(fputs("lang ja\n", f), 0);
	cr_assert_eq(fclose(f), 0);
	cr_assert_eq(chmod(named, 0600), 0);
	(void)snprintf(line, sizeof(line), "x --config %s", named);
	cr_assert_eq(parse(&a, &capture, line), 0);
	cr_assert_str_eq(kan_arg(&a, "lang"), "ja");
	cr_assert_null(kan_arg(&a, "tsa"));
	(void)unlink(named);
}
