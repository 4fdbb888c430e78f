/* What the evidence tests stand on: a capture in one process, through the real sink, journal and
 * seal. */
#ifndef KAN_TEST_EVIDENCE_WORLD_H
#define KAN_TEST_EVIDENCE_WORLD_H

#include <kanshiki/bundle.h>
#include <kanshiki/sink.h>

#include "../base/place.h"
#include "base/digest.h"
#include "evidence/channel.h"
#include "evidence/journal.h"
#include "evidence/seal.h"

#define WORLD_BUNDLE "20261122t053312z-3f2a9c41d0be-7c1e"
#define WORLD_ID "3f2a9c41d0be5d7e0c6a1b9f48e2d37750aa6c1f9be4d2830717c5e6a9b0f3d1"
#define WORLD_STARTED 1795325592000000000

struct world {
	struct test_place place;
	int dir; /* the .partial, or what became of it */
	struct kan_journal *journal;
	struct kan_window window;
	int ends[2]; /* conductor's end, children's end */
	char partial[160], final[160];
};
#define auto_world __attribute__((cleanup(world_free)))

/* A .partial with its journal: start, target. */
void world_begin(struct world *w);
/* Two collectors and what they took: documents, rows, content, a gap and a limit. */
void world_fill(struct world *w);
/* begin, fill, seal. reason NULL: complete. */
void world_sealed(struct world *w, char seal[65], const char *reason);
void world_free(struct world *w);

/* The pieces. */
struct kan_sink *world_sink(struct world *w, const char *collector, const char *const *artefacts);
void world_collector(struct world *w, const char *name, const char *what, const char *status);
/* Messages of the children become records. */
void world_record(struct world *w);
int world_seal(struct world *w, char seal[65], const char *reason, struct kan_err *err);
/* The conductor is gone: lock and descriptors with it. */
void world_crash(struct world *w);

/* One message that a child sent, or false. */
bool world_receive(struct world *w, struct kan_msg *m);
/* The whole of a file below dir. */
void world_read(struct kan_buf *out, int dir, const char *path);
/* Its bytes replaced, whatever its mode. */
void world_write(int dir, const char *path, struct kan_bytes text);
bool world_there(int dir, const char *path);
/* bash -c in a directory; the test fails unless its status is the one wanted. */
void world_shell(const char *dir, int status, const char *command);

/* What a verify said, a line a check: "name result kind path: detail". */
struct said {
	struct kan_buf text;
	unsigned failed, ok, not_done;
};
#define SAID ((struct said){.text = KAN_BUF(1 << 20)})
void said_fn(const struct kan_check *c, void *arg);
/* Was this said? path and detail are substrings. */
bool said_it(const struct said *s, const char *head, const char *path, const char *detail);

#endif
