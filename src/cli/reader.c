/* Analysis and rendering of a bundle, in a child that has nothing but the bundle and the output
 * directory. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <kanshiki/bundle.h>
#include <kanshiki/custody.h>
#include <kanshiki/report.h>
#include <kanshiki/rule.h>

#include "analyze/analyze.h"
#include "analyze/redact.h"
#include "analyze/rules.h"
#include "analyze/yarascan.h"
#include "base/file.h"
#include "base/row.h"
#include "cli/box.h"
#include "cli/cmd.h"
#include "custody/check.h"
#include "reports/case.h"
#include "reports/drain.h"
#include "reports/lang.h"

enum { YARA_ROWS = 64 << 20 };
enum { ANSWER_MAX = 4 << 20, REPORT_MAX = 64 << 20, ANSWER_DEPTH = 32, TLP_OCTETS = 32 };

const char *const kan_severity_words[] = {"low", "medium", "high", "critical", NULL};

const char *const kan_languages[] = {"en", "ja", NULL};

static int severity_rank(const char *word)
{
	for (int i = 0; word && kan_severity_words[i]; i++)
		if (strcmp(kan_severity_words[i], word) == 0)
			return i;
	return -1;
}

static bool format_listed(const char *list, const char *name)
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

static int known_formats(const char *list, struct kan_err *err)
{
	for (const char *at = list; *at;) {
		size_t len = strcspn(at, ",");
		bool found = false;
		for (const struct kan_report *const *r = kan_reports; *r; r++)
			found |= strlen((*r)->name) == len && strncmp((*r)->name, at, len) == 0;
		if (!found)
			return kan_fail(err, KAN_EUSAGE, "no report format is called '%.*s'",
					(int)(len > 64 ? 64 : len), at);
		at += len + (at[len] == ',');
	}
	return 0;
}

static int drain(struct kan_buf *full, void *arg, struct kan_err *err)
{
	const int *fd = arg;
	if (kan_write_all(*fd, full->data, full->len, err) < 0)
		return -1;
	kan_buf_reset(full);
	return 0;
}

/* The one report of this file; what is made of it is written while it grows. */
static int write_report(int dir, const struct kan_report *k, struct kan_model *m,
			struct kan_err *err)
{
	kan_auto_buf struct kan_buf text = KAN_BUF(REPORT_MAX);
	kan_auto_close int fd = -1;
	if (unlinkat(dir, k->file, 0) < 0 &&
	    errno != ENOENT) /* made again: the same bytes, or better rules */
		return kan_fail_sys(err, "%s", k->file);
	if (kan_create(&fd, dir, k->file, 0600, err) < 0)
		return -1;
	kan_model_drain(m, drain, &fd);
	int rc = k->render(&text, m, err);
	kan_model_drain(m, NULL, NULL);
	if (rc == 0 && text.failed)
		rc = kan_fail(err, KAN_ELIMIT, "it is over %d MiB", REPORT_MAX >> 20);
	if (rc == 0)
		rc = drain(&text, &fd, err);
	if (rc == 0 && fsync(fd) < 0)
		rc = kan_fail_sys(err, "%s", k->file);
	if (rc < 0)
		(void)unlinkat(dir, k->file, 0); /* half a report is none */
	return rc;
}

static int write_reports(json_t *paths, struct kan_model *m, const struct kan_reading *r,
			 struct kan_err *err)
{
	kan_auto_close int dir = open(r->out_dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dir < 0)
		return kan_fail_sys(err, "%s", r->out_dir);
	for (const struct kan_report *const *k = kan_reports; *k; k++) {
		if (!format_listed(r->formats, (*k)->name))
			continue;
		if (write_report(dir, *k, m, err) < 0)
			return kan_wrap(err, "report %s in %s", (*k)->name, r->out_dir);
		kan_auto_free char *path = kan_path(r->out_dir, (*k)->file);
		/* one format may be several files */
		json_object_set_new(paths,
				    json_object_get(paths, (*k)->name) ? (*k)->file : (*k)->name,
				    json_string(path));
	}
	return 0;
}

/* By change word; and how many the engine's own list lacks, where it could be compared. Nothing
 * when the changes were not read. */
