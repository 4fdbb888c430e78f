/* report --case: each bundle is read in a sandboxed child, one after another; what they gave is
 * put together and rendered in one more. */
#include "cli/case.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/row.h"
#include "base/sandbox.h"
#include "cli/capture_doc.h"
#include "cli/cmd.h"
#include "reports/case.h"

enum { FILE_MAX_BYTES = 32 << 20, ANSWER_MAX = 1 << 20, ANSWER_DEPTH = 16, NAME_MAX_BYTES = 64 };

struct job {
	const struct kan_args *a;
	const char *home, *dir, *formats;
	struct kan_case_events of;
	json_t *bundles;
	int status;
};

/* A list of formats, each of which a case has. */
static int formats_ok(const char *list, struct kan_err *err)
{
	for (const char *at = list; *at;) {
		char name[NAME_MAX_BYTES];
		size_t n = strcspn(at, ",");
		(void)snprintf(name, sizeof name, "%.*s", (int)(n < sizeof name ? n : 0), at);
		bool known = strcmp(name, "sbom") == 0;
		for (const struct kan_report *const *r = kan_reports; *r; r++)
			known |= strcmp((*r)->name, name) == 0;
		if (!known)
			return kan_fail(err, KAN_EUSAGE, "no report format is called '%s'", name);
		const char *why = kan_case_refused(name);
		if (why)
			return kan_fail(err, KAN_EUSAGE, "%s is not made of a case: %s", name, why);
		at += n + (at[n] == ',');
	}
	return 0;
}

static bool listed(const char *list, const char *name)
{
	size_t n = strlen(name);
	for (const char *at = list; *at;) {
		size_t len = strcspn(at, ",");
		if (len == n && strncmp(at, name, n) == 0)
			return true;
		at += len + (at[len] == ',');
	}
	return false;
}

/* The reason without the place of the home: the same bundles, the same bytes. */
static void not_used(json_t *b, const char *path, const struct kan_err *why)
{
	const char *text = why->text;
	size_t n = strlen(path);
	if (strncmp(text, path, n) == 0 && strncmp(text + n, ": ", 2) == 0)
		text += n + 2;
	kan_json_set_bytes(b, "why", kan_bytes_of(text));
}

static void read_one(struct job *j, json_t *b, size_t n)
{
	struct kan_err err = {0};
	struct kan_read read = {0};
	struct stat st;
	kan_auto_free char *bundles = kan_path(j->home, "bundles");
	kan_auto_free char *path = kan_path(bundles, kan_json_str(b, "bundle"));
	size_t max = KAN_CASE_PARTS / (n ? n : 1);
	struct kan_reading r = {
		.bundle = path,
		.rules = kan_arg(j->a, "rules"),
		.accepted = kan_arg(j->a, "accepted"),
		.yara = kan_arg(j->a, "yara"),
		.fail_on = kan_arg(j->a, "fail-on"),
		.seal = kan_json_str(b, "seal"),
		.part_max = max < KAN_CASE_PART ? max : KAN_CASE_PART,
	};
	int rc = 0;
	if (lstat(path, &st) < 0 || !S_ISDIR(st.st_mode))
		rc = kan_fail(&err, KAN_ENOTFOUND, "it is not among the bundles of this home");
	else
		rc = kan_read_bundle(&read, &r, &err);
	if (rc == 0) {
		json_object_set(b, "part", json_object_get(read.model, "part"));
		j->status = kan_status_worst(j->status, read.status);
	} else {
		not_used(b, path, &err);
		kan_say("warning: %s is not used: %s", kan_json_str(b, "bundle"),
			kan_json_str(b, "why"));
		j->status = kan_status_worst(j->status, err.code == KAN_ETAMPER ? KAN_EXIT_TAMPERED
										: KAN_EXIT_MISSING);
	}
	kan_read_free(&read);
}

