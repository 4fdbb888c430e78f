/* The suspect container: what the engine claims about it, and what the kernel has proven. */
#ifndef KANSHIKI_TARGET_H
#define KANSHIKI_TARGET_H

#include <jansson.h>
#include <kanshiki/bytes.h>
#include <kanshiki/err.h>
#include <sys/types.h>

struct kan_engine;
struct kan_cgroup;
struct kan_indicators;

enum kan_state {
	KAN_STATE_CREATED,
	KAN_STATE_RUNNING,
	KAN_STATE_PAUSED,
	KAN_STATE_RESTARTING,
	KAN_STATE_EXITED,
	KAN_STATE_DEAD,
	KAN_STATE_REMOVING,
};
enum kan_depth { KAN_DEPTH_HOST, KAN_DEPTH_API, KAN_DEPTH_OFFLINE };
enum kan_freeze { KAN_FREEZE_AUTO, KAN_FREEZE_FULL, KAN_FREEZE_NEVER, KAN_FREEZE_CGROUP };
enum kan_mounts { KAN_MOUNTS_AUTO, KAN_MOUNTS_ALL, KAN_MOUNTS_NONE };
enum kan_memory { KAN_MEMORY_NONE, KAN_MEMORY_WRITABLE };

/* What the request asks for. Open data; the conductor fills it, collectors read it. */
struct kan_policy {
	enum kan_freeze freeze;
	enum kan_mounts mounts;
	enum kan_memory memory;
	const struct kan_indicators *indicators; /* to look for in memory, or NULL */
	const char *reference; /* --reference: an image's archive, layout or digest, or NULL */
	bool image_full, verify_image; /* --image full: the whole baseline */
	uint64_t max_bytes;            /* raises content budgets; 0: the defaults */
	unsigned max_freeze_ms, timeout_s;
};

/* One lower directory, topmost first. init: the engine's own placeholder layer, not the image's. */
struct kan_layer {
	int fd; /* O_PATH|O_DIRECTORY */
	char *path;
	bool init;
};

/*
 * Descriptors are -1, pointers NULL and pid 0 where nothing is proven: nothing unproven is ever
 * opened. All descriptors are O_CLOEXEC and inherited by the collector children over fork.
 */
struct kan_target {
	char id[65];
	char *name, *image, *image_id; /* image: the reference asked for; image_id: "sha256:..." */
	enum kan_state state;
	enum kan_depth depth;
	bool auto_remove, tty, pid_private, net_host;
	int64_t created_ns, started_ns;
	char *log_driver, *log_path; /* log_path: claim of the engine, resolve below data_root_fd */
	json_t *inspect;             /* parsed; the raw answer is in inspect_raw */
	struct kan_buf inspect_raw;
	json_t *claims; /* array of {claim, value, proof, verdict: proven|unproven|contradicted} */
	struct kan_engine *engine;
	const struct kan_policy *policy;

	int proc_fd; /* the host's /proc, proven by fstatfs and self */
	pid_t pid;   /* the container's init, on the host */
	uint64_t starttime;
	int pid_fd;  /* pidfd */
	int pid_dir; /* /proc/PID, O_PATH|O_DIRECTORY: stays with it, ESRCH after its end */
	int root_fd; /* its root directory */
	/* An init in a chroot sees less than its mount namespace has: the root that its paths begin
	 * at, and the whole table. -1 and empty: it sees all there is. */
	int space_fd;
	struct kan_buf mountinfo;
	struct kan_cgroup *cgroup;

	pid_t engine_pid;
	int engine_root_fd; /* root of the engine's mount namespace */
	char *data_root; /* as the engine names it, proven to be a directory below engine_root_fd */
	struct kan_uids *uids; /* whose files an engine that is not root's may have; else NULL */
	int data_root_fd;
	int upper_fd; /* the overlay's upper directory */
	struct kan_layer *lowers;
	size_t n_lowers;
	char *lowers_lost; /* why there are none beside upper_fd: a layer is gone; or NULL */
	bool userxattr;
	char *storage; /* "overlay2", "vfs", "overlayfs" (containerd store) ... */
};

/* Find by name, id or id prefix; prove every claim. usage: ambiguous, text names the candidates. */
int kan_target_open(struct kan_target **out, struct kan_engine *e, const char *asked,
		    const struct kan_policy *policy, struct kan_err *err);
void kan_target_free(struct kan_target *t);
void kan_target_api_only(struct kan_target *t); /* --depth api: lets go what is of the host */
/* Is the container still the one that was opened (same init, still there)? */
bool kan_target_alive(const struct kan_target *t);
/* Open a path that the engine names, below its data root, no symlink followed. fd is yours. */
int kan_target_data_open(int *fd, const struct kan_target *t, const char *path, int flags,
			 struct kan_err *err);

#endif
