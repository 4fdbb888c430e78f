/* The command line: one row a command, one row an option; parser, help and manual come from these
 * tables. */
#ifndef KAN_CLI_CMD_H
#define KAN_CLI_CMD_H

#include <jansson.h>
#include <kanshiki/bytes.h>
#include <kanshiki/err.h>
#include <stdio.h>

struct kan_option {
	const char *name; /* long name, without "--" */
	char letter;      /* 0: none */
	const char *arg;  /* what its value is called, or NULL for a flag */
	const char *help;
	/* What its value may be, NULL-terminated, or NULL: of a LIST each word of it. The parser
	 * and the completion share it. */
	const char *const *words;
};
/* Stand for the names in a registry. */
extern const char *const kan_words_collectors[], *const kan_words_formats[];

enum { KAN_OPTIONS_MAX = 64 };
#define KAN_KEY_HELP \
	"sign with FILE, agent[:FINGERPRINT|:FILE.pub] or ssh-keygen:FILE (default: the home's " \
	"host key)"

struct kan_setting;
struct kan_config;
struct kan_args {
	const struct kan_option *options[KAN_OPTIONS_MAX];
	const char *values[KAN_OPTIONS_MAX];                 /* NULL: not given; "" for a flag */
	const struct kan_setting *settings[KAN_OPTIONS_MAX]; /* where config.h's value is from */
	const struct kan_config *config;                     /* all that was read, or NULL */
	size_t n_options;
	const char *const *words; /* positional, NULL-terminated */
	size_t n_words;
	const char *const *argv; /* as the program was called */
};

struct kan_command {
	const char *name, *args, *summary;
	const struct kan_option *options; /* ends with a NULL name; NULL: only the common ones */
	unsigned min_words, max_words;
	bool bare;                            /* reads no configuration */
	int (*run)(const struct kan_args *a); /* returns the exit status */
};
extern const struct kan_command *const kan_commands[]; /* NULL-terminated */
extern const struct kan_option kan_common_options[];

/* Exit statuses, docs/man and the table of cli.md; precedence when several hold: 1, 7, 124/130,
 * 5, 9. */
enum kan_status {
	KAN_EXIT_OK = 0,
	KAN_EXIT_FAILED = 1,
	KAN_EXIT_USAGE = 2,
	KAN_EXIT_NOT_FOUND = 3,
	KAN_EXIT_ENGINE = 4,
	KAN_EXIT_MISSING = 5,
	KAN_EXIT_PERMISSION = 6,
	KAN_EXIT_TAMPERED = 7,
	KAN_EXIT_REFUSED = 8,
	KAN_EXIT_FINDINGS = 9,
	KAN_EXIT_DIFFERENT = 10,
	KAN_EXIT_TIME = 124,
	KAN_EXIT_INTERRUPTED = 130,
};
struct kan_status_row {
	int status;
	const char *words;
};
extern const struct kan_status_row kan_statuses[]; /* ends with NULL words */
int kan_status_of(const struct kan_err *err);
int kan_status_worst(int a, int b);
/* At the very end: the status, or failed when what was printed did not get out. With --json, a
 * command that failed and has not said so in a document prints kanshiki.error/1 here. */
int kan_status_written(int status);
const char *kan_status_words(int status);
const char *kan_done_words(int status); /* below a capture: nothing was verified */

/* opt.c. -1: said what is wrong on stderr. */
int kan_args_parse(struct kan_args *out, const struct kan_command *cmd, int argc, char **argv);
const char *kan_arg(const struct kan_args *a, const char *name); /* NULL when not given */
/* The same, of the command line alone: what a person just said, for what contradicts it. */
const char *kan_arg_given(const struct kan_args *a, const char *name);
/* What a message calls it: "--tsa", or "/etc/kanshiki/config:3: tsa". Lives until the next call. */
const char *kan_arg_called(const struct kan_args *a, const char *name);
bool kan_flag(const struct kan_args *a, const char *name);
int kan_arg_number(uint64_t *out, const struct kan_args *a, const char *name, uint64_t fallback,
		   uint64_t max);
/* The index of the value in a NULL-terminated list of words; fallback when not given; -1 said on
 * stderr. */
int kan_arg_word(const struct kan_args *a, const char *name, const char *const *words,
		 int fallback);
