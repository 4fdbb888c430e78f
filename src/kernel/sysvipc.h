/* /proc/sysvipc/{shm,sem,msg}: pure parsers. The objects are those of the IPC namespace that the
 * file was opened in. */
#ifndef KAN_KERNEL_SYSVIPC_H
#define KAN_KERNEL_SYSVIPC_H

#include <kanshiki/bytes.h>
#include <kanshiki/err.h>

enum kan_sysv_kind { KAN_SYSV_SHM, KAN_SYSV_SEM, KAN_SYSV_MSG, KAN_SYSV_KINDS };
enum { KAN_SYSV_FIELDS = 13 };

/* Columns behind key, id and perms, by the kernel's own names; NULL ends. */
struct kan_sysv_table {
	const char *name; /* "shm" */
	const char *fields[KAN_SYSV_FIELDS + 1];
	size_t least;   /* so many has every kernel */
	size_t pids[2]; /* who made and who used it last; pids[0] == pids[1]: one is told, or none
			 */
	bool told;      /* pids are columns of it */
};
extern const struct kan_sysv_table kan_sysv_tables[KAN_SYSV_KINDS];

struct kan_sysv {
	enum kan_sysv_kind kind;
	uint32_t key;
	int64_t id;
	unsigned perms; /* with the kernel's flags above 0777: 01000 removed when nobody uses it */
	size_t n;       /* of v */
	uint64_t v[KAN_SYSV_FIELDS];
};
/* Return -1 to stop, with err. */
typedef int kan_sysv_fn(const struct kan_sysv *o, void *arg, struct kan_err *err);
/* Each line behind the heading, in order; format with its number on the first bad one. A last line
 * without its end is left out. */
int kan_sysv_each(struct kan_bytes text, enum kan_sysv_kind kind, kan_sysv_fn *fn, void *arg,
		  struct kan_err *err);

#endif
