/* What the joins know: small tables made from the artefacts in one pass each, and which of them are
 * whole. */
#ifndef KAN_ANALYZE_FACTS_H
#define KAN_ANALYZE_FACTS_H

#include <jansson.h>
#include <kanshiki/err.h>
#include <netinet/in.h>

#include "analyze/arena.h"
#include "analyze/cover.h"
#include "analyze/source.h"
#include "base/row.h"

enum {
	KAN_FACTS_PROCS = 4096,
	KAN_FACTS_FILTER = 1 << 16,
	KAN_FACTS_SOCKETS = 65536,
	KAN_FACTS_PORTS = 65536,
	KAN_FACTS_MOUNTS = 4096,
	KAN_FACTS_NETS = 256,
	KAN_FACTS_SAME_AS = 8,
	KAN_FACTS_ORIGINS = 1 << 20,
	KAN_FACTS_LOWERS = 1 << 18,
	KAN_FACTS_TOPS = 1 << 16, /* of them with facts */
	KAN_LOWER_TOP = -2,
	KAN_FACTS_ENGINE = 1 << 20, /* entries of the engine's list of changes */
	KAN_FACTS_DOCUMENT = 64 << 20,
};

/* Lists of Podman's storage; the second is not always there. */
#define KAN_FACTS_PODMAN_LIST "data/engine/store-containers.json"
#define KAN_FACTS_PODMAN_VOLATILE "data/engine/store-volatile-containers.json"

enum kan_ancestor {
	KAN_ANC_UNKNOWN,
	KAN_ANC_INIT,
	KAN_ANC_SERVICE,
	KAN_ANC_EXEC,
	KAN_ANC_HEALTH,
	KAN_ANC_ORPHAN
};
enum kan_stdio {
	KAN_STDIO_INET = 1,
	KAN_STDIO_UNIX = 2,
	KAN_STDIO_TTY = 4,
	KAN_STDIO_PIPE = 8,
	KAN_STDIO_FILE = 16,
	KAN_STDIO_MEMFD = 32,
	KAN_STDIO_SOCKET = 64 /* of a family that is not known */
};

/* A process, as far as other rows need it. */
struct kan_proc {
	int64_t pid, ppid, session, uid;
	char sha256[65];
	char dev[24];
	struct kan_bytes link; /* executable, without " (deleted)"; owned */
	bool deleted, memfd, path_absent, health_argv;
	uint64_t stdio_ino[3];
	unsigned stdio; /* enum kan_stdio */
	enum kan_ancestor ancestor;
	bool baseline_same, baseline_path; /* path and digest; path only */
	bool added, changed, gone,
		in_upper; /* what the changes say of its path, or (in_upper) of its digest */
	bool other_bytes; /* a change of its path, read in the pause, has another digest */
	json_t *same_as;
};

struct kan_sock {
	uint64_t ino;
	char family; /* 'i' inet, 'u' unix, 'o' other */
};

struct kan_mount {
	int64_t id;
	char dev[24];
	char class_[16];
	struct kan_bytes point; /* owned */
};

struct kan_net {
	struct in6_addr addr; /* v4 as v4-mapped */
	unsigned bits;
};

/* An origin inode that a change names, and where the image has that inode: one name, unless layers
 * lie on more than one filesystem. */
struct kan_origin {
	uint64_t ino;
	size_t n_names;
	struct kan_bytes names[2]; /* owned */
};

/* A lower file whose digest is to be had from the baseline. */
struct kan_lower {
	int64_t layer;         /* or KAN_LOWER_TOP: of the uppermost layer that has the path */
	struct kan_bytes path; /* owned */
	char sha256[65];
	json_t *below; /* of KAN_LOWER_TOP: facts of the image's version; NULL: not met */
};

struct kan_engine_path {
	const char *path;
	int kind;  /* 0 modified, 1 added, 2 deleted */
	bool ours; /* a row of changes.ndjson has the path */
};

/* Numbers, sorted. */
struct kan_ids {
	uint64_t *v;
	size_t n;
	bool over;
};

