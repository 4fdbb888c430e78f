/*
 * dpkg's own log: "2026-11-26 17:00:01 status installed bash:amd64 5.2-1".
 * dnf's: "2026-11-26T17:00:01+0000 SUBDEBUG Installed: bash-5.2-1.x86_64", yum's: "Nov 26 17:00:01
 * Installed: ...". zypper's: "2026-11-26
 * 17:00:01|install|bash|5.2-1|x86_64|root@host|repository|checksum|".
 * apk's: "( 1/12) Installing bash (5.2-r1)", "Upgrading bash@edge (5.2-r1 -> 5.2-r2)", "Purging".
 * apk-tools src/commit.c, print_change.
 */
#include "image/pkg_log.h"

#include <stdlib.h>
#include <string.h>

#include "image/pkg_reader.h"
#include "image/pkg_rpm.h"

struct record {
	struct kan_bytes key, state, version; /* one allocation, at key.p */
	size_t order;
};

struct kan_pkg_log {
	enum kan_pkg_log_of of;
	struct kan_buf line;
	bool skip; /* the rest of a line that is too long */
	bool cut;  /* records were left out, so that the last one is not known */
	struct record *records;
	size_t n, cap, octets, lines;
};

static const struct {
	const char *manager, *paths[4];
} kinds[KAN_PKG_LOGS] = {
	[KAN_PKG_LOG_DPKG] = {"dpkg", {"var/log/dpkg.log"}},
	[KAN_PKG_LOG_RPM] = {"rpm",
			     {"var/log/dnf.rpm.log", "var/log/yum.log", "var/log/zypp/history"}},
	[KAN_PKG_LOG_APK] = {"apk", {"var/log/apk.log"}},
};

const char *const *kan_pkg_log_paths(enum kan_pkg_log_of of)
{
	return kinds[of].paths;
}

enum kan_pkg_log_of kan_pkg_log_manager(const char *manager)
{
	for (enum kan_pkg_log_of of = KAN_PKG_LOG_DPKG; of < KAN_PKG_LOGS; of++)
		if (strcmp(kinds[of].manager, manager) == 0)
			return of;
	return KAN_PKG_LOG_NONE;
}

enum kan_pkg_log_of kan_pkg_log_of(struct kan_bytes path)
{
	for (enum kan_pkg_log_of of = KAN_PKG_LOG_DPKG; of < KAN_PKG_LOGS; of++)
		for (const char *const *p = kinds[of].paths; *p; p++)
			if (kan_bytes_eq(path, kan_bytes_of(*p)))
				return of;
	return KAN_PKG_LOG_NONE;
}

struct kan_pkg_log *kan_pkg_log_new(enum kan_pkg_log_of of)
{
	struct kan_pkg_log *l = kan_xalloc(sizeof(*l));
	l->of = of;
	l->line = KAN_BUF(KAN_PKG_LOG_LINE);
	return l;
}

void kan_pkg_log_free(struct kan_pkg_log *l)
{
	if (!l)
		return;
	for (size_t i = 0; i < l->n; i++)
		free((void *)(uintptr_t)l->records[i].key.p);
	free(l->records);
	kan_buf_free(&l->line);
	free(l);
}

static int by_key(const void *a, const void *b)
{
	const struct record *x = a, *y = b;
	int c = kan_bytes_cmp(x->key, y->key);
	return c ? c : (x->order < y->order) - (x->order > y->order);
}

/* The newest record of each package, so that a long log does not fill the table. */
static void squeeze(struct kan_pkg_log *l)
{
	size_t kept = 0;
	if (l->n)
		qsort(l->records, l->n, sizeof(*l->records), by_key);
	for (size_t i = 0; i < l->n; i++) {
		struct record *r = &l->records[i];
		if (kept && kan_bytes_eq(l->records[kept - 1].key, r->key)) {
			l->octets -= r->key.n + r->state.n + r->version.n;
			free((void *)(uintptr_t)r->key.p);
		} else {
			l->records[kept++] = *r;
		}
	}
	l->n = kept;
}

static struct kan_bytes put(uint8_t **at, struct kan_bytes v)
{
	struct kan_bytes copy = {*at, v.n};
	if (v.n)
		memcpy(*at, v.p, v.n);
	*at += v.n;
	return copy;
}

/* Half of the table is free afterwards, or the next squeeze would come too soon. */
static void make_room(struct kan_pkg_log *l)
{
	squeeze(l);
	if (l->n < l->cap / 2)
		return;
	l->cap = l->cap ? l->cap * 2 : 256;
	l->records = kan_xrealloc(l->records, l->cap, sizeof(*l->records));
}