static void count_changes(json_t *answer, const json_t *analysis)
{
	const json_t *changes = json_object_get(analysis, "changes");
	const json_t *hidden = json_object_get(changes, "hidden_from_engine");
	if (!json_is_true(json_object_get(changes, "seen")))
		return;
	json_t *o = json_copy(json_object_get(changes, "counts"));
	if (json_is_true(json_object_get(hidden, "compared")))
		json_object_set(o, "hidden_from_engine", json_object_get(hidden, "count"));
	json_object_set_new(answer, "changes", o);
}

static json_t *count_findings(int *worst, const json_t *analysis)
{
	json_int_t counts[4] = {0};
	size_t i = 0;
	json_t *finding = NULL;
	json_array_foreach (json_object_get(analysis, "findings"), i, finding) {
		int rank = severity_rank(json_string_value(json_object_get(finding, "severity")));
		if (rank < 0)
			continue;
		counts[rank]++;
		*worst = rank > *worst ? rank : *worst;
	}
	json_t *o = json_object();
	for (int k = 0; kan_severity_words[k]; k++)
		json_object_set_new(o, kan_severity_words[k], json_integer(counts[k]));
	return o;
}

static int draw(json_t *answer, const struct kan_model *m, const struct kan_reading *r,
		struct kan_err *err)
{
	kan_auto_buf struct kan_buf text = KAN_BUF(1 << 20);
	struct kan_screen s = {
		.columns = 80,
		.colour = r->colour,
		.provisional = r->unsealed,
		.bundle_path = r->bundle,
		.report_path = r->report_path,
		.below = r->below,
		.exit_status = (int)json_integer_value(json_object_get(answer, "status")),
	};
	s.exit_words =
		s.exit_status == KAN_EXIT_OK && r->done ? r->done : kan_done_words(s.exit_status);
	if (kan_report_terminal(&text, m, &s, err) < 0)
		return -1;
	json_object_set_new(answer, "screen", json_string(kan_buf_str(&text)));
	return 0;
}

/* Where rows of a report come from, and through what. */
struct origin {
	const struct kan_bundle *bundle;
	struct kan_redactor *redactor; /* NULL: they are as they are */
};
struct passing {
	struct kan_redactor *redactor;
	kan_row_fn *fn;
	void *arg;
};

static int redacted_row(const json_t *row, uint64_t line, void *arg, struct kan_err *err)
{
	const struct passing *p = arg;
	json_t *o = kan_redact_row(p->redactor, row);
	int rc = p->fn(o, line, p->arg, err);
	json_decref(o);
	return rc;
}

/* An artefact that is not there has no rows. */
static int rows_of_bundle(const void *from, const char *artefact, kan_row_fn *fn, void *arg,
			  struct kan_err *err)
{
	const struct origin *o = from;
	struct passing p = {o->redactor, fn, arg};
	if (!kan_bundle_find(o->bundle, artefact))
		return 0;
	return o->redactor ? kan_bundle_rows(o->bundle, artefact, redacted_row, &p, err)
			   : kan_bundle_rows(o->bundle, artefact, fn, arg, err);
}

int kan_scan_yara(struct kan_buf *rows, const char *bundle, const char *path, struct kan_err *err)
{
	char unboxed[KAN_YARA_UNBOXED];
	const struct kan_yara_job job = {bundle, path, kan_yara_defaults};
	if (!path)
		return 0;
	*rows = KAN_BUF(YARA_ROWS);
	if (kan_yara_scan(rows, unboxed, &job, err) < 0)
		return -1;
	if (*unboxed)
		kan_say("sandbox: this kernel does not give the scanner of YARA rules:%s", unboxed);
	return 0;
}

int kan_check_given(const char *rules, const char *accepted, struct kan_err *err)
{
	if (rules && access(rules, R_OK | X_OK) < 0)
		return kan_fail(err, KAN_EUSAGE, "--rules %s: %s", rules, strerror(errno));
	if (accepted && access(accepted, R_OK) < 0)
		return kan_fail(err, KAN_EUSAGE, "--accepted %s: %s", accepted, strerror(errno));
	return 0;
}

int kan_take_rules(struct kan_rules **out, const char *dir, struct kan_err *err)
{
	return kan_rules_with(out, dir, err);
}

