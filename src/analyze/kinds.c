/* The table of row kinds and columns. docs/rows.md is made from it. */
#include "analyze/kinds.h"
#include "analyze/join.h"
#include "analyze/packages.h"

static const struct kan_column process_columns[] = {
	INT("pid", "on the host"),
	INT("ppid", "on the host"),
	LIST(KAN_TYPE_INT, "nspid", "outside first, innermost last"),
	INT("starttime", "clock ticks after boot"),
	INT("start_ns", "start, UTC"),
	INT("pgrp", "process group"),
	INT("session", "session"),
	WORD("state", "letter of the kernel"),
	BOOL("kthread", "PF_KTHREAD"),
	BOOL("neighbour", "of the pid namespace, not of the container"),
	BYTES("comm", "the process's own word"),
	{.name = "argv",
	 .type = KAN_TYPE_BYTES,
	 .list = true,
	 .speaks = true,
	 .always = true,
	 .doc = "the process's own words"},
	{.name = "exe.link",
	 .type = KAN_TYPE_BYTES,
	 .always = true,
	 .doc = "what the kernel calls its executable"},
	WORD("exe.ino", "inode"),
	WORD("exe.dev", "device"),
	INT("exe.size", "octets"),
	WORD("exe.mode", "octal"),
	BOOL("exe.deleted", "no name is left (nlink 0)"),
	BOOL("exe.memfd", "never had a name: memory only"),
	WORD("exe.path_now", "what the path names now: same, other, absent"),
	HEX("exe.sha256", "digest of the running bytes"),
	BOOL("exe.content", "the bytes were carved"),
	BYTES("cwd", "working directory"),
	LIST(KAN_TYPE_INT, "uid", "real, effective, saved, fs"),
	LIST(KAN_TYPE_INT, "gid", "real, effective, saved, fs"),
	WORD("cap.eff", "effective capabilities, mask"),
	BOOL("no_new_privs", "no_new_privs"),
	INT("seccomp.mode", "0 none, 1 strict, 2 filter"),
	JOINED(KAN_TYPE_WORD, "exe.origin", "processes, filesystem, image, mounts",
	       "image, upper, mount, tmpfs, memfd, gone"),
	JOINED(KAN_TYPE_BOOL, "exe.in_image", "processes, image, filesystem",
	       "same path and digest in an image layer"),
	JOINED_SET(KAN_TYPE_BYTES, "exe.same_as", "image",
		   "image files of the same digest under another path"),
	JOINED(KAN_TYPE_BYTES, "exe.pkg", "packages, image",
	       "package of the image that owns the path of the executable"),
	JOINED(KAN_TYPE_WORD, "ancestor", "processes", "init, service, exec, healthcheck, orphan"),
	JOINED_SET(KAN_TYPE_WORD, "stdio.kind", "fds, sockets",
		   "what descriptors 0 to 2 are: inet, unix, tty, pipe, file, memfd"),
	JOINED(KAN_TYPE_BOOL, "stdio.of_init", "fds",
	       "shares a descriptor of 0 to 2 with the init"),
	JOINED(KAN_TYPE_BOOL, "tty", "processes", "has a controlling terminal: a person"),
	JOINED(KAN_TYPE_BOOL, "is_kthread", "processes",
	       "a thread of the kernel, by its flag and not its name"),
	END,
};
static const char *const process_identity[] = {"pid",        "ppid",       "comm",       "argv",
					       "exe.link",   "exe.sha256", "exe.origin", "uid",
					       "ancestor",   "start_ns",   "exe.size",   "exe.mode",
					       "stdio.kind", "tty",        NULL};

static const struct kan_column socket_columns[] = {
	WORD("netns", "network namespace"),
	WORD("ino", "inode"),
	INT("uid", "owner"),
	WORD("family", "inet, inet6, unix, packet, netlink"),
	WORD("type", "stream, dgram, raw, seqpacket"),
	WORD("proto", "tcp, udp, ..."),
	WORD("state", "ESTABLISHED, LISTEN, ..."),
	WORD("laddr", "local address"),
	INT("lport", "local port"),
	WORD("raddr", "remote address"),
	INT("rport", "remote port"),
	INT("bytes_sent", "of tcp_info"),
	INT("bytes_received", "of tcp_info"),
	BYTES("name", "of a unix socket; an abstract one keeps its NUL"),
	WORD("peer_ino", "inode at the other end of a unix socket"),
	BYTES("peer_comm", "of a process of the host at the other end; its own word"),
	WORD("source", "sock_diag, text or fd"),
	JOINED_SET(KAN_TYPE_INT, "pid", "sockets", "processes that hold it"),
	JOINED(KAN_TYPE_WORD, "peer.scope", "sockets, inspect, networks, addresses",
	       "loopback, self, neighbour, gateway, metadata, private, public"),
	JOINED(KAN_TYPE_WORD, "sock.dir", "sockets",
	       "in: the local port has a listener in that namespace; else out"),
	JOINED(KAN_TYPE_BOOL, "sock.exposed", "sockets, inspect",
	       "the image exposes or the engine publishes the local port"),
	JOINED(KAN_TYPE_INT, "sock.sent", "sockets", "bytes sent"),
	JOINED(KAN_TYPE_INT, "sock.received", "sockets", "bytes received"),
	END,
};
static const char *const socket_identity[] = {
	"proto",      "state",    "laddr",     "lport",         "raddr", "rport", "pid",
	"peer.scope", "sock.dir", "sock.sent", "sock.received", "ino",   NULL};

