/* /proc/PID/mountinfo: a pure parser. */
#include "kernel/mountinfo.h"

#include <string.h>

enum { FIELDS = 32, NUMBER_DIGITS = 10 };

/* \040 and its like: the kernel escapes space, tab, newline, backslash and # as three octal digits.
 */
static struct kan_bytes decode(struct kan_buf *scratch, struct kan_bytes v)
{
	size_t at = scratch->len;
	for (size_t i = 0; i < v.n; i++) {
		bool octal = v.p[i] == '\\' && i + 3 < v.n && v.p[i + 1] >= '0' &&
			     v.p[i + 1] <= '3' && v.p[i + 2] >= '0' && v.p[i + 2] <= '7' &&
			     v.p[i + 3] >= '0' && v.p[i + 3] <= '7';
		if (octal) {
			kan_buf_addc(scratch, (char)((v.p[i + 1] - '0') << 6 |
						     (v.p[i + 2] - '0') << 3 | (v.p[i + 3] - '0')));
			i += 3;
		} else {
			kan_buf_addc(scratch, (char)v.p[i]);
		}
	}
	return (struct kan_bytes){scratch->data + at, scratch->len - at};
}

static bool number(unsigned *out, struct kan_bytes v)
{
	uint64_t n = 0;
	if (v.n == 0 || v.n > NUMBER_DIGITS)
		return false;
	for (size_t i = 0; i < v.n; i++) {
		if (v.p[i] < '0' || v.p[i] > '9')
			return false;
		n = n * 10 + (uint64_t)(v.p[i] - '0');
	}
	*out = (unsigned)n;
	return n <= 0x7fffffff;
}

static size_t split(struct kan_bytes *out, size_t max, struct kan_bytes line, char by)
{
	size_t n = 0, from = 0;
	for (size_t i = 0; i <= line.n; i++) {
		if (i < line.n && line.p[i] != (uint8_t)by)
			continue;
		if (n == max)
			return max + 1;
		out[n++] = (struct kan_bytes){line.p + from, i - from};
		from = i + 1;
	}
	return n;
}

static bool device(struct kan_mount *m, struct kan_bytes v)
{
	struct kan_bytes half[2];
	return split(half, 2, v, ':') == 2 && number(&m->major, half[0]) &&
	       number(&m->minor, half[1]);
}

/* 36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue */
static bool parse(struct kan_mount *m, struct kan_buf *scratch, struct kan_bytes line)
{
	struct kan_bytes f[FIELDS];
	unsigned id = 0, parent = 0;
	size_t n = split(f, FIELDS, line, ' '), dash = 6;
	n = n < FIELDS ? n : FIELDS; /* the rest is the last one's: options of a file system may
					hold spaces */
	if (n < 10 || !number(&id, f[0]) || !number(&parent, f[1]) || !device(m, f[2]))
		return false;
	while (dash < n && !(f[dash].n == 1 && f[dash].p[0] == '-'))
		dash++;
	if (dash + 3 >= n)
		return false;
	m->id = (int)id;
	m->parent = (int)parent;
	m->options = f[5];
	m->propagation = (struct kan_bytes){
		f[6].p, dash > 6 ? (size_t)(f[dash - 1].p + f[dash - 1].n - f[6].p) : 0};
	m->fstype = f[dash + 1];
	/* The buffer may move while it grows: make room for all first. */
	kan_buf_reset(scratch);
	kan_buf_add(scratch, line.p, line.n);
	scratch->len = 0;
	m->root = decode(scratch, f[3]);
	m->point = decode(scratch, f[4]);
	m->source = decode(scratch, f[dash + 2]);
	m->super = (struct kan_bytes){f[dash + 3].p, (size_t)(line.p + line.n - f[dash + 3].p)};
	return !scratch->failed;
}

int kan_mountinfo_each(struct kan_bytes text, kan_mount_fn *fn, void *arg, struct kan_err *err)
{
	kan_auto_buf struct kan_buf scratch = KAN_BUF(KAN_MOUNTINFO_MAX);
	unsigned lines = 0;
	while (text.n) {
		const uint8_t *end = memchr(text.p, '\n', text.n);
		struct kan_bytes line = {text.p, end ? (size_t)(end - text.p) : text.n};
		text.n -= line.n + (end ? 1 : 0);
		text.p += line.n + (end ? 1 : 0);
		if (++lines > KAN_MOUNTINFO_LINES)
			return kan_fail(err, KAN_ELIMIT, "mountinfo: more than %d lines",
					KAN_MOUNTINFO_LINES);
		struct kan_mount m = {0};
		if (!parse(&m, &scratch, line))
			return kan_fail(err, KAN_EFORMAT, "mountinfo: line %u is malformed", lines);
		int rc = fn(&m, arg, err);
		if (rc != 0)
			return rc < 0 ? -1 : 0;
	}
	return 0;
}

/* A comma in a value is written \054 (seq_show_option, since Linux 4.2): a bare one ends it. */
static size_t option_end(struct kan_bytes v, size_t from)
{
	const uint8_t *end = memchr(v.p + from, ',', v.n - from);
	return end ? (size_t)(end - v.p) : v.n;
}

/* Overlay takes a comma inside a path as "\," and a backslash as "\\". */
static void unescape(struct kan_buf *out, struct kan_bytes v)
{
	for (size_t i = 0; i < v.n; i++) {
		i += v.p[i] == '\\' && i + 1 < v.n && (v.p[i + 1] == ',' || v.p[i + 1] == '\\');
		kan_buf_addc(out, (char)v.p[i]);
	}
}

/* The next one with that key, from *at on; *at: behind it. Its value is empty when it has none. */
static bool next_option(struct kan_bytes *value, size_t *at, struct kan_bytes options,
			const char *key)
{
	size_t n = strlen(key);
	while (*at < options.n) {
		size_t end = option_end(options, *at);
		struct kan_bytes one = {options.p + *at, end - *at};
		*at = end + 1;
		if (!kan_bytes_starts(one, key) || (one.n > n && one.p[n] != '='))
			continue;
		*value = one.n > n + 1 ? (struct kan_bytes){one.p + n + 1, one.n - n - 1}
				       : (struct kan_bytes){0};
		return true;
	}
	return false;
}

static bool add_value(struct kan_buf *out, struct kan_bytes value)
{
	if (value.n == 0)
		return true;
	kan_auto_buf struct kan_buf plain = KAN_BUF(value.n);
	unescape(out, decode(&plain, value));
	return !out->failed;
}

bool kan_mount_option(struct kan_buf *out, struct kan_bytes options, const char *key)
{
	size_t at = 0;
	struct kan_bytes value;
	return next_option(&value, &at, options, key) && add_value(out, value);
}

bool kan_mount_options(struct kan_buf *out, struct kan_bytes options, const char *key)
{
	size_t at = 0, found = 0;
	struct kan_bytes value;
	while (next_option(&value, &at, options, key)) {
		if (found++)
			kan_buf_addc(out, ':');
		if (!add_value(out, value))
			return false;
	}
	return found && !out->failed;
}
