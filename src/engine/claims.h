/* Inside the engine room: what the engine claims, and the parts of the proof. */
#ifndef KAN_ENGINE_CLAIMS_H
#define KAN_ENGINE_CLAIMS_H

#include <kanshiki/engine.h>
#include <kanshiki/target.h>

enum kan_verdict { KAN_PROVEN, KAN_UNPROVEN, KAN_CONTRADICTED };
/* One line of capture.json's target.claims. value and proof may hold any bytes. */
void kan_claim(struct kan_target *t, const char *claim, const char *value, enum kan_verdict verdict,
	       const char *proof);

/* What inspect says, as plain data. Borrowed from doc; pid is 0 when it is no number a process may
 * have. */
struct kan_inspect {
	const char *id, *name, *image, *image_ref, *status, *started_at, *created, *log_path,
		*log_driver, *driver;
	const char *pid_mode, *network_mode;
	int64_t pid;
	bool tty, auto_remove;
};
int kan_inspect_read(struct kan_inspect *out, const json_t *doc, struct kan_err *err);
int kan_state_of(enum kan_state *out, const char *status, struct kan_err *err);
/* Does the answer belong to what was asked: a full id, beginning with it or owning the name? */
bool kan_inspect_answers(const struct kan_inspect *i, const char *asked);
/* Find it: raw keeps the answer. usage: ambiguous; not-found; engine: another container's answer.
 */
int kan_find_container(json_t **doc, struct kan_buf *raw, struct kan_engine *e, const char *asked,
		       struct kan_err *err);

/* target.c: nothing is open; and what inspect says of the container, taken over. t->inspect is set.
 */
struct kan_target *kan_target_new(struct kan_engine *e, const struct kan_policy *policy);
int kan_take_claims(struct kan_target *t, struct kan_inspect *i, struct kan_err *err);

/* peer.c: the process that answers on the socket, its root and its data root. */
int kan_prove_engine(struct kan_target *t, struct kan_engine *e, struct kan_err *err);
/* pid.c: the container's init. claimed is the engine's word. */
void kan_prove_pid(struct kan_target *t, int64_t claimed);
/* storage.c: the overlay's directories, from mountinfo or from the data root of a stopped
 * container. */
void kan_prove_layers(struct kan_target *t);
/* space.c: fills mountinfo and space_fd when the namespace has more than seen, the init's table. */
void kan_see_whole_space(struct kan_target *t, struct kan_bytes seen);

/* The overlay of "/" out of an init's mountinfo; proven when the engine has the same superblock
 * below its data root. */
struct kan_overlay_claim {
	struct kan_buf upper, lower; /* lower: the list as mounted, ':'-separated, topmost first */
	unsigned major, minor;
	bool found, userxattr;
	struct kan_buf fstype;
};
int kan_overlay_of(struct kan_overlay_claim *out, struct kan_bytes mountinfo, struct kan_err *err);
bool kan_overlay_known(const struct kan_overlay_claim *c, struct kan_bytes engine_mountinfo,
		       const char *data_root);
void kan_overlay_free(struct kan_overlay_claim *c);

#endif
