/* Indicators in one bundle: its manifest, its rows, its documents and its text; findings of rules.
 */
#ifndef KAN_ANALYZE_HUNT_H
#define KAN_ANALYZE_HUNT_H

#include <jansson.h>
#include <kanshiki/bundle.h>

#include "analyze/ioc.h"

enum {
	KAN_HUNT_HITS = 1000,    /* of one indicator in one bundle; the rest is counted */
	KAN_HUNT_LINE = 1 << 20, /* octets of a line of text; a longer one is cut, with overlap */
	KAN_HUNT_DOC = 64 << 20, /* octets of a document that is read as a whole */
	KAN_HUNT_SHOWN = 1024,   /* octets of a value in a hit; cut beyond, and <key>_len tells */
	KAN_HUNT_FAULTS = 100,
};

struct kan_hunt {
	const struct kan_iocs *iocs;
	const struct kan_ioc_sieve *sieve;
	uint64_t *found; /* one an indicator: hits in this bundle, those that are not kept too */
	json_t *hits; /* {ioc, artefact, sha256, row?, where?, matched?, object?} or of a finding */
	json_t *faults;            /* {artefact, altered, why}: what could not be searched */
	uint64_t searched, octets; /* artefacts that were read */
	uint64_t not_text,
		not_text_octets; /* tars, carved bytes, packed logs: by their digest only */
};
/* iocs and sieve are borrowed. */
void kan_hunt_begin(struct kan_hunt *h, const struct kan_iocs *iocs,
		    const struct kan_ioc_sieve *sieve);
void kan_hunt_end(struct kan_hunt *h);

/*
 * Digests, addresses and names in a bundle that is open. Nothing of an artefact is kept that is not
 * what was sealed: it is in faults, and the search goes on with the next one.
 */
void kan_hunt_bundle(struct kan_hunt *h, const struct kan_bundle *b);
/* Findings of the rules that are looked for, in an analysis or a report.json. */
void kan_hunt_findings(struct kan_hunt *h, const json_t *document, const char *source);

#endif
