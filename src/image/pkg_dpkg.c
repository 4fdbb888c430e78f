/* dpkg's database: stanzas, lists of paths, checksums, diversions. */
#include <string.h>
#include <strings.h>

#include "base/digest.h"
#include "image/pkg_reader.h"
#include "image/pkg_version.h"

enum { MD5_SIZE = 16 };

static bool is(struct kan_bytes name, const char *field)
{
	return name.n == strlen(field) && strncasecmp((const char *)name.p, field, name.n) == 0;
}

/* The states in which a package's files are in place. */
static bool in_place(struct kan_bytes state)
{
	static const char *const states[] = {"installed",        "unpacked",
					     "half-configured",  "half-installed",
					     "triggers-pending", "triggers-awaited"};
	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++)
		if (kan_bytes_eq(state, kan_bytes_of(states[i])))
			return true;
	return false;
}

/* " /etc/foo.conf <md5> [obsolete]"; a path may hold blanks, so it is read from its end. */
static int conffile(struct kan_pkg_reader *r, struct kan_bytes line, struct kan_err *err)
{
	uint8_t sum[MD5_SIZE];
	struct kan_pkg_owned o = {.package = kan_buf_bytes(&r->name), .conffile = true};
	struct kan_bytes v = kan_pkg_trim(line);
	for (;;) {
		size_t at = v.n;
		while (at && v.p[at - 1] != ' ')
			at--;
		struct kan_bytes last = {v.p + at, v.n - at};
		if (at < 2)
			return kan_pkg_malformed(r, err, "a configuration file without a checksum");
		v = kan_pkg_trim((struct kan_bytes){v.p, at - 1});
		if (is(last, "obsolete") || is(last, "remove-on-upgrade"))
			continue;
		if (kan_unhex(sum, sizeof(sum), last))
			o.sum = (struct kan_bytes){sum, sizeof(sum)};
		else if (!is(last, "newconffile"))
			return kan_pkg_malformed(
				r, err, "a configuration file with a checksum that is none");
		break;
	}
	if (v.n < 2 || v.p[0] != '/')
		return kan_pkg_malformed(r, err, "a configuration file without an absolute path");
	o.path = (struct kan_bytes){v.p + 1, v.n - 1};
	return r->on->owned ? r->on->owned(&o, r->on->arg, err) : 0;
}

static int conffiles(struct kan_pkg_reader *r, struct kan_err *err)
{
	struct kan_bytes all = kan_buf_bytes(&r->conffiles);
	while (all.n) {
		const uint8_t *lf = memchr(all.p, '\n', all.n);
		size_t n = lf ? (size_t)(lf - all.p) : all.n;
		struct kan_bytes line = kan_pkg_trim((struct kan_bytes){all.p, n});
		if (line.n && conffile(r, line, err) < 0)
			return -1;
		n += lf ? 1 : 0;
		all = (struct kan_bytes){all.p + n, all.n - n};
	}
	return 0;
}

int kan_pkg_dpkg_stanza_end(struct kan_pkg_reader *r, struct kan_err *err)
{
	if (!r->open)
		return 0;
	struct kan_pkg_about p = {
		.name = kan_buf_bytes(&r->name),
		.arch = kan_buf_bytes(&r->arch),
		.version = kan_buf_bytes(&r->version),
		.state = KAN_LIT("installed"),
	};
	if (!kan_pkg_name_ok(p.name))
		return kan_pkg_malformed(r, err, "a stanza ends here that names no package");
	if (r->db == KAN_PKG_STATUS) {
		struct kan_bytes rest = kan_buf_bytes(&r->status);
		(void)kan_pkg_word(&rest); /* what is wanted */
		(void)kan_pkg_word(&rest); /* ok or reinstreq */
		p.state = kan_pkg_word(&rest);
		if (p.state.n == 0)
			return kan_pkg_malformed(r, err, "a stanza ends here without a status");
	}
	p.installed = in_place(p.state);
	kan_pkg_source(&p, kan_buf_bytes(&r->source));
	int rc = r->on->about ? r->on->about(&p, r->on->arg, err) : 0;
	if (rc == 0)
		rc = conffiles(r, err);
	kan_pkg_stanza_clear(r);
	return rc;
}

static int field(struct kan_pkg_reader *r, struct kan_bytes name, struct kan_bytes value,
		 struct kan_err *err)
{
	const struct {
		const char *name;
		struct kan_buf *to;
	} kept[] = {{"Package", &r->name},
		    {"Status", &r->status},
		    {"Architecture", &r->arch},
		    {"Version", &r->version},
		    {"Source", &r->source}};
	r->in_conffiles = is(name, "Conffiles");
	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
		if (!is(name, kept[i].name))
			continue;
		if (kept[i].to->len)
			return kan_pkg_malformed(r, err, "%s twice in one stanza", kept[i].name);
		return kan_pkg_set(kept[i].to, r, value, err);
	}
	return 0;
}

int kan_pkg_dpkg_stanza(struct kan_pkg_reader *r, struct kan_bytes line, struct kan_err *err)
{
	if (kan_pkg_trim(line).n == 0)
		return kan_pkg_dpkg_stanza_end(r, err);
	if (line.p[0] == ' ' || line.p[0] == '\t') {
		if (!r->open)
			return kan_pkg_malformed(r, err, "a line that goes on from no field");
		if (!r->in_conffiles)
			return 0;
		kan_buf_addb(&r->conffiles, line);
		kan_buf_addc(&r->conffiles, '\n');
		if (r->conffiles.failed)
			return kan_pkg_malformed(r, err, "configuration files of over %d bytes",
						 KAN_PKG_CONFFILES);
		return 0;
	}
	const uint8_t *colon = memchr(line.p, ':', line.n);
	if (!colon || colon == line.p)
		return kan_pkg_malformed(r, err, "a line that is no field");
	r->open = true;
	size_t n = (size_t)(colon - line.p);
	return field(r, (struct kan_bytes){line.p, n},
		     kan_pkg_trim((struct kan_bytes){colon + 1, line.n - n - 1}), err);
}