/* Traffic Light Protocol 2.0 (FIRST): who may see what is made of it. */
static void mark(json_t *analysis, const char *tlp)
{
	char text[TLP_OCTETS];
	if (!tlp)
		return;
	(void)snprintf(text, sizeof(text), "TLP:%s", tlp);
	json_object_set_new(analysis, "tlp", json_string(text));
}

/* One of another bundle would vouch for what was never committed. */
static int own_receipt(const json_t *receipt, const struct kan_bundle *b, struct kan_err *err)
{
	if (!receipt ||
	    (kan_bundle_seal(b) && strcmp(kan_json_str(receipt, "seal"), kan_bundle_seal(b)) == 0))
		return 0;
	return kan_fail(err, KAN_EUSAGE, "%s: the receipt is of another bundle",
			kan_bundle_name(b));
}

/* Rules first: what they say goes into the document. */
static int speak(struct kan_rules *rules, struct kan_lang *lang, const char *code,
		 struct kan_err *err)
{
	json_t *catalogue = NULL;
	if (!code || strcmp(code, "en") == 0)
		return 0;
	if (kan_lang_load(&catalogue, code, err) < 0)
		return -1;
	*lang = (struct kan_lang){.code = code, .catalogue = catalogue};
	return kan_rules_speak(rules, code, err);
}

void kan_first_fault(const struct kan_check *c, void *arg)
{
	struct kan_err *fault = arg;
	if (c->result == KAN_CHECK_FAILED && fault->code == KAN_OK)
		kan_err_set(fault, KAN_ETAMPER, 0, "%s: %s", *c->path ? c->path : c->name,
			    c->detail);
}

/* Nothing of a bundle that was altered is used. */
static int verify(const char *bundle, const char *seal, struct kan_err *err)
{
	struct kan_err fault = {0};
	if (kan_bundle_verify(bundle, seal, kan_first_fault, &fault, err) < 0 ||
	    kan_custody_verify_seal(bundle, NULL, kan_first_fault, &fault, err) < 0)
		return -1;
	if (fault.code != KAN_OK)
		return kan_fail(err, fault.code, "its verification failed: %s", fault.text);
	return 0;
}

static int read_all(json_t *answer, const struct kan_reading *r, struct kan_bytes yara,
		    struct kan_err *err)
{
	struct kan_bundle *bundle = NULL;
	struct kan_rules *rules = NULL;
	struct kan_model *model = NULL;
	json_t *analysis = NULL;
	struct kan_lang lang = {.code = NULL};
	struct origin origin = {NULL, r->redact ? kan_redactor_new() : NULL};
	int worst = -1, rc = -1;
	if (r->seal && verify(r->bundle, r->seal, err) < 0)
		goto out;
	if (kan_bundle_open(&bundle, r->bundle, r->unsealed, err) < 0)
		goto out;
	if (own_receipt(r->receipt, bundle, err) < 0 || kan_take_rules(&rules, r->rules, err) < 0 ||
	    kan_rules_accept(rules, r->accepted, err) < 0 || speak(rules, &lang, r->lang, err) < 0)
		goto out;
	if (kan_analyze_with(&analysis, bundle, rules, yara, err) < 0)
		goto out;
	if (origin.redactor)
		kan_redact_document(origin.redactor, analysis);
	mark(analysis, r->tlp);
	if (kan_model_new(&model, analysis, r->redact ? NULL : r->receipt, err) < 0)
		goto out;
	origin.bundle = bundle;
	kan_model_from(model, rows_of_bundle, &origin);
	kan_model_speak(model, lang.code ? &lang : NULL);
	json_object_set_new(answer, "findings", count_findings(&worst, analysis));
	count_changes(answer, analysis);
	int status = r->status;
	if (r->fail_on && worst >= severity_rank(r->fail_on))
		status = kan_status_worst(status, KAN_EXIT_FINDINGS);
	json_object_set_new(answer, "status", json_integer(status));
	json_t *paths = json_object();
	json_object_set_new(answer, "reports", paths);
	if (r->part_max)
		json_object_set_new(answer, "part", kan_case_part(model, r->part_max));
	if (r->out_dir && write_reports(paths, model, r, err) < 0)
		goto out;
	rc = draw(answer, model, r, err);
out:
	json_decref(analysis);
	json_decref((json_t *)(uintptr_t)lang.catalogue);
	kan_redactor_free(origin.redactor);
	kan_model_free(model);
	kan_rules_free(rules);
	kan_bundle_free(bundle);
	return rc;
}

