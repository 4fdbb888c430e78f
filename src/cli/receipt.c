/* Where a report gets its receipt from: a file, or the home's custody repository. The repository
 * may be damaged or made by somebody else, so a child in the readers' sandbox looks into it, and
 * what comes from it is checked like a file. */
#include "cli/receipt.h"

#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/digest.h"
#include "base/file.h"
#include "base/row.h"
#include "base/sandbox.h"
#include "cli/capture_doc.h"
#include "custody/receipt.h"

enum {
	FILE_OCTETS = 4 << 20, /* a whole capture --json or report.json may be handed in */
	FILE_DEPTH = 32,
	ANSWER_OCTETS = 64 << 10,
	ANSWER_DEPTH = 4,
	COMMIT_HEX = 40,
	SIGNER_OCTETS = 128,
	LOOK_S = 60,
};

static bool is_commit(const char *s)
{
	return strlen(s) == COMMIT_HEX && s[strspn(s, "0123456789abcdef")] == '\0';
}

/* The keys of a receipt and no others, each of its kind; NULL: it is none. */
static json_t *receipt_of(const json_t *o)
{
	static const char *const texts[] = {"repo", "case", "bundle", "seal", "commit", "signer"};
	json_t *out = json_object();
	bool good = true;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		kan_auto_buf struct kan_buf v = KAN_BUF(PATH_MAX);
		good = good && kan_json_bytes(&v, o, texts[i], NULL) == 0 && !v.failed;
		kan_json_set_bytes(out, texts[i], kan_buf_bytes(&v));
	}
	json_object_set(out, "event", json_object_get(o, "event"));
	json_object_set(out, "host_key", json_object_get(o, "host_key"));
	good = good && kan_is_sha256_hex(kan_json_str(out, "seal")) &&
	       is_commit(kan_json_str(out, "commit")) &&
	       strncmp(kan_json_str(out, "signer"), "SHA256:", 7) == 0 &&
	       strlen(kan_json_str(out, "signer")) < SIGNER_OCTETS &&
	       json_is_integer(json_object_get(out, "event")) && kan_json_int(out, "event") > 0 &&
	       json_is_boolean(json_object_get(out, "host_key"));
	if (good)
		return out;
	json_decref(out);
	return NULL;
}

/* import --json is a receipt; capture --json and report.json have one. */
static int from_file(json_t **out, const char *path, struct kan_err *err)
{
	kan_auto_buf struct kan_buf text = KAN_BUF(FILE_OCTETS);
	json_auto_t *doc = NULL;
	if (kan_read_file(&text, AT_FDCWD, path, err) < 0 ||
	    kan_json_parse(&doc, kan_buf_bytes(&text), FILE_OCTETS, FILE_DEPTH, err) < 0) {
		err->code = KAN_EUSAGE;
		return kan_wrap(err, "--receipt %s", path);
	}
	const json_t *held = json_object_get(doc, "custody");
	held = held ? held : json_object_get(doc, "receipt");
	*out = receipt_of(held ? held : doc);
	return *out ? 0
		    : kan_fail(err, KAN_EUSAGE,
			       "--receipt %s: no receipt: give what capture --json or import "
			       "--json printed",
			       path);
}

struct question {
	const char *repo, *bundle;
};

static void look(int to, void *arg)
{
	const struct question *q = arg;
	struct kan_receipt *r = kan_xalloc(sizeof *r);
	struct kan_sandbox_state box = {0};
	struct kan_err err = {0};
	const char *readable[] = {q->repo, q->bundle, NULL}, *writable[] = {NULL};
	json_t *answer = json_object();
	(void)alarm(LOOK_S); /* whatever lies in there: a report waits no longer */
	int rc = kan_sandbox_reader(&box, readable, writable, &err);
	if (rc == 0)
		rc = kan_custody_find_receipt(r, q->repo, q->bundle, &err);
	if (rc > 0)
		json_object_set_new(answer, "receipt", kan_receipt_json(r));
	else if (rc < 0)
		kan_json_set_bytes(answer, "error", kan_bytes_of(err.text));
	char *text = json_dumps(answer, JSON_COMPACT | JSON_SORT_KEYS);
	if (text)
		(void)kan_write_all(to, text, strlen(text), NULL);
	free(text);
	free(r);
	json_decref(answer);
}

static int take(json_t **out, struct kan_bytes text, struct kan_err *err)
{
	json_auto_t *answer = NULL;
	if (text.n == 0)
		return kan_fail(err, KAN_ELIMIT, "its reader ended without an answer");
	if (kan_json_parse(&answer, text, ANSWER_OCTETS, ANSWER_DEPTH, err) < 0)
		return -1;
	const char *fault = json_string_value(json_object_get(answer, "error"));
	if (fault)
		return kan_fail(err, KAN_ETAMPER, "%s", fault);
	const json_t *found = json_object_get(answer, "receipt");
	*out = found ? receipt_of(found) : NULL;
	return found && !*out ? kan_fail(err, KAN_ETAMPER, "its event is not one of ours") : 0;
}

static int from_repository(json_t **out, const char *repo, const char *bundle, struct kan_err *err)
{
	kan_auto_buf struct kan_buf text = KAN_BUF(ANSWER_OCTETS);
	struct question q = {repo, bundle};
	return kan_sandbox_ask(&text, look, &q, err) < 0 ? -1
							 : take(out, kan_buf_bytes(&text), err);
}

int kan_take_receipt(json_t **out, const struct kan_args *a, const char *bundle,
		     struct kan_err *err)
{
	const char *file = kan_arg(a, "receipt");
	*out = NULL;
	if (file)
		return from_file(out, file, err);
	char whole[PATH_MAX];
	struct kan_err why = {0};
	kan_auto_free char *home = kan_home(a);
	if (!realpath(home, whole)) /* as custody names it in its receipts */
		return 0;
	kan_auto_free char *repo = kan_path(whole, "custody.git");
	if (access(repo, F_OK) < 0)
		return 0; /* nothing was ever committed there */
	if (from_repository(out, repo, bundle, &why) < 0)
		kan_say("warning: %s: %s: the report has no receipt", repo, why.text);
	return 0;
}