#define FILE_COLUMNS \
	WORD("type", "file, dir, symlink, fifo, socket, chr, blk"), \
		WORD("mode", "octal with type bits"), INT("uid", "owner"), INT("gid", "group"), \
		INT("size", "octets"), INT("nlink", "names"), WORD("ino", "inode"), \
		INT("mtime_ns", "what any program may set"), \
		INT("ctime_ns", "what no program can set"), INT("btime_ns", "birth"), \
		BYTES("link", "target of a symlink"), HEX("sha256", "digest of the content")

static const struct kan_column nft_columns[] = {
	WORD("netns", "network namespace"),
	WORD("what", "table, chain, rule, set, element, object, flowtable"),
	WORD("family", "inet, ip, ip6, arp, bridge, netdev"),
	BYTES("table", "table"),
	BYTES("chain", "of a chain or a rule"),
	BYTES("set", "of a set or an element"),
	WORD("hook",
	     "of a chain: prerouting, input, forward, output, postrouting, ingress, egress"),
	INT("prio", "of a chain"),
	WORD("policy", "of a chain: accept, drop"),
	LIST(KAN_TYPE_BYTES, "exprs", "what a rule is made of, in order"),
	WORD("verdict", "accept, drop, jump, ..."),
	BYTES("to", "chain that a verdict names"),
	BYTES("comment", "what was said of it"),
	BYTES("text", "a rule as libnftnl words it"),
	WORD("key", "of an element, octets in hex"),
	END,
};
static const char *const nft_identity[] = {"what",    "table", "chain", "set", "hook",
					   "verdict", "to",    "text",  "key", NULL};

static const struct kan_column iptables_columns[] = {
	WORD("netns", "network namespace"),
	WORD("family", "ip, ip6"),
	BYTES("table", "table"),
	BYTES("chain", "chain"),
	INT("n", "in its chain, from 1"),
	BOOL("policy", "the last rule of a chain of the kernel's"),
	WORD("src", "address"),
	INT("src_prefix", "length"),
	WORD("dst", "address"),
	INT("dst_prefix", "length"),
	BYTES("iif", "device it came in by; + for any that begins so"),
	BYTES("oif", "device it goes out by"),
	INT("proto", "number of the protocol; 0: any"),
	LIST(KAN_TYPE_BYTES, "matches", "extensions that look at a packet"),
	WORD("verdict", "ACCEPT, DROP, QUEUE, RETURN, JUMP, GOTO"),
	BYTES("to", "chain that a verdict names"),
	BYTES("target", "extension that acts"),
	END,
};
static const char *const iptables_identity[] = {"table",   "chain", "n",      "src", "dst",
						"verdict", "to",    "target", NULL};

static const struct kan_column conntrack_columns[] = {
	WORD("netns", "network namespace"),
	WORD("family", "inet, inet6"),
	WORD("proto", "tcp, udp"),
	INT("protocol", "number of the protocol"),
	WORD("state", "of TCP: ESTABLISHED, TIME_WAIT, ..."),
	WORD("orig.src", "who began it"),
	WORD("orig.dst", "whom it was meant for"),
	INT("orig.sport", "port"),
	INT("orig.dport", "port"),
	WORD("reply.src", "who answers; another than orig.dst where it is translated"),
	WORD("reply.dst", "whom the answer is sent to"),
	INT("reply.sport", "port"),
	INT("reply.dport", "port"),
	INT("mark", "mark"),
	END,
};
static const char *const conntrack_identity[] = {
	"proto", "state", "orig.src", "orig.sport", "orig.dst", "orig.dport", "reply.src", NULL};