void kan_help(FILE *out, const struct kan_command *cmd); /* NULL: all commands */

/* say.c: one line on stderr, "kanshiki: what happened, to what, what to do"; control characters
 * made visible. */
void kan_say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
int kan_say_err(const struct kan_err *err); /* and its exit status */
void kan_print(FILE *out, struct kan_bytes text);
/* One document as a line on stdout, what is hidden as \uXXXX; sorted by key, or as it is. */
int kan_print_line(const json_t *doc, bool sorted, struct kan_err *err);
int kan_print_json(const json_t *doc); /* one document on stdout: exit status 0, or 1 when it cannot
					  be written */
/* --json was given: a failure is a document, too. */
void kan_json_asked(bool asked);
/* A document has gone out that tells the status (by another process, or piece by piece). */
void kan_json_told(void);
/* Standard output gets bytes that are no document (a tar, an artefact): nothing goes behind them.
 */
void kan_stdout_taken(void);

/* where.c: the home, and bundles in it. Yours: free() them. */
char *kan_home(const struct kan_args *a);
char *kan_path(const char *dir, const char *name);
/* A bundle by path, by name in the home, or NULL for the newest of the home. */
int kan_find_bundle(char **out, const struct kan_args *a, const char *word, struct kan_err *err);
/* Each .partial in the directory that no running capture holds; and one warning for each. */
void kan_each_leftover(const char *bundles, void (*fn)(const char *path, void *arg), void *arg);
void kan_name_leftovers(const char *bundles);
/* Makes a directory 0700 (parents too) that must be ours. */
int kan_own_dir(const char *path, struct kan_err *err);

/* reader.c: analysis and rendering, in a sandboxed child. */
extern const char *const kan_severity_words[];
extern const char *const kan_languages[]; /* of reports */ /* of --fail-on; NULL-terminated */
struct kan_reading {
	const char *bundle; /* directory */
	bool unsealed;
	const char *out_dir;   /* reports go there; NULL: none are written */
	const char *formats;   /* comma list; NULL: html,md,json */
	const char *rules;     /* --rules DIR, or NULL */
	const char *accepted;  /* --accepted FILE, or NULL */
	const char *yara;      /* --yara FILE|DIR, or NULL */
	const char *lang;      /* of html and md; NULL: English */
	bool redact;           /* a copy to give away */
	const char *tlp;       /* a word of TLP 2.0 as in --tlp, or NULL */
	const json_t *receipt; /* or NULL */
	bool colour;
	int status;              /* of the capture so far: for the exit line */
	const char *done;        /* what status 0 means; NULL: a capture is complete */
	const char *fail_on;     /* severity, or NULL */
	const char *report_path; /* what the screen names */
	unsigned below;          /* lines that follow the screen */
	/* Of a case: the bundle is verified whole against this seal before anything is read, and
	 * model has "part" in at most so many octets. */
	const char *seal;
	size_t part_max;
};
/* Of a verification, with a struct kan_err: keeps the first check that failed. */
struct kan_check;
void kan_first_fault(const struct kan_check *c, void *arg);
/* case.c: report --case. The exit status. */
int kan_report_case(const struct kan_args *a);
/* Reading makes nothing: a mistyped home does not become one. */
int kan_custody_there(const char *home, struct kan_err *err);
/* The shipped rules, with what a user's directory adds, replaces and turns off; NULL: none. */
struct kan_rules;
int kan_take_rules(struct kan_rules **out, const char *dir, struct kan_err *err);
/* Before a sandbox: what the user names can be read; usage when not. Each may be NULL. */
int kan_check_given(const char *rules, const char *accepted, struct kan_err *err);
struct kan_read {
	char *screen;  /* the terminal summary */
	json_t *model; /* {findings:{critical..}, changes:{...}, verdict?, reports:{html:path}} */
	int status;    /* with --fail-on applied */
};
/* The rows of a scan by a user's YARA rules; nothing when path is NULL. What the kernel does not
 * give the scanner is said on stderr. Before a sandbox: it starts a child. */
int kan_scan_yara(struct kan_buf *rows, const char *bundle, const char *path, struct kan_err *err);
int kan_read_bundle(struct kan_read *out, const struct kan_reading *r, struct kan_err *err);
void kan_read_free(struct kan_read *r);

#endif
