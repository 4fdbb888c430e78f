/* custody push: the chain to somebody else's keeping. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/row.h"
#include "cli/capture_doc.h"
#include "cli/cmd_custody.h"
#include "custody/push.h"

enum { CREDENTIALS_MAX = 4096 };

/* One line "name:password", in a file that nobody else may read. */
static int read_credentials(char **out, const char *path, struct kan_err *err)
{
	struct kan_buf text = KAN_BUF(CREDENTIALS_MAX);
	struct stat st;
	if (!path)
		return 0;
	kan_auto_close int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return kan_fail_sys(err, "--credentials %s", path);
	if (!S_ISREG(st.st_mode) || st.st_mode & 077)
		return kan_fail(err, KAN_EREFUSED,
				"--credentials %s: a regular file that is yours alone (chmod 600)",
				path);
	if (kan_read_all(&text, fd, err) < 0) {
		kan_buf_free(&text);
		return kan_wrap(err, "--credentials %s", path);
	}
	size_t n = text.data ? strcspn(kan_buf_str(&text), "\r\n") : 0;
	bool good = n && n < text.len && text.data[0] != ':' && memchr(text.data, ':', n);
	*out = good ? strndup(kan_buf_str(&text), n) : NULL;
	kan_buf_free(&text);
	return *out ? 0
		    : kan_fail(err, KAN_EUSAGE, "--credentials %s: one line, NAME:PASSWORD", path);
}

void kan_wipe_text(char *secret)
{
	if (!secret)
		return;
	explicit_bzero(secret, strlen(secret));
	free(secret);
}

/* What git does for a remote that is not ours to speak to. */
static int say_commands(const struct kan_args *a, const struct kan_remote *r)
{
	kan_auto_free char *home = kan_home(a);
	kan_say("%s: only file and http(s) are spoken here: nothing was pushed. With git and "
		"git-lfs:",
		r->url);
	(void)fputs("  git -C ", stderr);
	kan_print(stderr, kan_bytes_of(home));
	(void)fputs("/custody.git lfs push --all ", stderr);
	kan_print(stderr, kan_bytes_of(r->url));
	(void)fputs(" main\n  git -C ", stderr);
	kan_print(stderr, kan_bytes_of(home));
	(void)fputs("/custody.git push ", stderr);
	kan_print(stderr, kan_bytes_of(r->url));
	(void)fputs(" main\nThen read it back:\n  git ls-remote ", stderr);
	kan_print(stderr, kan_bytes_of(r->url));
	(void)fputs(" main\n", stderr);
	return KAN_EXIT_REFUSED;
}

static int print_done(const struct kan_push_done *d, const struct kan_remote *r, bool json)
{
	if (json) {
		json_auto_t *o = json_pack("{s:s,s:s,s:s,s:I,s:I,s:I}", "schema", "kanshiki.push/1",
					   "tip", d->tip, "before", d->before, "sent",
					   (json_int_t)d->sent, "already_there",
					   (json_int_t)d->there, "octets", (json_int_t)d->octets);
		kan_json_set_bytes(o, "remote", kan_bytes_of(r->url));
		return kan_print_json(o);
	}
	bool same = strcmp(d->before, d->tip) == 0;
	(void)printf("%s: main is %s at ", same ? "nothing new" : "pushed", d->tip);
	kan_print(stdout, kan_bytes_of(r->url));
	(void)printf("\n%zu objects sent (%llu octets), %zu were there; main was read back\n",
		     d->sent, (unsigned long long)d->octets, d->there);
	if (d->disposed)
		(void)printf("%zu objects were disposed of, and are not here to be sent\n",
			     d->disposed);
	return KAN_EXIT_OK;
}

static bool loopback(const char *host)
{
	size_t n = strcspn(host, ":/");
	return (n == strlen("localhost") && strncasecmp(host, "localhost", n) == 0) ||
	       strncmp(host, "[::1]", 5) == 0 ||
	       (strncmp(host, "127.", 4) == 0 && strspn(host, "0123456789.") == n);
}

static void warn_of_plain(const char *url)
{
	static const char scheme[] = "http://";
	if (strncasecmp(url, scheme, sizeof(scheme) - 1) == 0 &&
	    !loopback(url + sizeof(scheme) - 1))
		kan_say("warning: the password goes to %s in the clear: https keeps it", url);
}

int kan_take_remote(struct kan_remote *out, char **secret, const char *url,
		    const struct kan_args *a, struct kan_err *err)
{
	if (kan_remote_parse(out, url, err) < 0 ||
	    read_credentials(secret, kan_arg(a, "credentials"), err) < 0)
		return -1;
	out->user = *secret;
	if (*secret)
		warn_of_plain(out->url);
	out->ca = kan_arg(a, "remote-ca");
	if (out->ca && access(out->ca, R_OK) < 0)
		return kan_fail_sys(err, "--remote-ca %s", out->ca);
	return 0;
}

static int push(struct kan_custody *c, const struct kan_args *a, const struct kan_remote *remote,
		struct kan_err *err)
{
	struct kan_push_done done;
	if (remote->kind == KAN_REMOTE_OTHER)
		return say_commands(a, remote);
	if (kan_custody_push(&done, c, remote, err) < 0)
		return kan_say_err(err);
	return print_done(&done, remote, kan_flag(a, "json"));
}

static int run(struct kan_custody *c, const struct kan_args *a, struct kan_err *err)
{
	struct kan_remote remote;
	char *secret = NULL;
	int status = kan_take_remote(&remote, &secret, a->words[1], a, err) < 0
			     ? kan_say_err(err)
			     : push(c, a, &remote, err);
	kan_wipe_text(secret);
	return status;
}

const struct kan_custody_verb kan_custody_verb_push = {
	.name = "push",
	.min_words = 1,
	.max_words = 1,
	.usage = "push REMOTE",
	.run = run,
};