static const struct kan_column change_columns[] = {
	WORD("id", "row of the walk"),
	BYTES("path", "in the container"),
	BYTES("name", "last component"),
	WORD("change",
	     "added, changed, metadata, identical, deleted, parent, engine; unknown where "
	     "the content was not read on both sides, or a layer of the image is gone"),
	WORD("source", "upper; merged: no word of change; export: the engine's word alone"),
	FILE_COLUMNS,
	LIST(KAN_TYPE_WORD, "differs", "for metadata, or without a word: what differs"),
	LIST(KAN_TYPE_WORD, "planted", "overlay words that are only data"),
	LIST(KAN_TYPE_WORD, "capability.permitted", "file capabilities by name"),
	WORD("acl", "access list in words"),
	BYTES("label", "security.selinux; or else security.SMACK64 or security.apparmor"),
	LIST(KAN_TYPE_WORD, "below.capability.permitted", "file capabilities in the image"),
	INT("below.layer", "layer of the image's version"),
	WORD("below.type", "type in the image"),
	WORD("below.mode", "mode in the image"),
	INT("below.uid", "owner in the image"),
	INT("below.size", "size in the image"),
	INT("below.mtime_ns", "mtime in the image"),
	INT("below.nlink", "names in the image"),
	JOINED(KAN_TYPE_WORD, "below.sha256", "filesystem, image",
	       "digest in the image; from the baseline where the collector read no bytes"),
	JOINED(KAN_TYPE_WORD, "how", "filesystem, image",
	       "edited, replaced, renamed, linked, unknown"),
	JOINED(KAN_TYPE_BYTES, "from", "filesystem, image", "the other path of a renamed file"),
	JOINED(KAN_TYPE_WORD, "file.origin", "filesystem", "upper"),
	JOINED(KAN_TYPE_BOOL, "file.hidden_from_engine", "filesystem, engine-after",
	       "we see a change; the engine's whole list lacks it"),
	JOINED(KAN_TYPE_BYTES, "package.name", "packages, image",
	       "package of the image that owns the path"),
	JOINED(KAN_TYPE_BYTES, "package.version", "packages", "its version in the image"),
	JOINED(KAN_TYPE_WORD, "package.manager", "packages", "dpkg, apk, rpm"),
	JOINED(KAN_TYPE_BOOL, "package.conffile", "packages", "a configuration file of it"),
	JOINED(KAN_TYPE_BYTES, "package.claimed", "filesystem",
	       "owner by the container's own copy of the database: testimony"),
	JOINED(KAN_TYPE_WORD, "package_verdict", "packages, image, filesystem",
	       "as installed, modified since installed, removed since installed, no checksum "
	       "recorded, owned by no package"),
	JOINED(KAN_TYPE_WORD, "package_why", "packages, image", "why the verdict is unknown"),
	JOINED(KAN_TYPE_WORD, "package_below", "packages, filesystem",
	       "the same of the image's version: as installed, modified since installed"),
	JOINED(KAN_TYPE_BOOL, "pkg_ok", "packages, image, filesystem",
	       "the recorded checksum agrees"),
	JOINED(KAN_TYPE_BOOL, "explained", "packages, filesystem",
	       "status, digest and log of the container's package manager agree; root in it can "
	       "write all of them"),
	JOINED(KAN_TYPE_WORD, "package_db.manager", "packages",
	       "of a file of a package database: dpkg, apk, rpm"),
	JOINED(KAN_TYPE_BYTES, "package_db.package", "packages",
	       "the one package that it is about; absent: it is about all"),
	JOINED(KAN_TYPE_BOOL, "package_db.version_changed", "packages, filesystem",
	       "that package, or any, has another version in the container than in the image"),
	JOINED(KAN_TYPE_INT, "file.ctime_gap", "filesystem", "seconds from mtime to ctime"),
	JOINED(KAN_TYPE_BOOL, "of_service_user", "filesystem, processes",
	       "owned by a user of the service"),
	END,
};
static const char *const change_identity[] = {"path",
					      "change",
					      "type",
					      "mode",
					      "uid",
					      "size",
					      "sha256",
					      "link",
					      "mtime_ns",
					      "ctime_ns",
					      "below.size",
					      "below.mode",
					      "below.mtime_ns",
					      "below.sha256",
					      "how",
					      "from",
					      "package.name",
					      "package.version",
					      "package.manager",
					      "package_verdict",
					      "package_why",
					      "package_below",
					      "explained",
					      "file.hidden_from_engine",
					      NULL};