_Noreturn static void sandboxed(int out, const struct kan_reading *r, struct kan_bytes yara)
{
	struct kan_err err = {0};
	struct kan_sandbox_state state = {0};
	json_t *answer = json_object();
	const char *read_paths[] = {r->bundle, r->rules ? r->rules : r->bundle,
				    r->accepted ? r->accepted : r->bundle, NULL};
	const char *write_paths[] = {r->out_dir, NULL};
	int rc = kan_sandbox_reader(&state, read_paths, write_paths, &err);
	if (rc == 0 && !r->unsealed) /* told once a capture */
		kan_say_box(&state);
	json_object_set_new(answer, "sandbox", kan_box_json(&state));
	if (rc == 0)
		rc = read_all(answer, r, yara, &err);
	if (rc < 0) {
		json_object_clear(answer);
		kan_json_set_bytes(answer, "error", kan_bytes_of(err.text));
		json_object_set_new(answer, "code", json_integer(err.code));
	}
	char *text = json_dumps(answer, JSON_COMPACT | JSON_SORT_KEYS);
	if (text)
		(void)kan_write_all(out, text, strlen(text),
				    NULL); /* the parent is gone: nobody asks */
	free(text);
	json_decref(answer);
	_exit(0);
}

static int take_answer(struct kan_read *out, json_t *answer, struct kan_err *err)
{
	const char *fault = json_string_value(json_object_get(answer, "error"));
	if (fault) {
		kan_err_set(err, (enum kan_code)json_integer_value(json_object_get(answer, "code")),
			    0, "%s", fault);
		return -1;
	}
	const char *screen = json_string_value(json_object_get(answer, "screen"));
	if (!screen)
		return kan_fail(err, KAN_EFORMAT, "the analysis gave no summary");
	out->screen = kan_xstrdup(screen);
	out->status = (int)json_integer_value(json_object_get(answer, "status"));
	out->model = json_incref(answer);
	return 0;
}

int kan_read_bundle(struct kan_read *out, const struct kan_reading *reading, struct kan_err *err)
{
	struct kan_reading r = *reading;
	int ends[2];
	r.formats = r.formats ? r.formats : "html,md,json";
	if (known_formats(r.formats, err) < 0)
		return -1;
	if (r.fail_on && severity_rank(r.fail_on) < 0)
		return kan_fail(err, KAN_EUSAGE,
				"--fail-on takes low, medium, high or critical, not '%s'",
				r.fail_on);
	kan_auto_buf struct kan_buf yara = KAN_BUF(0);
	if (kan_check_given(r.rules, r.accepted, err) < 0 ||
	    kan_scan_yara(&yara, r.bundle, r.yara, err) < 0)
		return -1;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return kan_fail_sys(err, "pipe");
	(void)fflush(NULL);
	pid_t pid = fork();
	if (pid == 0) {
		(void)close(ends[0]);
		sandboxed(ends[1], &r, kan_buf_bytes(&yara));
	}
	(void)close(ends[1]);
	kan_auto_close int from = ends[0];
	kan_auto_buf struct kan_buf text = KAN_BUF(ANSWER_MAX);
	if (pid < 0)
		return kan_fail_sys(err, "fork");
	int rc = kan_read_all(&text, from, err), status = 0;
	kan_auto_close_fn(
		&from); /* a child that still writes must not wait for us while we wait for it */
	from = -1;
	if (rc < 0)
		(void)kill(pid, SIGKILL);
	(void)waitpid(pid, &status, 0);
	if (rc < 0)
		return kan_wrap(err, "analysis");
	if (text.len == 0)
		return kan_fail(err, KAN_ELIMIT,
				"the analysis of %s ended without an answer (%s %d)", r.bundle,
				WIFSIGNALED(status) ? "signal" : "status",
				WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
	json_t *answer = NULL;
	if (kan_json_parse(&answer, kan_buf_bytes(&text), ANSWER_MAX, ANSWER_DEPTH, err) < 0)
		return kan_wrap(err, "analysis");
	rc = take_answer(out, answer, err);
	json_decref(answer);
	return rc;
}

void kan_read_free(struct kan_read *r)
{
	free(r->screen);
	json_decref(r->model);
	*r = (struct kan_read){0};
}
