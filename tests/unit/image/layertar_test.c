/* Tars pushed in: made by tools of others, in pieces of every size; and names, headers and sizes
 * that lie. */
#include "image/layertar.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "image/layername.h"
#include "image/xattrs.h"

enum { TAR_MAX = 4 << 20 };

struct seen {
	struct kan_buf text; /* a line a member */
	uint64_t octets;
	unsigned ends;
};

static int member(const struct kan_layer_member *m, void *arg, struct kan_err *err)
{
	struct seen *s = arg;
	struct kan_xattr x;
	struct kan_bytes left = m->xattrs;
	(void)err;
	kan_buf_addb(&s->text, m->path);
	kan_buf_addf(&s->text, " %o %llu:%llu %llu %lld", m->mode, (unsigned long long)m->uid,
		     (unsigned long long)m->gid, (unsigned long long)m->size,
		     (long long)m->mtime_ns);
	if (m->link.n) {
		kan_buf_adds(&s->text, m->hardlink ? " = " : " -> ");
		kan_buf_addb(&s->text, m->link);
	}
	if (S_ISCHR(m->mode))
		kan_buf_addf(&s->text, " %u,%u", m->major, m->minor);
	while (kan_xattrs_next(&x, &left)) {
		kan_buf_addc(&s->text, ' ');
		kan_buf_addb(&s->text, x.name);
		kan_buf_addf(&s->text, "=%zu", x.value.n);
	}
	kan_buf_addc(&s->text, '\n');
	return 0;
}

static int data(struct kan_bytes piece, void *arg, struct kan_err *err)
{
	struct seen *s = arg;
	(void)err;
	s->octets += piece.n;
	return 0;
}

static int end(void *arg, struct kan_err *err)
{
	struct seen *s = arg;
	(void)err;
	s->ends++;
	return 0;
}

static int read_in(struct seen *s, struct kan_bytes tar, size_t step, struct kan_err *err)
{
	const struct kan_layertar_visit v = {member, data, end, s};
	struct kan_layertar *t = kan_layertar_new(&v);
	int rc = 0;
	*s = (struct seen){.text = KAN_BUF(TAR_MAX)};
	while (rc == 0 && tar.n) {
		size_t n = tar.n < step ? tar.n : step;
		rc = kan_layertar_feed(t, (struct kan_bytes){tar.p, n}, err);
		tar.p += n;
		tar.n -= n;
	}
	if (rc == 0)
		rc = kan_layertar_finish(t, err);
	kan_layertar_free(t);
	return rc;
}

static struct kan_buf made(const char *command)
{
	struct kan_buf out = KAN_BUF(TAR_MAX);
	char piece[4096];
	FILE *f = popen(command, "r");
	cr_assert_not_null(f);
	for (size_t n; (n = fread(piece, 1, sizeof(piece), f)) > 0;)
		kan_buf_add(&out, piece, n);
	cr_assert_eq(pclose(f), 0, "%s", command);
	return out;
}

static const char python[] =
	"python3 -c \"\n"
	"import io, sys, tarfile\n"
	"t = tarfile.open(fileobj=sys.stdout.buffer, mode='w|', format=getattr(tarfile, '%s'))\n"
	"def add(name, **k):\n"
	"    i = tarfile.TarInfo(name)\n"
	"    body = k.pop('body', b'')\n"
	"    i.size = len(body)\n"
	"    for key, value in k.items(): setattr(i, key, value)\n"
	"    t.addfile(i, io.BytesIO(body))\n"
	"add('d/', type=b'5', mode=0o1777, mtime=5)\n"
	"add('d/f', body=b'x' * 1000, mode=0o4755, uid=7, gid=3000000, mtime=1700000000)\n"
	"add('d/' + 'n' * 150, body=b'y', type=b'0')\n"
	"add('l', type=b'2', linkname='t' * 130)\n"
	"add('h', type=b'1', linkname='d/f')\n"
	"add('c', type=b'3', devmajor=1, devminor=3)\n"
	"t.close()\"";