static void add(struct kan_pkg_log *l, struct kan_bytes key, struct kan_bytes state,
		struct kan_bytes version)
{
	size_t octets = key.n + state.n + version.n;
	l->cut |= l->n == KAN_PKG_LOG_PACKAGES || l->octets + octets > KAN_PKG_LOG_OCTETS;
	if (l->cut)
		return;
	if (l->n == l->cap)
		make_room(l);
	uint8_t *at = kan_xalloc(octets + 1);
	struct record r = {.order = l->lines++};
	r.key = put(&at, key);
	r.state = put(&at, state);
	r.version = put(&at, version);
	l->octets += octets;
	l->records[l->n++] = r;
}

/* What a word of dnf or yum leaves behind. The old version of an upgrade has words of its own,
 * which say nothing of what is there then. */
static struct kan_bytes state_of(struct kan_bytes word)
{
	static const char *const there[] = {
		"Installed:", "Upgrade:", "Updated:", "Downgrade:", "Reinstall:"};
	static const char *const gone[] = {"Erase:", "Erased:", "Removed:", "Obsoleted:"};
	for (size_t i = 0; i < sizeof(there) / sizeof(there[0]); i++)
		if (kan_bytes_eq(word, kan_bytes_of(there[i])))
			return KAN_LIT("installed");
	for (size_t i = 0; i < sizeof(gone) / sizeof(gone[0]); i++)
		if (kan_bytes_eq(word, kan_bytes_of(gone[i])))
			return KAN_LIT("not-installed");
	return (struct kan_bytes){NULL, 0};
}

static void add_rpm(struct kan_pkg_log *l, struct kan_bytes name, struct kan_bytes arch,
		    struct kan_bytes state, struct kan_bytes version)
{
	kan_auto_buf struct kan_buf key = KAN_BUF(KAN_PKG_LOG_LINE);
	kan_buf_addb(&key, name);
	kan_buf_addc(&key, ':');
	kan_buf_addb(&key, arch);
	if (!key.failed && name.n && arch.n)
		add(l, kan_buf_bytes(&key), state, version);
}

static struct kan_bytes field(struct kan_bytes *rest)
{
	const uint8_t *bar = rest->n ? memchr(rest->p, '|', rest->n) : NULL;
	struct kan_bytes v = {rest->p, bar ? (size_t)(bar - rest->p) : rest->n};
	size_t used = v.n + (bar ? 1 : 0);
	*rest = (struct kan_bytes){rest->n ? rest->p + used : rest->p, rest->n - used};
	return kan_pkg_trim(v);
}

static void on_zypper(struct kan_pkg_log *l, struct kan_bytes rest)
{
	(void)field(&rest); /* time */
	struct kan_bytes did = field(&rest), name = field(&rest), version = field(&rest),
			 arch = field(&rest);
	if (kan_bytes_eq(did, KAN_LIT("install")))
		add_rpm(l, name, arch, KAN_LIT("installed"), version);
	else if (kan_bytes_eq(did, KAN_LIT("remove")))
		add_rpm(l, name, arch, KAN_LIT("not-installed"), version);
}

/* The day and the time take up to four words. */
static void on_rpm(struct kan_pkg_log *l, struct kan_bytes line)
{
	enum { WORDS = 5 };
	struct kan_bytes rest = line, state = {NULL, 0};
	struct kan_pkg_nevra n;
	if (line.n && memchr(line.p, '|', line.n)) {
		on_zypper(l, line);
		return;
	}
	for (int i = 0; i < WORDS && state.n == 0; i++)
		state = state_of(kan_pkg_word(&rest));
	if (state.n && kan_pkg_nevra(&n, kan_pkg_word(&rest)) && kan_pkg_trim(rest).n == 0)
		add_rpm(l, n.name, n.arch, state, n.version);
}

/* "(1/2)", "( 1/12)", or "(?)". */
static bool skip_count(struct kan_bytes *line)
{
	const uint8_t *end = line->n && *line->p == '(' ? memchr(line->p, ')', line->n) : NULL;
	if (!end)
		return false;
	for (const uint8_t *p = line->p + 1; p < end; p++)
		if (*p != ' ' && *p != '/' && *p != '?' && (*p < '0' || *p > '9'))
			return false;
	*line = (struct kan_bytes){end + 1, line->n - (size_t)(end + 1 - line->p)};
	return true;
}

