/* The one signature of custody, whoever makes it. */
#include "custody/signer.h"

#include "custody/sshsig.h"

#include <fcntl.h>
#include <stdlib.h>

struct kan_signer {
	struct kan_key *key;
	bool host;
};

void kan_signer_free(struct kan_signer *s)
{
	if (!s)
		return;
	kan_key_free(s->key);
	free(s);
}

int kan_signer_open(struct kan_signer **out, const struct kan_signer_ask *ask,
		    const struct kan_home *home, struct kan_err *err)
{
	struct kan_signer *s = kan_xalloc(sizeof(*s));
	const struct kan_key_ask who = {ask->password, ask->arg};
	int rc = ask->spec ? kan_key_load(&s->key, AT_FDCWD, ask->spec, &who, err)
			   : kan_home_key(&s->key, home, err);

	s->host = !ask->spec;
	if (rc < 0) {
		kan_signer_free(s);
		return -1;
	}
	*out = s;
	return 0;
}

struct kan_bytes kan_signer_blob(const struct kan_signer *s)
{
	return kan_key_blob(s->key);
}

const char *kan_signer_fpr(const struct kan_signer *s)
{
	return kan_key_fpr(s->key);
}

const char *kan_signer_comment(const struct kan_signer *s)
{
	return kan_key_comment(s->key);
}

bool kan_signer_is_host(const struct kan_signer *s)
{
	return s->host;
}

int kan_signer_sign(struct kan_buf *armour, const struct kan_signer *s, const char *ns,
		    struct kan_bytes message, struct kan_err *err)
{
	return kan_sshsig_sign(armour, s->key, ns, message, err);
}
