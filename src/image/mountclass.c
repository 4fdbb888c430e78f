/* The tables: file systems that can hang, those of the kernel, and what is done with each class. */
#include "image/mountclass.h"

#include "image/hostmap.h"
#include "kernel/mountinfo.h"

#define LIST_HAS(list, v) has((list), sizeof(list) / sizeof((list)[0]), (v))

static bool has(const char *const *list, size_t n, struct kan_bytes v)
{
	for (size_t i = 0; i < n; i++)
		if (kan_bytes_eq(v, kan_bytes_of(list[i])))
			return true;
	return false;
}

/* Whoever answers for them may be slow, dead, or the suspect. */
bool kan_mount_hangs(struct kan_bytes fstype)
{
	static const char *const known[] = {"9p",     "acfs",     "afs",    "autofs", "beegfs",
					    "ceph",   "cifs",     "coda",   "gfs2",   "glusterfs",
					    "gpfs",   "lustre",   "ncpfs",  "nfs",    "nfs4",
					    "ocfs2",  "orangefs", "pvfs2",  "smb3",   "smbfs",
					    "vboxsf", "virtiofs", "vmhgfs", "wekafs"};
	if (kan_bytes_eq(fstype, KAN_LIT("fusectl")))
		return false;
	return LIST_HAS(known, fstype) || kan_bytes_starts(fstype, "fuse") ||
	       kan_bytes_starts(fstype, "gluster") || kan_bytes_starts(fstype, "nfs.");
}

static bool of_kernel(struct kan_bytes fstype)
{
	static const char *const known[] = {
		"binder",  "binfmt_misc", "bpf",     "cgroup",     "cgroup2",    "configfs",
		"cpuset",  "debugfs",     "devpts",  "devtmpfs",   "efivarfs",   "functionfs",
		"fusectl", "hugetlbfs",   "mqueue",  "nfsd",       "nsfs",       "pipefs",
		"proc",    "pstore",      "resctrl", "rpc_pipefs", "securityfs", "selinuxfs",
		"smackfs", "sockfs",      "sysfs",   "tracefs",    "usbfs",      "xenfs"};
	return LIST_HAS(known, fstype);
}

bool kan_mount_stacked(struct kan_bytes fstype)
{
	static const char *const known[] = {"aufs", "ecryptfs", "overlay", "shiftfs", "unionfs"};
	return LIST_HAS(known, fstype);
}

bool kan_mount_secret(struct kan_bytes path)
{
	return kan_path_within(path, KAN_LIT("/run/secrets")) ||
	       kan_path_within(path, KAN_LIT("/var/run/secrets"));
}

static bool of_memory(struct kan_bytes fstype)
{
	return kan_bytes_eq(fstype, KAN_LIT("tmpfs")) || kan_bytes_eq(fstype, KAN_LIT("ramfs"));
}

/* Without the engine's table nobody knows whose directory it is: the careful answer. */
static enum kan_mount_class local(struct kan_buf *host_path, const struct kan_mount *m,
				  const struct kan_hostmap *host)
{
	bool whole = kan_bytes_eq(m->root, KAN_LIT("/")), memory = of_memory(m->fstype);
	if (!host)
		return memory && whole ? KAN_MOUNT_TMPFS : KAN_MOUNT_SYSTEM;
	struct kan_origin o = kan_hostmap_find(host_path, host, m);
	if (!o.known) /* the container's own, or a part of it */
		return memory ? KAN_MOUNT_TMPFS : KAN_MOUNT_BIND;
	if (o.volume)
		return KAN_MOUNT_VOLUME;
	if (o.own)
		return memory ? KAN_MOUNT_TMPFS : KAN_MOUNT_SYSTEM;
	return o.system ? KAN_MOUNT_SYSTEM : KAN_MOUNT_BIND;
}

enum kan_mount_class kan_mount_classify(struct kan_buf *host_path, const struct kan_mount *m,
					const struct kan_mount *root,
					const struct kan_hostmap *host)
{
	kan_buf_reset(host_path);
	if (kan_mount_hangs(m->fstype))
		return KAN_MOUNT_NETWORK;
	if (of_kernel(m->fstype))
		return KAN_MOUNT_PSEUDO;
	if (root && root->major == m->major && root->minor == m->minor &&
	    kan_path_within(m->root, root->root))
		return KAN_MOUNT_ROOT;
	enum kan_mount_class c = local(host_path, m, host);
	return kan_mount_secret(m->point) ? KAN_MOUNT_SECRETS : c;
}

const char *kan_mount_word(enum kan_mount_class c)
{
	static const char *const words[] = {
		[KAN_MOUNT_ROOT] = "root",       [KAN_MOUNT_TMPFS] = "tmpfs",
		[KAN_MOUNT_SECRETS] = "secrets", [KAN_MOUNT_VOLUME] = "volume",
		[KAN_MOUNT_BIND] = "bind",       [KAN_MOUNT_SYSTEM] = "bind",
		[KAN_MOUNT_NETWORK] = "network", [KAN_MOUNT_PSEUDO] = "pseudo"};
	return words[c];
}

struct kan_mount_rule kan_mount_rule(enum kan_mount_class c, enum kan_mounts asked)
{
	static const struct kan_mount_rule automatic[] = {
		[KAN_MOUNT_ROOT] = {"the container's root: see filesystem", KAN_MOUNT_LIST, false},
		[KAN_MOUNT_TMPFS] = {NULL, KAN_MOUNT_COPY, false},
		[KAN_MOUNT_SECRETS] = {"secrets: digests only", KAN_MOUNT_DIGEST, true},
		[KAN_MOUNT_VOLUME] = {NULL, KAN_MOUNT_COPY, false},
		[KAN_MOUNT_BIND] = {NULL, KAN_MOUNT_SMALL, false},
		[KAN_MOUNT_SYSTEM] = {"host system", KAN_MOUNT_STAT, true},
		[KAN_MOUNT_NETWORK] = {"it can hang: never touched", KAN_MOUNT_LIST, true},
		[KAN_MOUNT_PSEUDO] = {"the kernel's own", KAN_MOUNT_STAT, false},
	};
	struct kan_mount_rule r = automatic[c];
	bool fixed = c == KAN_MOUNT_ROOT || c == KAN_MOUNT_NETWORK || c == KAN_MOUNT_PSEUDO;
	if (asked == KAN_MOUNTS_ALL && !fixed)
		r = (struct kan_mount_rule){.act = KAN_MOUNT_COPY};
	if (asked == KAN_MOUNTS_ALL && c == KAN_MOUNT_NETWORK)
		r.scope = false; /* it was asked for: a gap */
	if (asked == KAN_MOUNTS_NONE && !fixed)
		r = (struct kan_mount_rule){.act = KAN_MOUNT_LIST, .why = "not asked for"};
	if (asked == KAN_MOUNTS_NONE && c == KAN_MOUNT_PSEUDO)
		r.act = KAN_MOUNT_LIST;
	return r;
}
