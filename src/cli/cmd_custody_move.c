/* custody transfer, ack and derive: evidence that goes to others, and what is made of it. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/row.h"
#include "cli/capture_doc.h"
#include "cli/cmd_custody.h"
#include "custody/check.h"
#include "custody/move.h"

/* Before the event: what cannot be written must not be promised. *fd stays -1 for standard output.
 */
static int open_out(int *fd, const char *path, struct kan_err *err)
{
	struct kan_err why = {0};
	if (!path || kan_create(fd, AT_FDCWD, path, 0600, &why) == 0)
		return 0;
	return why.sys == EEXIST ? kan_fail(err, KAN_EREFUSED, "--out %s is there already", path)
				 : kan_fail(err, why.code, "%s", why.text);
}

/* Where it goes: a file, standard output, or the document that --json prints afterwards. */
struct place {
	int fd; /* -1: no file */
	const char *path;
	bool json;
};

static int write_text(const struct place *p, struct kan_bytes text, struct kan_err *err)
{
	if (!p->path && p->json)
		return 0;
	if (!p->path)
		return fwrite(text.p, 1, text.n, stdout) == text.n && fflush(stdout) == 0
			       ? 0
			       : kan_fail_sys(err, "standard output");
	if (kan_write_all(p->fd, text.p, text.n, err) < 0)
		return kan_wrap(err, "%s", p->path);
	return fsync(p->fd) < 0 ? kan_fail_sys(err, "%s", p->path) : 0;
}

/* rc: of what made the text. A file with half of it, or with nothing, does not stay. */
static int write_out(const struct place *p, int rc, struct kan_bytes text, struct kan_err *err)
{
	if (rc == 0)
		rc = write_text(p, text, err);
	if (rc < 0 && p->fd >= 0)
		(void)unlink(p->path);
	return rc;
}

/* The text under its key, or the file that holds it. Both texts are ASCII of ours, with line feeds.
 */
static int print_written(json_t *o, const char *key, const struct place *p, struct kan_bytes text)
{
	if (p->path)
		kan_json_set_bytes(o, "file", kan_bytes_of(p->path));
	else
		json_object_set_new(o, key, json_stringn((const char *)text.p, text.n));
	int status = kan_print_json(o);
	json_decref(o);
	return status;
}

static json_t *transfer_doc(const struct kan_receipt *r)
{
	json_t *o = kan_receipt_json(r);
	json_object_set_new(o, "schema", json_string("kanshiki.transfer/1"));
	return o;
}

static int check_transfer(const struct kan_args *a)
{
	if (kan_arg(a, "case") && kan_arg(a, "to") && kan_arg(a, "method") &&
	    kan_arg(a, "reference"))
		return 0;
	kan_say("custody transfer wants --case ID --to WHO --method HOW --reference TEXT");
	return -1;
}

static int transfer(struct kan_custody *c, const struct kan_args *a, struct kan_err *err)
{
	kan_auto_buf struct kan_buf lines = KAN_BUF(KAN_ACK_LINES_MAX);
	struct kan_transfer_ask ask = {.to = kan_arg(a, "to"),
				       .method = kan_arg(a, "method"),
				       .reference = kan_arg(a, "reference"),
				       .bundle = kan_arg(a, "bundle")};
	struct kan_act act = {
		.case_id = kan_arg(a, "case"), .purpose = kan_arg(a, "text"), .argv = a->argv};
	const char *out = kan_arg(a, "out");
	struct kan_receipt r = {0};
	kan_auto_close int fd = -1;
	int rc = open_out(&fd, out, err);
	if (rc == 0)
		rc = kan_custody_transfer(&r, &lines, c, &ask, &act, err);
	const struct place place = {fd, out, kan_flag(a, "json")};
	if (write_out(&place, rc, kan_buf_bytes(&lines), err) < 0)
		return kan_say_err(err);
	kan_say("event %u commit %s: the receiver imports the bundles, and signs these lines with "
		"kanshiki custody ack --sign FILE",
		r.event, r.commit);
	return place.json ? print_written(transfer_doc(&r), "lines", &place, kan_buf_bytes(&lines))
			  : KAN_EXIT_OK;
}

const struct kan_custody_verb kan_custody_verb_transfer = {
	.name = "transfer",
	.usage = "transfer --case ID --to WHO --method HOW --reference TEXT",
	.check = check_transfer,
	.run = transfer,
};

static int check_ack(const struct kan_args *a)
{
	bool signs = kan_arg(a, "sign"), records = kan_arg(a, "signature");
	if (signs && !records)
		return 0;
	if (records && !signs && kan_arg(a, "case") && kan_arg(a, "by"))
		return 0;
	kan_say("custody ack, at the receiver: --sign FILE; at the giver: --case ID --by WHO "
		"--signature FILE");
	return -1;
}

/* Each seal of the lines is of a bundle that is here, and whole. */
struct here {
	struct kan_custody *c;
	const char *bundles; /* directory */
	bool found;
	char seal[KAN_SHA256_HEX], name[64];
};

