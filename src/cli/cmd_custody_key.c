/* custody key: a key for a newcomer, and the line by which others trust a key. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/row.h"
#include "cli/capture_args.h"
#include "cli/cmd.h"
#include "cli/cmd_custody.h"
#include "custody/key.h"
#include "custody/signer.h"

enum { LINE_OCTETS = 8192, KEY_OCTETS = 4096, DATE = 8, TIME = 6 };

static int check(const struct kan_args *a)
{
	if (kan_arg(a, "out") && kan_arg(a, "key"))
		kan_say("custody key makes a key with --out, or tells of the one of --key");
	else if ((kan_arg(a, "out") || kan_arg(a, "key")) && !kan_arg(a, "operator"))
		kan_say("whose key is it? --operator 'NAME <EMAIL>'");
	else
		return 0;
	return -1;
}

/* The host key alone is the home's. */
static bool bare(const struct kan_args *a)
{
	return kan_arg(a, "out") || kan_arg(a, "key");
}

static int print_line(const struct kan_buf *line, const char *fpr, const char *file, bool json)
{
	if (!json) {
		(void)fputs(kan_buf_str(line), stdout);
		return KAN_EXIT_OK;
	}
	json_auto_t *o = json_pack("{s:s}", "schema", "kanshiki.key/1");
	kan_json_set_bytes(o, "allowed_signers",
			   (struct kan_bytes){line->data, line->len ? line->len - 1 : 0});
	kan_json_set_bytes(o, "fingerprint", kan_bytes_of(fpr));
	if (file)
		kan_json_set_bytes(o, "file", kan_bytes_of(file));
	return kan_print_json(o);
}

/* "EMAIL 20261122053000Z": when it was made is when it begins to be valid. */
static int generate(struct kan_key **out, const char *email, struct kan_err *err)
{
	char comment[KAN_KEY_COMMENT], when[KAN_COMPACT];
	kan_compact_utc(when, kan_now_ns());
	(void)snprintf(comment, sizeof(comment), "%s %.*s%.*sZ", email, DATE, when, TIME,
		       when + DATE + 1);
	return kan_key_generate(out, comment, err);
}

/* Both files or none; what is there is never written over. */
static int write_files(const struct kan_key *k, const char *path, struct kan_err *err)
{
	kan_auto_buf struct kan_buf text = KAN_BUF(KEY_OCTETS), line = KAN_BUF(KEY_OCTETS),
				    public = KAN_BUF(LINE_OCTETS);
	kan_buf_addf(&public, "%s.pub", path);
	if (access(path, F_OK) == 0 || access(kan_buf_str(&public), F_OK) == 0)
		return kan_fail(err, KAN_EREFUSED, "%s or %s is there: name another", path,
				kan_buf_str(&public));
	kan_key_line(&line, kan_key_blob(k));
	kan_buf_addf(&line, " %s\n", kan_key_comment(k));
	int rc = kan_key_encode(&text, k, err);
	if (rc == 0)
		rc = kan_put_file(AT_FDCWD, path, 0600, kan_buf_bytes(&text), err);
	if (text.data)
		explicit_bzero(text.data, text.cap);
	if (rc == 0 &&
	    kan_put_file(AT_FDCWD, kan_buf_str(&public), 0644, kan_buf_bytes(&line), err) < 0) {
		(void)unlink(path); /* ours, made a moment ago */
		rc = -1;
	}
	return rc;
}

static int make(const struct kan_args *a, const char *email, struct kan_err *err)
{
	kan_auto_key struct kan_key *k = NULL;
	kan_auto_buf struct kan_buf line = KAN_BUF(LINE_OCTETS);
	const char *path = kan_arg(a, "out");
	if (generate(&k, email, err) < 0 || kan_signer_line_of(&line, k, email, err) < 0 ||
	    write_files(k, path, err) < 0)
		return kan_say_err(err);
	return print_line(&line, kan_key_fpr(k), path, kan_flag(a, "json"));
}

static int tell(struct kan_custody *c, const struct kan_args *a, const char *email,
		struct kan_err *err)
{
	const struct kan_signer_ask ask = kan_custody_ask_of(a);
	kan_auto_buf struct kan_buf line = KAN_BUF(LINE_OCTETS);
	struct kan_signer *s = NULL;
	int rc = c ? kan_custody_signer_line(&line, c, email, err)
		   : kan_signer_open(&s, &ask, NULL, err);
	if (rc == 0 && s)
		rc = kan_signer_line(&line, s, email, err);
	int status = rc < 0 ? kan_say_err(err)
			    : print_line(&line, s ? kan_signer_fpr(s) : kan_custody_fpr(c), NULL,
					 kan_flag(a, "json"));
	kan_signer_free(s);
	return status;
}

static int run(struct kan_custody *c, const struct kan_args *a, struct kan_err *err)
{
	kan_auto_free char *name = NULL;
	kan_auto_free char *email = NULL;
	if (kan_capture_operator(&name, &email, a) < 0)
		return KAN_EXIT_USAGE;
	return kan_arg(a, "out") ? make(a, email, err) : tell(c, a, email, err);
}

const struct kan_custody_verb kan_custody_verb_key = {
	.name = "key",
	.usage = "key [--out FILE] [--operator 'NAME <EMAIL>']",
	.check = check,
	.bare = bare,
	.run = run,
};
