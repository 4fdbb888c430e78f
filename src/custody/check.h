/* verify, custody's part: a repository, and the proofs in a bundle's seal/. custody.md section 9.
 */
#ifndef KAN_CUSTODY_CHECK_H
#define KAN_CUSTODY_CHECK_H

#include <kanshiki/bundle.h>
#include <kanshiki/custody.h>

/* What is trusted, from outside the evidence. Everything is borrowed; NULL: nothing of its kind. */
struct kan_custody_trust {
	const char *allowed_signers; /* a file in ssh-keygen's format */
	const char *ca;              /* PEM certificates: whose CMS signatures count */
	const char *tsa_ca;          /* PEM certificates: whose time stamps count */
	const char *remote;          /* main of the remote that was asked: 40 hex, or "" for none */
	const char *remote_name;     /* its URL, for the words */
	bool printed;                /* --seal was given: an anchor outside the evidence */
};

/*
 * Every check on a bare repository, or the seal's proofs of a bundle. Reads no config, runs no hook
 * and no git. trust NULL: nothing is trusted. Same return rule as kan_bundle_verify.
 */
int kan_custody_verify(const char *repo, const struct kan_custody_trust *trust, kan_check_fn *fn,
		       void *arg, struct kan_err *err);
int kan_custody_verify_seal(const char *bundle_dir, const struct kan_custody_trust *trust,
			    kan_check_fn *fn, void *arg, struct kan_err *err);

/* kan_bundle_verify and kan_custody_verify_seal in one: a file that a tombstone speaks of, signed
 * by somebody who counts, is told as disposed of. */
int kan_custody_verify_bag(const char *bundle_dir, const char *want_seal,
			   const struct kan_custody_trust *trust, kan_check_fn *fn, void *arg,
			   struct kan_err *err);

/* The same of a copy whose directory has another name than the bundle, with no trust. tamper
 * through fn when it is not the bundle of that name. */
int kan_custody_verify_bag_at(const char *dir, const char *bundle, kan_check_fn *fn, void *arg,
			      struct kan_err *err);

#endif