Test(layertar, what_other_tools_write_is_read_alike_in_pieces_of_any_size)
{
	static const char *const formats[] = {"PAX_FORMAT", "GNU_FORMAT"};
	static const size_t steps[] = {1, 7, 511, 512, 513, 100000};
	char command[2048], expected[1024], n[151], to[131];
	memset(n, 'n', 150);
	memset(to, 't', 130);
	n[150] = to[130] = 0;
	(void)snprintf(expected, sizeof(expected),
		       "d/ 41777 0:0 0 5000000000\nd/f 104755 7:3000000 1000 1700000000000000000\n"
		       "d/%s 100644 0:0 1 0\nl 120644 0:0 0 0 -> %s\nh 644 0:0 0 0 = d/f\n"
		       "c 20644 0:0 0 0 1,3\n",
		       n, to);
	for (size_t i = 0; i < 2; i++) {
		char line[2048];
		(void)snprintf(line, sizeof(line), "%s", python);
		char *at = strstr(line, "%s");
		(void)snprintf(command, sizeof(command), "%.*s%s%s", (int)(at - line), line,
			       formats[i], at + 2);
		struct kan_buf tar = made(command);
		for (size_t k = 0; k < sizeof(steps) / sizeof(steps[0]); k++) {
			struct seen s;
			struct kan_err err = {0};
			cr_assert_eq(read_in(&s, kan_buf_bytes(&tar), steps[k], &err), 0, "%s",
				     err.text);
			char *text = strdup(kan_buf_str(&s.text));
			/* Python writes a directory without its slash into what GNU has no room
			 * for. */
			cr_assert_str_eq(text, expected, "%s, %zu: %s", formats[i], steps[k], text);
			cr_assert_eq(s.octets, 1001);
			cr_assert_eq(s.ends, 6);
			free(text);
			kan_buf_free(&s.text);
		}
		kan_buf_free(&tar);
	}
}

/* A header of the test's own. */
static void header(struct kan_buf *out, const char *name, char type, const char *size)
{
	char block[512] = {0};
	unsigned sum = 0;
	memcpy(block, name, strlen(name));
	memcpy(block + 100, "0000644", 8);
	memcpy(block + 108, "0000000", 8);
	memcpy(block + 116, "0000000", 8);
	memcpy(block + 124, size, strlen(size));
	memcpy(block + 136, "00000000000", 12);
	memset(block + 148, ' ', 8);
	block[156] = type;
	memcpy(block + 257,
	       "ustar\0"
	       "00",
	       8);
	for (size_t i = 0; i < sizeof(block); i++)
		sum += (unsigned char)block[i];
	(void)snprintf(block + 148, 8, "%06o", sum);
	kan_buf_add(out, block, sizeof(block));
}

static void padded(struct kan_buf *out, const char *text)
{
	static const char zeros[512];
	kan_buf_adds(out, text);
	kan_buf_add(out, zeros, (512 - strlen(text) % 512) % 512);
}

static enum kan_code code_of(const struct kan_buf *tar)
{
	struct seen s;
	struct kan_err err = {0};
	int rc = read_in(&s, kan_buf_bytes(tar), 100, &err);
	kan_buf_free(&s.text);
	return rc == 0 ? KAN_OK : err.code;
}

Test(layertar, headers_that_lie_are_refused)
{
	static const struct {
		const char *size, *meta; /* of a pax header before it */
		char type;
		enum kan_code code;
	} cases[] = {
		{"00000000000", NULL, '0', KAN_OK},
		{"00000000000", "11 path=ab\n", '0', KAN_OK},
		{"77777777777", NULL, '0', KAN_EFORMAT}, /* ends within it */
		{"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", NULL, '0', KAN_EFORMAT},
		{"0000000000x", NULL, '0', KAN_EFORMAT},
		{"00000000000", NULL, 'S', KAN_EUNSUPPORTED},
		{"00000000000", "99 path=ab\n", '0', KAN_EFORMAT},
		{"00000000000", "11 path=abc", '0', KAN_EFORMAT},
		{"00000000000", "path=ab\n", '0', KAN_EFORMAT},
		{"00000000000", "8 pathab\n", '0', KAN_EFORMAT},
		{"00000000000", "3 \n", '0', KAN_EFORMAT},
		{"00000000000", "0 path=ab\n", '0', KAN_EFORMAT},
		{"00000000000", "29 size=18446744073709551615\n", '0', KAN_EFORMAT},
		{"00000000000", "30 size=184467440737095516150\n", '0', KAN_EFORMAT},
		{"00000000000", "11 size=-1\n", '0', KAN_EFORMAT},
		{"00000000000", "22 GNU.sparse.major=1\n", '0', KAN_EUNSUPPORTED},
		{"00000000000", "13 mtime=1.x\n", '0', KAN_EFORMAT},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct kan_buf tar = KAN_BUF(TAR_MAX);
		char size[24];
		if (cases[i].meta) {
			(void)snprintf(size, sizeof(size), "%011zo", strlen(cases[i].meta));
			header(&tar, "x", 'x', size);
			padded(&tar, cases[i].meta);
		}
		header(&tar, "f", cases[i].type, cases[i].size);
		cr_assert_eq(code_of(&tar), cases[i].code, "case %zu: %d", i, code_of(&tar));
		kan_buf_free(&tar);
	}
}

