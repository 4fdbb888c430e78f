/* Custody: the git repository of a home. Who did what with the evidence, signed, in one chain. */
#ifndef KANSHIKI_CUSTODY_H
#define KANSHIKI_CUSTODY_H

#include <jansson.h>
#include <kanshiki/bytes.h>
#include <kanshiki/err.h>

struct kan_custody;

/* Who acts, why, and how, as the event records it. Strings are borrowed; NULL where unknown. */
struct kan_act {
	const char *case_id; /* NULL: case-<yyyymmdd>-<12 hex of the container> from the bundle */
	const char *name, *email;        /* the operator; NULL: login@host */
	const char *purpose, *authority; /* --note */
	const char *request_id;
	const char *const *argv; /* NULL-terminated */
	const json_t *impact;    /* array of strings, or NULL */
};

/* What a commit returns. */
struct kan_receipt {
	char repo[4096], case_id[80], bundle[64], seal[65], commit[65],
		signer[128]; /* signer: SHA256:... */
	unsigned event;
	bool host_key; /* the home's own key: vouches for nothing before now */
};

/*
 * Open the repository of a home; made when absent: home 0700 and ours (else refused), keys/host,
 * custody.git. key: NULL for the host key, or as --key has it: a file, agent, ssh-keygen:FILE; it
 * is tried now.
 */
int kan_custody_open(struct kan_custody **out, const char *home, const char *key,
		     struct kan_err *err);
void kan_custody_free(struct kan_custody *c);
/* The allowed_signers line of the key in use, for people to keep elsewhere. email NULL: the host
 * key's own. */
int kan_custody_signer_line(struct kan_buf *out, const struct kan_custody *c, const char *email,
			    struct kan_err *err);
/* SSHSIG (namespace file) over the tag manifest, into the bundle's seal/. Before commit_bundle. */
int kan_custody_sign(struct kan_custody *c, const char *bundle_dir, struct kan_err *err);
/* The collect commit: bag verbatim, data/ as LFS objects, one event. type: "collect" or "import".
 */
int kan_custody_commit(struct kan_receipt *out, struct kan_custody *c, const char *bundle_dir,
		       const char *type, const struct kan_act *act, struct kan_err *err);
/* The derive commit: every regular file of files_dir below derived/<bundle>/<seq6>/, with its
 * event. */
int kan_custody_derive(struct kan_receipt *out, struct kan_custody *c, const struct kan_receipt *of,
		       const char *files_dir, const struct kan_act *act, struct kan_err *err);
/* A note event without files; seal and bundle of `of` when given. */
int kan_custody_note(struct kan_receipt *out, struct kan_custody *c, const struct kan_receipt *of,
		     const char *text, const struct kan_act *act, struct kan_err *err);
/* The receipt of a request id seen before: 1 found, 0 not, -1 error. */
int kan_custody_find_request(struct kan_receipt *out, struct kan_custody *c, const char *request_id,
			     struct kan_err *err);
/* Each event of a case (NULL: all), oldest first; event is borrowed. */
typedef int kan_event_fn(const json_t *event, const char *commit, void *arg, struct kan_err *err);
int kan_custody_log(struct kan_custody *c, const char *case_id, kan_event_fn *fn, void *arg,
		    struct kan_err *err);

#endif