/* The version in force then, out of "(NEW)" or "(OLD -> NEW)"; empty when it is neither. */
static struct kan_bytes apk_version(struct kan_bytes rest)
{
	const struct kan_bytes none = {NULL, 0};
	rest = kan_pkg_trim(rest);
	if (rest.n < 3 || rest.p[0] != '(' || rest.p[rest.n - 1] != ')')
		return none;
	rest = (struct kan_bytes){rest.p + 1, rest.n - 2};
	struct kan_bytes version = kan_pkg_word(&rest);
	if (kan_bytes_eq(kan_pkg_word(&rest), KAN_LIT("->")))
		version = kan_pkg_word(&rest);
	return kan_pkg_trim(rest).n ? none : version;
}

/* A name may be followed by the tag of a repository, "@edge". No name has that character. */
static void on_apk(struct kan_pkg_log *l, struct kan_bytes line)
{
	static const char *const there[] = {"Installing", "Upgrading", "Downgrading", "Replacing",
					    "Reinstalling"};
	struct kan_bytes rest = line;
	if (!skip_count(&rest))
		return;
	struct kan_bytes did = kan_pkg_word(&rest), name = kan_pkg_word(&rest);
	struct kan_bytes version = apk_version(rest);
	const uint8_t *tag = name.n ? memchr(name.p, '@', name.n) : NULL;
	name.n = tag ? (size_t)(tag - name.p) : name.n;
	if (!name.n || !version.n)
		return;
	if (kan_bytes_eq(did, KAN_LIT("Purging")))
		add(l, name, KAN_LIT("not-installed"), version);
	for (size_t i = 0; i < sizeof(there) / sizeof(there[0]); i++)
		if (kan_bytes_eq(did, kan_bytes_of(there[i])))
			add(l, name, KAN_LIT("installed"), version);
}

static void on_dpkg(struct kan_pkg_log *l, struct kan_bytes line)
{
	struct kan_bytes rest = line;
	(void)kan_pkg_word(&rest); /* day */
	(void)kan_pkg_word(&rest); /* time */
	if (!kan_bytes_eq(kan_pkg_word(&rest), KAN_LIT("status")))
		return;
	struct kan_bytes state = kan_pkg_word(&rest), key = kan_pkg_word(&rest),
			 version = kan_pkg_word(&rest);
	if (key.n == 0 || version.n == 0 || kan_pkg_trim(rest).n)
		return;
	add(l, key, state, version);
}

static void on_line(struct kan_pkg_log *l, struct kan_bytes line)
{
	if (l->of == KAN_PKG_LOG_APK)
		on_apk(l, line);
	else if (l->of == KAN_PKG_LOG_RPM)
		on_rpm(l, line);
	else
		on_dpkg(l, line);
}

void kan_pkg_log_read(struct kan_pkg_log *l, struct kan_bytes piece)
{
	while (piece.n) {
		const uint8_t *lf = memchr(piece.p, '\n', piece.n);
		size_t n = lf ? (size_t)(lf - piece.p) : piece.n;
		if (!l->skip)
			kan_buf_addb(&l->line, (struct kan_bytes){piece.p, n});
		l->skip |= l->line.failed;
		if (!lf)
			return;
		if (!l->skip)
			on_line(l, kan_buf_bytes(&l->line));
		kan_buf_reset(&l->line);
		l->skip = false;
		piece = (struct kan_bytes){lf + 1, piece.n - n - 1};
	}
}

void kan_pkg_log_done(struct kan_pkg_log *l)
{
	if (!l->skip && l->line.len)
		on_line(l, kan_buf_bytes(&l->line));
	kan_buf_reset(&l->line);
	squeeze(l);
}

static const struct record *find(const struct kan_pkg_log *l, struct kan_bytes key)
{
	size_t low = 0, high = l->n;
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		int c = kan_bytes_cmp(l->records[mid].key, key);
		if (c == 0)
			return &l->records[mid];
		if (c < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return NULL;
}

bool kan_pkg_log_says(const struct kan_pkg_log *l, struct kan_bytes name, struct kan_bytes arch,
		      struct kan_bytes state, struct kan_bytes version)
{
	kan_auto_buf struct kan_buf key = KAN_BUF(KAN_PKG_LOG_LINE);
	kan_buf_addb(&key, name);
	if (l->of != KAN_PKG_LOG_APK) {
		kan_buf_addc(&key, ':');
		kan_buf_addb(&key, arch);
	}
	const struct record *r = find(l, kan_buf_bytes(&key));
	if (l->cut || !r || !kan_bytes_eq(r->state, state))
		return false;
	return version.n == 0 || kan_bytes_eq(r->version, version);
}
