/* Parts of the collector posture. */
#ifndef KAN_COLLECTORS_POSTURE_H
#define KAN_COLLECTORS_POSTURE_H

#include <kanshiki/sink.h>
#include <kanshiki/target.h>

enum { KAN_POSTURE_FILE = 1 << 20 /* octets of a file that is digested */ };

struct kan_tree_opener;
struct kan_posture {
	const struct kan_target *t;
	struct kan_sink *sink;
	struct kan_rows *facts, *files;
	struct kan_tree_opener *opener;
	struct kan_buf config; /* path of the engine's configuration */
	struct kan_buf socket; /* of the engine's unix socket, by its arguments */
	uint64_t items;
};

int kan_posture_fact(struct kan_posture *p, const char *id, struct kan_bytes value,
		     const char *source, struct kan_err *err);
/* Content trust, as the engine's environment has it, and the host's. */
int kan_posture_environment(struct kan_posture *p, int pid_dir, struct kan_err *err);
/* A file that the engine's mount namespace has; no link is followed. */
/* A gap; scope where a link is in the way: the engine's user may have set it, and it is not
 * followed. */
void kan_posture_unread(struct kan_posture *p, const char *path, const struct kan_err *why);
int kan_posture_read(struct kan_buf *out, struct kan_posture *p, const char *path,
		     struct kan_err *err);
/* Sockets, units, keys, policies: owner, mode, digest; private keys by stat alone. */
int kan_posture_files(struct kan_posture *p, struct kan_err *err);

#endif
