/* From a finished .partial to a sealed bundle. bundle.md sections 5 and 6. */
#ifndef KAN_EVIDENCE_SEAL_H
#define KAN_EVIDENCE_SEAL_H

#include <jansson.h>
#include <kanshiki/err.h>

struct kan_journal;

struct kan_seal_request {
	int parent_fd;      /* the directory that holds <bundle>.partial */
	const char *bundle; /* final name */
	struct kan_journal *journal;
	json_t *capture; /* capture.json, borrowed; status and gaps are completed here */
	const char *case_id, *host, *container; /* bag-info values; cleaned and cut here */
	int64_t started_ns;
	const char *partial_reason; /* NULL: complete */
};
/* Syncs all artefacts, writes the tag files, renames. On -1 nothing is sealed and the .partial
 * stays. */
int kan_seal(char seal[65], const struct kan_seal_request *r, struct kan_err *err);

/*
 * Finish what a crash left: `seal --partial`. path ends in .partial. sealed is the final path
 * (yours). refused: a capture is running (the journal's lock is held), or the tree holds a link or
 * special file.
 */
int kan_seal_partial(char seal[65], char **sealed, const char *path, const char *reason,
		     struct kan_err *err);

#endif