static const struct kan_column mountfile_columns[] = {
	BYTES("path", "below the mount point"),
	BYTES("name", "last component"),
	INT("mnt_id", "mount"),
	FILE_COLUMNS,
	JOINED(KAN_TYPE_WORD, "file.origin", "mounts", "volume, bind, tmpfs"),
	JOINED(KAN_TYPE_BYTES, "mount.point", "mounts", "where it is mounted"),
	JOINED(KAN_TYPE_BOOL, "of_service_user", "mounts, processes",
	       "owned by a user of the service"),
	END,
};
static const char *const mountfile_identity[] = {"mount.point", "path",        "type",   "mode",
						 "uid",         "size",        "sha256", "link",
						 "ctime_ns",    "file.origin", NULL};

static const struct kan_column mount_columns[] = {
	INT("id", "mount"),
	BYTES("point", "where"),
	BYTES("root", "which part of the filesystem"),
	WORD("dev", "device"),
	BYTES("source", "from"),
	BYTES("fstype", "filesystem"),
	WORD("class", "tmpfs, volume, bind, network, pseudo"),
	BYTES("options", "mount options"),
	BYTES("host_path", "on the host"),
	WORD("covers.what", "mounted over: path, proc, process (/proc/PID), mount"),
	BYTES("covers.path", "what it covers, within the filesystem of its parent"),
	INT("covers.pid", "the process of /proc/PID, as that procfs counts"),
	INT("covers.mount", "the first mount that it hides"),
	INT("covered_by", "the mount that hides this one"),
	BOOL("copied", "content taken"),
	END,
};
static const char *const mount_identity[] = {"id",          "point",       "class",
					     "fstype",      "source",      "host_path",
					     "covers.what", "covers.path", NULL};

static const struct kan_column environ_columns[] = {
	INT("pid", "process"),
	BYTES("name", "variable"),
	BYTES("value", "its value; never shown in a report"),
	END,
};
static const char *const environ_identity[] = {"pid", "name", NULL};

static const struct kan_column fd_columns[] = {
	INT("pid", "process"),
	INT("fd", "descriptor"),
	BYTES("link", "the kernel's text"),
	WORD("kind", "file, dir, chr, blk, fifo, socket, memfd, anon"),
	WORD("ino", "inode"),
	INT("nlink", "names"),
	WORD("mode", "octal"),
	INT("size", "octets"),
	END,
};
static const char *const fd_identity[] = {"pid", "fd", "kind", "link", NULL};

static const struct kan_column baseline_columns[] = {
	WORD("layer", "number, or init for the engine's own"),
	BYTES("path", "in the image"),
	FILE_COLUMNS,
	END,
};
static const char *const baseline_identity[] = {"layer", "path", "mode", "size", "sha256", NULL};

static const struct kan_column integrity_columns[] = {
	WORD("about", "image, manifest, layer or path"),
	INT("rung", "1 a reference, 2 the image's name, 3 a layer's digest, 4 headers"),
	INT("layer", "0 is the lowest"),
	WORD("result", "of an image or layer: verified, damaged, not-done"),
	WORD("expected_digest", "of an image, manifest or layer"),
	WORD("found_digest", "of an image, manifest or layer"),
	BYTES("directory", "of a layer that the image's config does not know"),
	BOOL("claimed", "of a manifest: the engine names its digest for the image"),
	WORD("why", "of an image or layer that is damaged or was not done"),
	BYTES("path", "of a damaged path"),
	LIST(KAN_TYPE_WORD, "differs", "content, mode, owner, extra, ... of a damaged path"),
	WORD("expected.mode", "octal, of the header"),
	WORD("found.mode", "octal, on the host"),
	INT("found.size", "octets, on the host"),
	INT("found.ctime_ns", "last change of the inode, by the host's clock"),
	END,
};
static const char *const integrity_identity[] = {
	"layer", "path", "differs", "found.mode", "found.size", "expected_digest", NULL};

static const struct kan_column hit_columns[] = {
	INT("pid", "process"),
	INT("indicator", "its line in data/memory/indicators.txt"),
	WORD("as", "bytes; region: the digest of a mapping; exe: that of the executable"),
	WORD("start", "where the mapping begins, 0x and 16 digits"),
	INT("offset", "from there, octets"),
	BYTES("before", "up to 32 bytes; never shown in a report"),
	BYTES("after", "up to 32 bytes; never shown in a report"),
	END,
};
static const struct kan_column package_columns[] = {
	BYTES("name", "package"),
	WORD("arch", "architecture"),
	WORD("manager", "dpkg, apk, rpm"),
	BYTES("image.version", "version in the image"),
	BYTES("container.version", "version in the container, where it is another"),
	WORD("change",
	     "installed, removed, upgraded, downgraded, changed; absent: as in the image"),
	BOOL("logged", "of a change: the manager's own log in the container agrees; root in it can "
		       "write all of them"),
	END,
};
static const char *const package_identity[] = {
	"name", "arch", "image.version", "container.version", "change", "logged", NULL};

