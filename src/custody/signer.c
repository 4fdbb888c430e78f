/* The one signature of custody, whoever makes it. */
#include "custody/signer.h"

#include "custody/agent.h"
#include "custody/keygen.h"
#include "custody/sshsig.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* One of key, agent and file. */
struct kan_signer {
	struct kan_key *key;
	struct kan_agent *agent;
	char *file; /* of ssh-keygen */
	struct kan_buf blob;
	char fpr[KAN_KEY_FPR];
	bool host, warn;
};

static const char agent_word[] = "agent", keygen_word[] = "ssh-keygen:";

void kan_signer_free(struct kan_signer *s)
{
	if (!s)
		return;
	kan_key_free(s->key);
	kan_agent_free(s->agent);
	free(s->file);
	kan_buf_free(&s->blob);
	free(s);
}

static int open_agent(struct kan_signer *s, const char *which, struct kan_err *err)
{
	const char *socket = getenv("SSH_AUTH_SOCK");

	if (kan_agent_open(&s->agent, socket, which, KAN_AGENT_WAIT_S, err) < 0)
		return kan_wrap(err, "agent");
	kan_buf_addb(&s->blob, kan_agent_blob(s->agent));
	s->warn = geteuid() == 0 && (getenv("SSH_CONNECTION") || kan_agent_forwarded(s->agent));
	return 0;
}

/* What the key is, its first signature tells. */
static int open_keygen(struct kan_signer *s, const char *file, struct kan_err *err)
{
	kan_auto_buf struct kan_buf armour = KAN_BUF(KAN_SSHSIG_MAX);

	s->file = kan_xstrdup(file);
	return kan_keygen_sign(&armour, &s->blob, file, "kanshiki-trial", KAN_LIT("kanshiki"), err);
}

static int open_key(struct kan_signer *s, const struct kan_signer_ask *ask,
		    const struct kan_home *home, struct kan_err *err)
{
	const struct kan_key_ask who = {ask->password, ask->arg};

	if (ask->spec ? kan_key_load(&s->key, AT_FDCWD, ask->spec, &who, err) < 0
		      : kan_home_key(&s->key, home, err) < 0)
		return -1;
	kan_buf_addb(&s->blob, kan_key_blob(s->key));
	return 0;
}

static int open_as(struct kan_signer *s, const struct kan_signer_ask *ask,
		   const struct kan_home *home, struct kan_err *err)
{
	const char *spec = ask->spec ? ask->spec : "";
	size_t agent = sizeof(agent_word) - 1, keygen = sizeof(keygen_word) - 1;

	if (strcmp(spec, agent_word) == 0)
		return open_agent(s, NULL, err);
	if (strncmp(spec, agent_word, agent) == 0 && spec[agent] == ':')
		return open_agent(s, spec + agent + 1, err);
	if (strncmp(spec, keygen_word, keygen) == 0)
		return open_keygen(s, spec + keygen, err);
	return open_key(s, ask, home, err);
}

int kan_signer_open(struct kan_signer **out, const struct kan_signer_ask *ask,
		    const struct kan_home *home, struct kan_err *err)
{
	struct kan_signer *s = kan_xalloc(sizeof(*s));

	s->blob = KAN_BUF(KAN_KEY_BLOB);
	s->host = !ask->spec;
	if (open_as(s, ask, home, err) < 0) {
		/* io is of our own storage: a key of somebody's that cannot be read is not. */
		if (ask->spec && err && err->code == KAN_EIO)
			err->code = KAN_EUNSUPPORTED;
		kan_signer_free(s);
		return -1;
	}
	kan_key_fingerprint(s->fpr, kan_signer_blob(s));
	*out = s;
	return 0;
}

struct kan_bytes kan_signer_blob(const struct kan_signer *s)
{
	return kan_buf_bytes(&s->blob);
}

const char *kan_signer_fpr(const struct kan_signer *s)
{
	return s->fpr;
}

const char *kan_signer_comment(const struct kan_signer *s)
{
	return s->key ? kan_key_comment(s->key) : s->agent ? kan_agent_comment(s->agent) : "";
}