Test(layertar, a_wrong_checksum_a_cut_archive_and_a_header_behind_the_end_are_refused)
{
	struct kan_buf tar = KAN_BUF(TAR_MAX);
	header(&tar, "f", '0', "00000000000");
	cr_assert_eq(code_of(&tar), KAN_OK);
	tar.data[0] ^= 1;
	cr_assert_eq(code_of(&tar), KAN_EFORMAT);
	tar.data[0] ^= 1;
	tar.len -= 1;
	cr_assert_eq(code_of(&tar), KAN_EFORMAT);
	tar.len += 1;
	kan_buf_add(&tar, (const char[512]){0}, 512);
	cr_assert_eq(code_of(&tar), KAN_OK);
	header(&tar, "g", '0', "00000000000");
	cr_assert_eq(code_of(&tar), KAN_EFORMAT);
	kan_buf_free(&tar);
}

Test(layertar, an_extended_header_without_end_is_bounded)
{
	struct kan_buf tar = KAN_BUF(TAR_MAX);
	header(&tar, "x", 'x', "77777777777");
	cr_assert_eq(code_of(&tar), KAN_ELIMIT);
	kan_buf_free(&tar);
}

Test(layertar, names_are_cleaned_told_apart_and_never_lead_out)
{
	static const struct {
		struct kan_bytes name;
		const char *path;
		enum kan_layer_name kind;
	} cases[] = {
		{KAN_LIT("a/b"), "/a/b", KAN_LAYER_NAME_ENTRY},
		{KAN_LIT("./a//b/"), "/a/b", KAN_LAYER_NAME_ENTRY},
		{KAN_LIT("/etc/passwd"), "/etc/passwd", KAN_LAYER_NAME_ENTRY},
		{KAN_LIT("./"), "/", KAN_LAYER_NAME_ENTRY},
		{KAN_LIT(""), "/", KAN_LAYER_NAME_ENTRY},
		{KAN_LIT("a/.wh.b"), "/a/b", KAN_LAYER_NAME_WHITEOUT},
		{KAN_LIT(".wh.b"), "/b", KAN_LAYER_NAME_WHITEOUT},
		{KAN_LIT("a/.wh..wh..opq"), "/a", KAN_LAYER_NAME_OPAQUE},
		{KAN_LIT(".wh..wh..opq"), "/", KAN_LAYER_NAME_OPAQUE},
		{KAN_LIT("a/.whb"), "/a/.whb", KAN_LAYER_NAME_ENTRY},
		{KAN_LIT("..a/b.."), "/..a/b..", KAN_LAYER_NAME_ENTRY},
		{KAN_LIT("../etc"), NULL, KAN_LAYER_NAME_BAD},
		{KAN_LIT("a/../../b"), NULL, KAN_LAYER_NAME_BAD},
		{KAN_LIT("a/.."), NULL, KAN_LAYER_NAME_BAD},
		{KAN_LIT("a/.wh."), NULL, KAN_LAYER_NAME_BAD},
		{KAN_LIT("a/.wh..."), NULL, KAN_LAYER_NAME_BAD},
		{KAN_LIT("a/.wh.."), NULL, KAN_LAYER_NAME_BAD},
		{KAN_LIT("a\0b"), NULL, KAN_LAYER_NAME_BAD},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		kan_auto_buf struct kan_buf path = KAN_BUF(64);
		cr_assert_eq(kan_layer_name(&path, cases[i].name), cases[i].kind, "%zu", i);
		if (cases[i].path)
			cr_assert_str_eq(kan_buf_str(&path), cases[i].path, "%zu", i);
	}
}