static const struct kan_column fact_columns[] = {
	WORD("id", "engine.host, engine.icc, daemon-json.KEY, content-trust.env, ..."),
	WORD("subject", "engine"),
	{.name = "value", .type = KAN_TYPE_BYTES, .speaks = true, .doc = "as it stands there"},
	BYTES("source", "argv, environ, status, or a file"),
	END,
};
static const char *const fact_identity[] = {"id", "value", "source", NULL};

static const struct kan_column posture_file_columns[] = {
	BYTES("path", "in the engine's mount namespace"),
	FILE_COLUMNS,
	END,
};
static const char *const posture_file_identity[] = {"path", "type",   "mode",     "uid",
						    "gid",  "sha256", "ctime_ns", NULL};

static const char *const hit_identity[] = {"indicator", "pid", "as", "start", "offset", NULL};

const struct kan_kind kan_kinds[] = {
	{"process", "processes", "data/processes/processes.ndjson", "kernel-process",
	 "A process of the container.", process_columns, process_identity, kan_join_process},
	{"environ", "processes", "data/processes/environ.ndjson", "kernel-process",
	 "A variable of a process.", environ_columns, environ_identity, NULL},
	{"fd", "processes", "data/processes/fds.ndjson", "kernel-process", "An open descriptor.",
	 fd_columns, fd_identity, NULL},
	{"socket", "network", "data/network/sockets.ndjson", "kernel-socket", "A socket.",
	 socket_columns, socket_identity, kan_join_socket},
	{"nft", "network", "data/network/nft.ndjson", "kernel-socket",
	 "A table, chain, rule, set or element of nftables.", nft_columns, nft_identity, NULL},
	{"iptables", "network", "data/network/iptables-legacy.ndjson", "kernel-socket",
	 "A rule of legacy iptables.", iptables_columns, iptables_identity, NULL},
	{"conntrack", "network", "data/network/conntrack.ndjson", "kernel-socket",
	 "A connection that the kernel tracks.", conntrack_columns, conntrack_identity, NULL},
	{"change", "filesystem", "data/filesystem/changes.ndjson", "storage",
	 "An entry of the container's own layer, compared with the image.", change_columns,
	 change_identity, kan_join_change},
	{"mount", "mounts", "data/mounts/mounts.ndjson", "storage", "A mount.", mount_columns,
	 mount_identity, NULL},
	{"mountfile", "mounts", "data/mounts/files.ndjson", "storage",
	 "A file of a volume, tmpfs or bind.", mountfile_columns, mountfile_identity,
	 kan_join_mountfile},
	{"baseline", "image", "data/image/baseline.ndjson", "image", "A file of an image layer.",
	 baseline_columns, baseline_identity, NULL},
	{"ghost", "image", "data/image/ghosts.ndjson", "image",
	 "A file of a layer that a later layer hides.", baseline_columns, baseline_identity, NULL},
	{"package", "image", "data/image/pkgdb.tar", "storage",
	 "A package of the image or the container, derived from the databases of both.",
	 package_columns, package_identity, NULL, kan_packages_rows},
	{"integrity", "image", "data/image/integrity.ndjson", "image",
	 "What the image is against what it claims to be.", integrity_columns, integrity_identity,
	 NULL},
	{"hit", "memory", "data/memory/hits.ndjson", "kernel-process",
	 "A place where an indicator was found in memory.", hit_columns, hit_identity, NULL},
	{"fact", "posture", "data/posture/facts.ndjson", "host", "How the engine is set up.",
	 fact_columns, fact_identity, NULL},
	{"posturefile", "posture", "data/posture/files.ndjson", "host",
	 "A file that decides who may use the engine, and what it runs.", posture_file_columns,
	 posture_file_identity, NULL},
	{"target", "engine", "data/engine/inspect.json", "engine",
	 "The container as the engine describes it: exactly one row.", kan_target_columns,
	 kan_target_identity, NULL, kan_derive_target},
	{"event", "engine", "data/engine/events.json", "engine",
	 "An event of the engine: of the container, and of what was made beside it.",
	 kan_event_columns, kan_event_identity, NULL, kan_derive_event},
	{"secret", "processes", "data/processes/environ.ndjson", "kernel-process",
	 "A secret in reach of the container: where it lies, never what it is.", kan_secret_columns,
	 kan_secret_identity, NULL, kan_derive_secret},
	{.name = NULL},
};
