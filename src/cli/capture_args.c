/* The words of capture: what each option may say. */
#include "cli/capture_args.h"

#include <string.h>

#include "cli/then.h"
#include "respond/respond.h"

enum { TIMEOUT_MAX_S = 86400, FREEZE_MAX_S = 600 };

static const char *const freezes[] = {"auto", "full", "never", "cgroup", NULL};
static const char *const mounts[] = {"auto", "all", "none", NULL};
static const char *const memories[] = {"none", "writable", NULL};
static const char *const images[] = {"full", "none", NULL};
static const char *const depths[] = {"host", "api", NULL};
/* A capture hands nothing over: not "pushed". */
static const char *const requirements[] = {"signed", "known-signer", "stamped", "anchored", NULL};

/* What both commands take. */
#define COLLECTING \
	{"case", 0, "ID", \
	 "the case this capture belongs to (default: one for day and container)"}, \
		{"operator", 0, "'NAME <EMAIL>'", "who acts (default: login@host)"}, \
		{"note", 0, "TEXT", "why: goes into the custody event"}, \
		{"freeze", 0, "WHEN", \
		 "auto, full or never: how much is read while the container is paused; cgroup: " \
		 "as auto, " \
		 "by the kernel's freezer", \
		 freezes}, \
		{"max-freeze", 0, "SEC", \
		 "the pause ends after so many seconds (2; with full or memory 10)"}, \
		{"memory", 0, "WHAT", "none, or writable: memory of the processes as core files", \
		 memories}, \
		{"indicators", 0, "FILE", \
		 "look for its strings, hex:PATTERNs and sha256:DIGESTs in memory"}, \
		{"image", 0, "WHAT", "full: a digest of every file of the image; none", images}, \
		{"verify-image", 0, NULL, \
		 "the image's layers against their digests, every file against its header and " \
		 "its package"}, \
		{"reference", 0, "WHAT", \
		 "the image from a clean machine: docker-save FILE.tar[.gz], OCI layout, or " \
		 "sha256:DIGEST"}, \
		{"depth", 0, "WHAT", "host, or api: ask for no more than the engine gives", \
		 depths}, \
		{"only", 0, "LIST", "only these collectors", kan_words_collectors}, \
		{"skip", 0, "LIST", "all but these collectors", kan_words_collectors}, \
		{"mounts", 0, "WHAT", "auto, all or none: content of volumes, tmpfs and binds", \
		 mounts}, \
		{"max-bytes", 0, "N", "raises the budgets for content"}, \
		{"timeout", 0, "SEC", "stop then, and seal what is there as partial (3600)"}, \
		{"key", 0, "KEY", KAN_KEY_HELP}, \
		{"tsa", 0, "URL", "time stamps of seal and commit by this authority (RFC 3161)"}, \
		{"tsa-ca", 0, "FILE", \
		 "PEM certificates of the authorities whose stamps count; without it they are " \
		 "kept " \
		 "unchecked"}, \
		{"require", 0, "LIST", \
		 "signed, known-signer, stamped, anchored: exit 5 when it does not hold", \
		 requirements}, \
		{"out", 'o', "DIR", \
		 "put the bundle into DIR, the reports into DIR/<bundle>-report"}, \
		{"no-report", 0, NULL, "do not analyse, write no report"}, \
		{"request-id", 0, "ID", "seen before: that receipt again, nothing is collected"}, \
		{"rules", 0, "DIR", \
		 "rules of yours: they add to the shipped ones, replace them by id, or turn them " \
		 "off"}, \
		{"lang", 0, "LANG", "of report.html and report.md: en (default) or ja", \
		 kan_languages}, \
		{"accepted", 0, "FILE", \
		 "findings that you have accepted: out of the verdict, and still listed"}, \
		{"fail-on", 0, "SEVERITY", \
		 "exit 9 when there is a finding of low, medium, high, critical or above", \
		 kan_severity_words}, \
	{ \
		"dry-run", 0, NULL, \
			"change nothing: what would be read, paused, changed and written, and " \
			"the space it needs" \
	}