bool kan_signer_is_host(const struct kan_signer *s)
{
	return s->host;
}

const struct kan_key *kan_signer_key(const struct kan_signer *s)
{
	return s->key;
}

const char *kan_signer_warning(const struct kan_signer *s)
{
	return s->warn ? "a forwarded agent signs: root here, the intruder too, can sign as you "
			 "while it is connected"
		       : NULL;
}

static int sign_by_agent(struct kan_buf *armour, const struct kan_signer *s, const char *ns,
			 struct kan_bytes message, struct kan_err *err)
{
	kan_auto_buf struct kan_buf body = KAN_BUF(1024), sig = KAN_BUF(KAN_KEY_BLOB);

	if (kan_sshsig_body(&body, ns, message, err) < 0 ||
	    kan_agent_sign(&sig, s->agent, kan_buf_bytes(&body), err) < 0)
		return kan_wrap(err, "agent");
	kan_sshsig_armour(armour, kan_signer_blob(s), ns, kan_buf_bytes(&sig));
	return 0;
}

static int sign_by_keygen(struct kan_buf *armour, const struct kan_signer *s, const char *ns,
			  struct kan_bytes message, struct kan_err *err)
{
	kan_auto_buf struct kan_buf blob = KAN_BUF(KAN_KEY_BLOB);
	kan_auto_buf struct kan_buf text = KAN_BUF(KAN_SSHSIG_MAX);

	if (kan_keygen_sign(&text, &blob, s->file, ns, message, err) < 0)
		return -1;
	/* The event names the key that was there at the start. */
	if (!kan_bytes_eq(kan_buf_bytes(&blob), kan_signer_blob(s)))
		return kan_fail(err, KAN_EUNSUPPORTED, "key %s: another key than before signed",
				s->file);
	kan_buf_addb(armour, kan_buf_bytes(&text));
	return 0;
}

int kan_signer_sign(struct kan_buf *armour, const struct kan_signer *s, const char *ns,
		    struct kan_bytes message, struct kan_err *err)
{
	if (s->agent)
		return sign_by_agent(armour, s, ns, message, err);
	if (s->file)
		return sign_by_keygen(armour, s, ns, message, err);
	return kan_sshsig_sign(armour, s->key, ns, message, err);
}

/* "... 20261122053000Z", as keys of ours are named: not valid before. */
static const char *made_at(const char *comment)
{
	const char *word = strrchr(comment, ' ');
	size_t digits = word ? strspn(word + 1, "0123456789") : 0;

	return digits == 14 && strcmp(word + 15, "Z") == 0 ? word + 1 : NULL;
}

/* Exact names only: what a pattern, a list or a quote could be read from is no name. */
static int put_line(struct kan_buf *out, struct kan_bytes blob, const char *comment,
		    const char *name, struct kan_err *err)
{
	const char *made = made_at(comment);

	for (const char *p = name; *p || p == name; p++)
		if (*p <= ' ' || *p >= 0x7f || strchr("*?!,#\"\\", *p))
			return kan_fail(err, KAN_EUSAGE,
					"'%.100s' is no name for an allowed_signers file", name);
	kan_buf_addf(out, "%s namespaces=\"git,file,kanshiki-custody\"", name);
	if (made)
		kan_buf_addf(out, ",valid-after=\"%s\"", made);
	kan_buf_addc(out, ' ');
	kan_key_line(out, blob);
	kan_buf_addc(out, '\n');
	return 0;
}

int kan_signer_line(struct kan_buf *out, const struct kan_signer *s, const char *email,
		    struct kan_err *err)
{
	char host[KAN_FORM_HOST];

	if (!email && !s->host)
		return kan_fail(err, KAN_EUSAGE, "whose key is it? give an e-mail");
	kan_home_host(host);
	return put_line(out, kan_signer_blob(s), kan_signer_comment(s), email ? email : host, err);
}

int kan_signer_line_of(struct kan_buf *out, const struct kan_key *k, const char *email,
		       struct kan_err *err)
{
	return put_line(out, kan_key_blob(k), kan_key_comment(k), email, err);
}
