/* What is tried before a capture begins. */
#include "cli/capture_check.h"
#include "cli/require.h"

#include <kanshiki/rule.h>
#include <string.h>
#include <sys/stat.h>

#include "analyze/accepted.h"
#include "base/digest.h"

/* What would only be noticed after the collecting is tried before it. */
static int try_analysis(const struct kan_args *a)
{
	struct kan_err err = {0};
	struct kan_rules *rules = NULL;
	const char *dir = kan_arg(a, "rules");
	if (kan_arg_word(a, "fail-on", kan_severity_words, 0) < 0 ||
	    kan_arg_word(a, "lang", kan_languages, 0) < 0)
		return -1;
	if (dir && kan_take_rules(&rules, dir, &err) < 0) {
		kan_say("%s: %s", kan_arg_called(a, "rules"), err.text);
		return -1;
	}
	kan_rules_free(rules);
	struct kan_accepted *accepted = NULL;
	const char *file = kan_arg(a, "accepted");
	if (file && kan_accepted_load(&accepted, file, &err) < 0) {
		kan_say("%s: %s", kan_arg_called(a, "accepted"), err.text);
		return -1;
	}
	kan_accepted_free(accepted);
	return 0;
}

/* An empty word is a variable that a script never set. */
static int not_empty(const struct kan_args *a, const char *name)
{
	const char *text = kan_arg(a, name);
	if (!text || *text)
		return 0;
	kan_say("--%s is empty", name);
	return -1;
}

/* One request is one capture: a second container would be taken for the first one's repetition. */
static int one_request(const struct kan_args *a)
{
	if (!kan_arg(a, "request-id") || a->n_words == 1)
		return 0;
	kan_say("--request-id names one capture: give one container");
	return -1;
}

/* Nothing runs in a data root: what is asked of a process, a pause or an engine is no request. */
static int fits_root(const struct kan_args *a)
{
	static const char *const live[] = {"host",       "depth", "freeze",  "max-freeze", "memory",
					   "indicators", "then",  "on-fail", NULL};
	if (!kan_arg(a, "root"))
		return 0;
	for (const char *const *o = live; *o; o++) {
		const char *said = kan_arg_given(a, *o);
		if (!said || strcmp(said, "never") == 0 || strcmp(said, "none") == 0)
			continue;
		kan_say("--root reads the files of an engine that does not run: --%s has no "
			"meaning beside it",
			*o);
		return -1;
	}
	return 0;
}

/* A digest, or what can be opened. */
static int reference(const struct kan_args *a)
{
	const char *what = kan_arg(a, "reference");
	struct stat st;
	if (!what || kan_is_digest(what))
		return 0;
	if (stat(what, &st) == 0 && (S_ISREG(st.st_mode) || S_ISDIR(st.st_mode)))
		return 0;
	kan_say("--reference: %s is no file, no directory and no sha256: digest", what);
	return -1;
}

/* Stamps are over what custody signs and commits. */
static int stamps(const struct kan_args *a)
{
	if (kan_arg_given(a, "tsa") && kan_flag(a, "no-commit")) {
		kan_say("--tsa stamps what is signed and committed: not with --no-commit");
		return -1;
	}
	if (!kan_arg_given(a, "tsa-ca") || kan_arg(a, "tsa"))
		return 0;
	kan_say("--tsa-ca goes with --tsa");
	return -1;
}

/* What a capture can hold: it hands nothing over. A site's own list is for verify, too. */
static int requirements(const struct kan_args *a)
{
	const char *list = kan_arg(a, "require");
	if (kan_require_check(list) < 0)
		return -1;
	if (!kan_require_has(kan_arg_given(a, "require"), "pushed"))
		return 0;
	kan_say("capture pushes nothing: kanshiki custody push, then verify --remote --require "
		"pushed");
	return -1;
}

int kan_capture_check(const struct kan_args *a)
{
	return try_analysis(a) < 0 || not_empty(a, "case") < 0 || not_empty(a, "request-id") < 0 ||
			       not_empty(a, "out") < 0 || not_empty(a, "root") < 0 ||
			       fits_root(a) < 0 || one_request(a) < 0 || reference(a) < 0 ||
			       stamps(a) < 0 || requirements(a) < 0
		       ? -1
		       : 0;
}