static int tell(const struct kan_pkg_reader *r, struct kan_pkg_owned *o, struct kan_err *err)
{
	o->package = kan_buf_bytes(&r->package);
	if (o->path.n > KAN_PKG_PATH_MAX)
		return kan_pkg_malformed(r, err, "a path of %zu bytes", o->path.n);
	return r->on->owned ? r->on->owned(o, r->on->arg, err) : 0;
}

int kan_pkg_dpkg_list(struct kan_pkg_reader *r, struct kan_bytes line, struct kan_err *err)
{
	if (line.n == 0)
		return 0;
	if (line.p[0] != '/')
		return kan_pkg_malformed(r, err, "a path that is not absolute");
	if (line.n == 1 || kan_bytes_eq(line, KAN_LIT("/.")))
		return 0;
	struct kan_pkg_owned o = {.path = {line.p + 1, line.n - 1}};
	return tell(r, &o, err);
}

/* "<md5>  usr/bin/ls" */
int kan_pkg_dpkg_md5sums(struct kan_pkg_reader *r, struct kan_bytes line, struct kan_err *err)
{
	enum { HEX = 2 * MD5_SIZE };
	uint8_t sum[MD5_SIZE];
	if (line.n == 0)
		return 0;
	if (line.n < HEX + 3 || !kan_unhex(sum, sizeof(sum), (struct kan_bytes){line.p, HEX}) ||
	    line.p[HEX] != ' ' || (line.p[HEX + 1] != ' ' && line.p[HEX + 1] != '*'))
		return kan_pkg_malformed(r, err, "a line that is no checksum of a path");
	struct kan_pkg_owned o = {.path = {line.p + HEX + 2, line.n - HEX - 2},
				  .sum = {sum, sizeof(sum)}};
	if (kan_bytes_starts(o.path, "./"))
		o.path = (struct kan_bytes){o.path.p + 2, o.path.n - 2};
	while (o.path.n && o.path.p[0] == '/')
		o.path = (struct kan_bytes){o.path.p + 1, o.path.n - 1};
	if (o.path.n == 0)
		return kan_pkg_malformed(r, err, "a checksum without a path");
	return tell(r, &o, err);
}

/* Three lines: from, to, package. */
int kan_pkg_dpkg_diversions(struct kan_pkg_reader *r, struct kan_bytes line, struct kan_err *err)
{
	if (line.n == 0 || (r->turn < 2 && line.p[0] != '/'))
		return kan_pkg_malformed(r, err, "a diversion without an absolute path");
	if (r->turn < 2) {
		struct kan_buf *to = r->turn++ == 0 ? &r->from : &r->to;
		return kan_pkg_set(to, r, (struct kan_bytes){line.p + 1, line.n - 1}, err);
	}
	r->turn = 0;
	return r->on->diverted ? r->on->diverted(kan_buf_bytes(&r->from), kan_buf_bytes(&r->to),
						 line, r->on->arg, err)
			       : 0;
}

int kan_pkg_dpkg_diversions_end(struct kan_pkg_reader *r, struct kan_err *err)
{
	return r->turn ? kan_pkg_malformed(r, err, "a diversion that is cut off") : 0;
}

/* '~' before the end, the end before letters, letters before all else. */
static int rank(struct kan_bytes v, size_t i)
{
	if (i >= v.n || (v.p[i] >= '0' && v.p[i] <= '9'))
		return 0;
	uint8_t c = v.p[i];
	if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'))
		return c;
	return c == '~' ? -1 : c + 256;
}

static bool digit(struct kan_bytes v, size_t i)
{
	return i < v.n && v.p[i] >= '0' && v.p[i] <= '9';
}

static int number_cmp(struct kan_bytes a, size_t *i, struct kan_bytes b, size_t *k)
{
	int first = 0;
	while (*i < a.n && a.p[*i] == '0')
		(*i)++;
	while (*k < b.n && b.p[*k] == '0')
		(*k)++;
	while (digit(a, *i) && digit(b, *k)) {
		if (!first)
			first = a.p[*i] - b.p[*k];
		(*i)++;
		(*k)++;
	}
	if (digit(a, *i) || digit(b, *k))
		return digit(a, *i) ? 1 : -1;
	return first;
}

static int part_cmp(struct kan_bytes a, struct kan_bytes b)
{
	size_t i = 0, k = 0;
	while (i < a.n || k < b.n) {
		while ((i < a.n && !digit(a, i)) || (k < b.n && !digit(b, k))) {
			int x = rank(a, i), y = rank(b, k);
			if (x != y)
				return x - y;
			i += i < a.n && !digit(a, i);
			k += k < b.n && !digit(b, k);
		}
		int numbers = number_cmp(a, &i, b, &k);
		if (numbers)
			return numbers;
	}
	return 0;
}

int kan_pkg_version_cmp(struct kan_bytes a, struct kan_bytes b)
{
	return kan_pkg_version_by(part_cmp, a, b);
}