static int write_file(int dir, const struct kan_case_report *r, const json_t *doc,
		      struct kan_err *err)
{
	kan_auto_buf struct kan_buf text = KAN_BUF(FILE_MAX_BYTES);
	kan_auto_close int fd = -1;
	if (r->render(&text, doc, err) < 0)
		return -1;
	if (unlinkat(dir, r->file, 0) < 0 && errno != ENOENT)
		return kan_fail_sys(err, "%s", r->file);
	if (kan_create(&fd, dir, r->file, 0600, err) < 0 ||
	    kan_write_all(fd, text.data, text.len, err) < 0)
		return -1;
	return fsync(fd) < 0 ? kan_fail_sys(err, "%s", r->file) : 0;
}

static int write_files(json_t *answer, const struct job *j, const json_t *doc, struct kan_err *err)
{
	json_t *paths = json_object();
	kan_auto_close int dir = open(j->dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	json_object_set_new(answer, "reports", paths);
	if (dir < 0)
		return kan_fail_sys(err, "%s", j->dir);
	for (const struct kan_case_report *r = kan_case_reports; r->name; r++) {
		if (!listed(j->formats, r->name))
			continue;
		if (write_file(dir, r, doc, err) < 0)
			return kan_wrap(err, "report %s in %s", r->name, j->dir);
		kan_auto_free char *path = kan_path(j->dir, r->file);
		json_object_set_new(paths, r->name, json_string(path));
	}
	return 0;
}

static json_t *merged(const struct job *j)
{
	char tlp[NAME_MAX_BYTES];
	const char *label = kan_arg(j->a, "tlp");
	(void)snprintf(tlp, sizeof tlp, "TLP:%s", label ? label : "");
	const struct kan_case_input in = {
		.case_id = j->of.id,
		.tlp = label ? tlp : NULL,
		.bundles = j->bundles,
		.events = j->of.events,
		.bundles_left_out = j->of.bundles_left_out,
		.events_left_out = j->of.events_left_out,
	};
	return kan_case_merge(&in);
}

_Noreturn static void sandboxed(int out, const struct job *j)
{
	struct kan_err err = {0};
	struct kan_sandbox_state state = {0};
	json_t *answer = json_object();
	const char *read_paths[] = {j->dir, NULL}, *write_paths[] = {j->dir, NULL};
	int rc = kan_sandbox_reader(&state, read_paths, write_paths, &err);
	if (rc == 0) {
		json_t *doc = merged(j);
		rc = write_files(answer, j, doc, &err);
		json_object_set(answer, "times", json_object_get(doc, "times"));
		json_object_set_new(
			answer, "shared",
			json_integer((json_int_t)json_array_size(json_object_get(doc, "shared"))));
		json_decref(doc);
	}
	if (rc < 0) {
		kan_json_set_bytes(answer, "error", kan_bytes_of(err.text));
		json_object_set_new(answer, "code", json_integer(err.code));
	}
	char *text = json_dumps(answer, JSON_COMPACT | JSON_SORT_KEYS);
	if (text)
		(void)kan_write_all(out, text, strlen(text), NULL);
	_exit(0);
}

static int merge(json_t **answer, const struct job *j, struct kan_err *err)
{
	pid_t pid = -1;
	int end = -1;
	kan_auto_buf struct kan_buf text = KAN_BUF(ANSWER_MAX);
	(void)fflush(NULL);
	if (kan_sandbox_fork(&pid, &end, err) < 0)
		return -1;
	if (pid == 0)
		sandboxed(end, j);
	int rc = kan_read_all(&text, end, err);
	(void)close(end);
	kan_sandbox_end(pid);
	if (rc < 0 || !text.len)
		return rc < 0 ? kan_wrap(err, "report of the case")
			      : kan_fail(err, KAN_ELIMIT, "the report of the case was not ended");
	if (kan_json_parse(answer, kan_buf_bytes(&text), ANSWER_MAX, ANSWER_DEPTH, err) < 0)
		return -1;
	const char *fault = kan_json_str(*answer, "error");
	if (!*fault)
		return 0;
	kan_err_set(err, (enum kan_code)kan_json_int(*answer, "code"), 0, "%s", fault);
	return -1;
}

static void print_bundle(const json_t *b, size_t n)
{
	const json_t *part = json_object_get(b, "part");
	(void)printf("B%zu  ", n);
	kan_print(stdout, kan_bytes_of(kan_json_str(b, "bundle")));
	(void)fputs("  ", stdout);
	if (!part) {
		(void)fputs("NOT USED: ", stdout);
		kan_print(stdout, kan_bytes_of(kan_json_str(b, "why")));
	} else {
		const char *level = kan_json_str(part, "level");
		kan_print(stdout,
			  kan_bytes_of(kan_json_str(json_object_get(part, "container"), "name")));
		(void)printf("  %s, %lld findings", *level ? level : "none",
			     (long long)json_array_size(json_object_get(part, "findings")) +
				     (long long)kan_json_int(part, "findings_left_out"));
	}
	(void)fputc('\n', stdout);
}

static void print(const struct job *j, const json_t *answer)
{
	const char *key = NULL;
	size_t i = 0;
	json_t *v = NULL;
	if (kan_flag(j->a, "json")) {
		json_t *o = json_pack("{s:s,s:s,s:i,s:O,s:O,s:O}", "schema",
				      "kanshiki.case-reports/1", "case", j->of.id, "status",
				      j->status, "reports", json_object_get(answer, "reports"),
				      "times", json_object_get(answer, "times"), "shared",
				      json_object_get(answer, "shared"));
		(void)kan_print_json(o);
		json_decref(o);
		return;
	}
	(void)printf("case %s\n", j->of.id);
	json_array_foreach (j->bundles, i, v)
		print_bundle(v, i + 1);
	if (j->of.bundles_left_out)
		(void)printf("+%llu bundles, not read\n",
			     (unsigned long long)j->of.bundles_left_out);
	(void)printf("shared by more than one bundle: %lld\n",
		     (long long)kan_json_int(answer, "shared"));
	json_object_foreach (json_object_get(answer, "reports"), key, v) {
		(void)printf("%s ", key);
		kan_print(stdout, kan_bytes_of(json_string_value(v)));
		(void)fputc('\n', stdout);
	}
}

static char *out_dir(const struct job *j)
{
	const char *out = kan_arg(j->a, "out");
	if (out)
		return kan_absolute(out);
	kan_auto_free char *reports = kan_path(j->home, "reports");
	kan_auto_free char *cases = kan_path(reports, "cases");
	return kan_path(cases, j->of.id);
}

static int make(struct job *j, struct kan_err *err)
{
	json_t *answer = NULL, *b = NULL;
	size_t i = 0;
	kan_auto_free char *dir = out_dir(j);
	j->dir = dir;
	j->bundles = j->of.bundles;
	if (kan_own_dir(dir, err) < 0)
		return -1;
	json_array_foreach (j->bundles, i, b)
		read_one(j, b, json_array_size(j->bundles));
	if (j->of.bundles_left_out)
		j->status = kan_status_worst(j->status, KAN_EXIT_MISSING);
	int rc = merge(&answer, j, err);
	if (rc == 0)
		print(j, answer);
	json_decref(answer);
	return rc;
}

/* What it does not do is refused: who asks for a copy to give away must not get another one. */
static bool of_one_bundle(const struct kan_args *a)
{
	const char *option = kan_flag(a, "redact")      ? "redact"
			     : kan_arg(a, "receipt")    ? "receipt"
			     : kan_arg_given(a, "lang") ? "lang"
							: NULL;
	if (option)
		kan_say("--%s is of the report of one bundle, and not of a case", option);
	return option;
}

int kan_report_case(const struct kan_args *a)
{
	struct kan_err err = {0};
	const char *formats = kan_arg(a, "format");
	kan_auto_free char *home = kan_home(a);
	struct job j = {.a = a, .home = home, .formats = formats ? formats : "html,md,json"};
	if (a->n_words) {
		kan_say("report --case takes all bundles of the case: name none");
		return KAN_EXIT_USAGE;
	}
	if (of_one_bundle(a) || kan_arg_word(a, "fail-on", kan_severity_words, 0) < 0)
		return KAN_EXIT_USAGE;
	if (formats_ok(j.formats, &err) < 0 ||
	    kan_case_events(&j.of, home, kan_arg(a, "case"), &err) < 0)
		return kan_say_err(&err);
	int rc = make(&j, &err);
	json_decref(j.of.events);
	json_decref(j.of.bundles);
	return rc < 0 ? kan_say_err(&err) : j.status;
}