const struct kan_option kan_capture_options[] = {
	COLLECTING,
	{"then", 0, "ACT",
	 "after the seal, held paused until then: pause, disconnect, kill, or stop (SIGTERM: its "
	 "handler runs)",
	 kan_then_words},
	{"on-fail", 0, "WHAT", "with --then, no act: resume (default) or stay-paused",
	 kan_on_fail_words},
	{"yes-loses-original", 0, NULL,
	 "kill or stop also what the engine then removes (--rm, Swarm)"},
	{"root", 0, "DIR",
	 "a data root of Docker or a store of Podman instead of an engine: a dead disk's, or a "
	 "copy"},
	{"no-commit", 0, NULL, "do not commit to the home's repository, do not sign"},
	{NULL, 0, NULL, NULL},
};

const struct kan_option kan_quarantine_options[] = {
	{"action", 0, "LIST",
	 "of pause, disconnect, no-restart, stop, kill, label (default: pause,disconnect)",
	 kan_respond_words},
	{"yes", 0, NULL, "do not ask for the container's name; without a terminal it is wanted"},
	{"undo", 0, NULL, "take back what was done, in reverse order"},
	{"on-fail", 0, "WHAT",
	 "the evidence is not sealed or not whole: resume (default) or stay-paused",
	 kan_on_fail_words},
	{"yes-loses-original", 0, NULL,
	 "kill or stop also what the engine then removes (--rm, Swarm)"},
	COLLECTING,
	{NULL, 0, NULL, NULL},
};

int kan_capture_policy(struct kan_capture_request *r, const struct kan_args *a)
{
	uint64_t freeze_s = 0, timeout = 0;
	int freeze = kan_arg_word(a, "freeze", freezes, 0),
	    mount = kan_arg_word(a, "mounts", mounts, 0);
	int image = kan_arg_word(a, "image", images, 0),
	    depth = kan_arg_word(a, "depth", depths, 0),
	    memory = kan_arg_word(a, "memory", memories, 0);
	if (freeze < 0 || mount < 0 || memory < 0 || image < 0 || depth < 0 ||
	    kan_arg_number(&freeze_s, a, "max-freeze", 0, FREEZE_MAX_S) < 0 ||
	    kan_arg_number(&timeout, a, "timeout", 0, TIMEOUT_MAX_S) < 0 ||
	    kan_arg_number(&r->policy.max_bytes, a, "max-bytes", 0, UINT64_MAX / 2) < 0)
		return -1;
	r->policy.freeze = (enum kan_freeze)freeze;
	r->policy.mounts = (enum kan_mounts)mount;
	r->policy.memory = (enum kan_memory)memory;
	r->policy.image_full = image == 0;
	r->policy.reference = kan_arg(a, "reference");
	r->policy.verify_image = kan_flag(a, "verify-image");
	r->policy.max_freeze_ms = (unsigned)freeze_s * 1000;
	r->policy.timeout_s = (unsigned)timeout;
	r->api_only = depth == 1;
	return 0;
}

int kan_capture_operator(char **name, char **email, const struct kan_args *a)
{
	const char *text = kan_arg(a, "operator");
	if (!text)
		return 0;
	const char *open = strrchr(text, '<'), *shut = open ? strchr(open, '>') : NULL;
	if (!open || !shut || shut[1] || open == text || shut == open + 1) {
		kan_say("%s takes 'NAME <EMAIL>', not '%s'", kan_arg_called(a, "operator"), text);
		return -1;
	}
	size_t n = (size_t)(open - text);
	while (n && text[n - 1] == ' ')
		n--;
	*name = strndup(text, n);
	*email = strndup(open + 1, (size_t)(shut - open - 1));
	return 0;
}