static int look(const json_t *event, const char *commit, void *arg, struct kan_err *err)
{
	struct here *h = arg;
	const json_t *w = json_array_get(json_object_get(event, "what"), 0);
	const char *type = kan_json_str(event, "type");
	(void)commit;
	(void)err;
	if ((strcmp(type, "import") == 0 || strcmp(type, "collect") == 0) &&
	    strcmp(kan_json_str(w, "seal"), h->seal) == 0) {
		h->found = true;
		(void)snprintf(h->name, sizeof(h->name), "%s", kan_json_str(w, "bundle"));
	}
	return 0;
}

static int is_here(const char *seal, void *arg, struct kan_err *err)
{
	struct here *h = arg;
	struct kan_err fault = {0};
	h->found = false;
	(void)snprintf(h->seal, sizeof(h->seal), "%s", seal);
	if (kan_custody_log(h->c, NULL, look, h, err) < 0)
		return -1;
	if (!h->found)
		return kan_fail(err, KAN_ENOTFOUND,
				"no bundle with the seal %s is here: import it first", seal);
	kan_auto_free char *path = kan_path(h->bundles, h->name);
	if (kan_custody_verify_bag(path, seal, NULL, kan_first_fault, &fault, err) < 0)
		return -1;
	return fault.code == KAN_OK ? 0 : kan_fail(err, fault.code, "%s: %s", h->name, fault.text);
}

static int ack_sign(struct kan_custody *c, const struct kan_args *a, struct kan_err *err)
{
	kan_auto_buf struct kan_buf lines = KAN_BUF(KAN_ACK_LINES_MAX), armour = KAN_BUF(1 << 20);
	kan_auto_free char *home = kan_home(a), *bundles = kan_path(home, "bundles");
	struct here h = {.c = c, .bundles = bundles};
	char event[KAN_SHA256_HEX];
	const char *out = kan_arg(a, "out");
	kan_auto_close int fd = -1;
	if (kan_read_file(&lines, AT_FDCWD, kan_arg(a, "sign"), err) < 0 ||
	    kan_ack_lines(event, kan_buf_bytes(&lines), is_here, &h, err) < 0)
		return kan_say_err(err);
	int rc = open_out(&fd, out, err);
	if (rc == 0)
		rc = kan_custody_ack_sign(&armour, c, kan_buf_bytes(&lines), err);
	const struct place place = {fd, out, kan_flag(a, "json")};
	if (write_out(&place, rc, kan_buf_bytes(&armour), err) < 0)
		return kan_say_err(err);
	kan_say("signed: the giver records it with kanshiki custody ack --case ID --by WHO "
		"--signature FILE");
	return place.json ? print_written(json_pack("{s:s}", "schema", "kanshiki.ack/1"),
					  "signature", &place, kan_buf_bytes(&armour))
			  : KAN_EXIT_OK;
}

static int ack(struct kan_custody *c, const struct kan_args *a, struct kan_err *err)
{
	kan_auto_buf struct kan_buf armour = KAN_BUF(1 << 20);
	struct kan_act act = {
		.case_id = kan_arg(a, "case"), .purpose = kan_arg(a, "text"), .argv = a->argv};
	struct kan_ack_done done = {.fpr = ""};
	struct kan_receipt r = {0};
	if (kan_arg(a, "sign"))
		return ack_sign(c, a, err);
	struct kan_ack_ask ask = {.by = kan_arg(a, "by"),
				  .allowed_signers = kan_arg(a, "allowed-signers")};
	if (kan_read_file(&armour, AT_FDCWD, kan_arg(a, "signature"), err) < 0)
		return kan_say_err(err);
	ask.armour = kan_buf_bytes(&armour);
	if (kan_custody_ack(&r, &done, c, &ask, &act, err) < 0)
		return kan_say_err(err);
	if (*done.principal)
		kan_say("signed by %s, key %s", done.principal, done.fpr);
	else
		kan_say("signed by the key %s, for which nobody vouches: --allowed-signers FILE",
			done.fpr);
	return kan_print_receipt(&r, kan_flag(a, "json"));
}

const struct kan_custody_verb kan_custody_verb_ack = {
	.name = "ack",
	.usage = "ack --sign FILE | ack --case ID --by WHO --signature FILE",
	.check = check_ack,
	.run = ack,
};

/* The receipt of a bundle by its name, or by its directory's. */
int kan_custody_bundle(struct kan_receipt *out, struct kan_custody *c, const char *word,
		       struct kan_err *err)
{
	const char *slash = strrchr(word, '/');
	int found = kan_custody_find_bundle(out, c, slash && slash[1] ? slash + 1 : word, err);
	if (found == 0)
		return kan_fail(err, KAN_ENOTFOUND, "%s: no event of this home brought it", word);
	return found < 0 ? -1 : 0;
}

static int derive(struct kan_custody *c, const struct kan_args *a, struct kan_err *err)
{
	struct kan_act act = {.purpose = kan_arg(a, "text"), .argv = a->argv};
	struct kan_receipt of = {0}, r = {0};
	if (kan_custody_bundle(&of, c, a->words[1], err) < 0 ||
	    kan_custody_derive(&r, c, &of, a->words[2], &act, err) < 0)
		return kan_say_err(err);
	return kan_print_receipt(&r, kan_flag(a, "json"));
}

const struct kan_custody_verb kan_custody_verb_derive = {
	.name = "derive",
	.min_words = 2,
	.max_words = 2,
	.usage = "derive BUNDLE DIR",
	.run = derive,
};