struct kan_packages;
struct kan_facts {
	const struct kan_source *source;
	const struct kan_cover *cover;
	json_t *capture, *inspect, *image_inspect, *networks; /* NULL where not there */
	int64_t init_pid;
	int64_t created_ns, started_ns, captured_ns; /* 0: not known */
	bool whole_procs, whole_fds, whole_sockets, whole_changes, whole_baseline, whole_mounts,
		have_engine_list;
	struct kan_proc *procs; /* by pid */
	size_t n_procs;
	uint64_t exe_filter[KAN_FACTS_FILTER / 64]; /* bits of their links and digests */
	struct kan_sock *socks;                     /* by inode */
	size_t n_socks;
	uint64_t listening[KAN_FACTS_PORTS / 64]; /* ports, bits */
	struct kan_mount *mounts;
	size_t n_mounts;
	struct kan_ids strange;          /* mounts that nothing explains; see kan_mounts_strange */
	uint64_t init_mntns, init_users; /* namespaces of the init; 0: not known */
	bool whole_strange;
	struct kan_net nets[KAN_FACTS_NETS], selves[KAN_FACTS_NETS], gateways[KAN_FACTS_NETS];
	size_t n_nets, n_selves, n_gateways;
	struct kan_origin *origins; /* by inode */
	size_t n_origins;
	/* No change has one, and a directory that was copied up lacks it: the overlay keeps none.
	 */
	bool no_origins, lacks_origins;
	bool lowers_over;         /* more origins or lower files than are looked up */
	struct kan_lower *lowers; /* by layer and path */
	size_t n_lowers, n_tops;
	struct kan_engine_path *engine; /* by path */
	size_t n_engine, longest_engine;
	struct kan_arena engine_text;
	struct kan_packages *packages;
	json_t *yara; /* digests that a YARA rule hit: true where the rule marks itself high */
};

int kan_facts_new(struct kan_facts **out, const struct kan_source *s, const struct kan_cover *c,
		  struct kan_err *err);
void kan_facts_free(struct kan_facts *f);

const struct kan_proc *kan_facts_proc(const struct kan_facts *f, int64_t pid);
const struct kan_sock *kan_facts_sock(const struct kan_facts *f, uint64_t ino);
const struct kan_mount *kan_facts_mount(const struct kan_facts *f, int64_t id);
const struct kan_origin *kan_facts_origin(const struct kan_facts *f, uint64_t ino);
/* The digest that the baseline has of a lower file that a change names; "" when it is not known. */
const char *kan_facts_lower_sha256(const struct kan_facts *f, int64_t layer, struct kan_bytes path);
/* Facts of what the image has where an export has a change; NULL: not known. */
const json_t *kan_facts_image_of(const struct kan_facts *f, struct kan_bytes path);
/* Depth api-only: the rows of changes are the engine's own list. */
bool kan_facts_engine_only(const struct kan_facts *f);
/* Where a change's lower layer has it: path, or another below a redirected directory. */
struct kan_bytes kan_facts_lower_path(const json_t *row, struct kan_bytes path,
				      struct kan_buf *scratch);
struct kan_engine_path *kan_facts_engine(const struct kan_facts *f, const char *path);
bool kan_facts_service_uid(const struct kan_facts *f, int64_t uid);
const char *kan_ancestor_name(enum kan_ancestor a);

struct kan_column;
/* Of the artefacts a joined column is computed from, the first that is not whole. */
void kan_column_source(const char **collector, const char **artefact, const struct kan_column *c,
		       const struct kan_facts *f);

/* The passes, one file each. Each ends with its tables sorted. */
int kan_facts_processes(struct kan_facts *f, struct kan_err *err);
int kan_facts_network(struct kan_facts *f, struct kan_err *err);
int kan_facts_files(struct kan_facts *f, struct kan_err *err);
/* -1: the list was altered. Unreadable, it is one that we do not have. */
int kan_facts_engine_list(struct kan_facts *f, struct kan_err *err);
void kan_facts_sort(struct kan_facts *f);
void kan_facts_origin_change(struct kan_facts *f, const json_t *row, struct kan_bytes path);
void kan_facts_origin_sort(struct kan_facts *f);
void kan_facts_origin_baseline(struct kan_facts *f, const json_t *row, struct kan_bytes path);
void kan_facts_origin_free(struct kan_facts *f);
/* One more element in a table that grows by doubling; NULL beyond max. */
void *kan_facts_more(void *table, size_t *n, size_t max, size_t size);

bool kan_proc_shares_stdio(const struct kan_proc *a, const struct kan_proc *b);

/* Addresses. v4 and v4-mapped are the same. */
bool kan_ip_parse(struct in6_addr *out, const char *text);
bool kan_ip_net(struct kan_net *out,
		const char *text); /* "10.0.0.0/8"; without bits: the address alone */
bool kan_ip_in(const struct in6_addr *a, const struct kan_net *n);

/* Small readers of a row. */
int64_t kan_get_int(const json_t *o, const char *key, int64_t otherwise);
uint64_t kan_get_dec(const json_t *o, const char *key); /* decimal string; 0 when not there */
json_t *kan_get(const json_t *o, const char *dotted);
uint64_t kan_hash(struct kan_bytes v); /* FNV-1a: a filter, never a proof */

#endif
