/* smaps in pieces of every size: the same mappings, with their flags. */
#include <criterion/criterion.h>
#include <string.h>

#include "kernel/smaps.h"

static const char text[] =
	"00400000-00452000 r-xp 00000000 08:02 173521                     /usr/bin/a b\n"
	"Size:                328 kB\n"
	"Rss:                 300 kB\n"
	"VmFlags: rd ex mr mw me sd \n"
	"7f0000001000-7f0000003000 rw-s 00002000 00:05 44                 /dev/fb0\n"
	"Rss:                   0 kB\n"
	"VmFlags: rd wr sh mr mw me ms pf io de dd sd \n"
	"7f0000005000-7f0000006000 rw-p 00000000 00:00 0 \n"
	"SomethingOfALaterKernel: 3\n"
	"VmFlags: rd wr mr mw me ac piof ioX sd \n"
	"7ffd00000000-7ffd00021000 rw-p 00000000 00:00 0                  [stack]\n";

struct seen {
	size_t n;
	struct kan_smap v[8];
	char paths[8][32];
};

static int on_map(const struct kan_smap *m, void *arg, struct kan_err *err)
{
	struct seen *s = arg;
	(void)err;
	cr_assert_lt(s->n, 8);
	s->v[s->n] = *m;
	memcpy(s->paths[s->n], m->map.path.p, m->map.path.n);
	s->n++;
	return 0;
}

/* Without the paths, for those that are too long for a struct seen. */
struct longer {
	size_t n;
	struct {
		uint64_t start;
		bool cut, flags_known;
	} v[4];
};

static int note(const struct kan_smap *m, void *arg, struct kan_err *err)
{
	struct longer *s = arg;
	(void)err;
	cr_assert_lt(s->n, 4);
	s->v[s->n].start = m->map.start;
	s->v[s->n].cut = m->cut;
	s->v[s->n++].flags_known = m->flags_known;
	return 0;
}

static int feed(struct kan_smaps *p, const char *what, size_t piece, struct kan_err *err)
{
	size_t n = strlen(what);
	int rc = 0;
	for (size_t i = 0; i < n && rc == 0; i += piece)
		rc = kan_smaps_add(p,
				   (struct kan_bytes){(const uint8_t *)what + i,
						      n - i < piece ? n - i : piece},
				   err);
	if (rc == 0)
		rc = kan_smaps_end(p, err);
	kan_smaps_free(p);
	return rc;
}

static int measure(struct longer *s, const char *what, size_t piece)
{
	struct kan_smaps p = KAN_SMAPS(note, s);
	return feed(&p, what, piece, NULL);
}

static int parse(struct seen *s, const char *what, size_t piece, struct kan_err *err)
{
	struct kan_smaps p = KAN_SMAPS(on_map, s);
	return feed(&p, what, piece, err);
}

Test(smaps, each_mapping_comes_once_with_its_path_whatever_the_pieces)
{
	for (size_t piece = 1; piece < sizeof(text); piece++) {
		struct seen s = {0};
		cr_assert_eq(parse(&s, text, piece, NULL), 0);
		cr_assert_eq(s.n, 4, "%zu octets a piece", piece);
		cr_assert_str_eq(s.paths[0], "/usr/bin/a b");
		cr_assert_str_eq(s.paths[1], "/dev/fb0");
		cr_assert_str_eq(s.paths[3], "[stack]");
		cr_assert(s.v[1].map.start == 0x7f0000001000 && s.v[1].map.offset == 0x2000);
		cr_assert_str_eq(s.v[1].map.perms, "rw-s");
	}
}

Test(smaps, memory_of_a_device_is_told_by_its_flags_and_by_no_other_word)
{
	struct seen s = {0};
	cr_assert_eq(parse(&s, text, 64, NULL), 0);
	cr_assert(!s.v[0].device && s.v[1].device);
	cr_assert(s.v[2].flags_known && !s.v[2].device, "piof and ioX are other words");
}

Test(smaps, a_mapping_without_flags_is_told_as_not_known)
{
	struct seen s = {0};
	cr_assert_eq(parse(&s, text, 64, NULL), 0);
	cr_assert(s.v[0].flags_known && !s.v[3].flags_known);
}

Test(smaps, a_line_that_is_none_of_the_kernels_is_refused)
{
	static const char *const bad[] = {"Rss: 4 kB\n", "nonsense\n", "\n",
					  "00400000-00452000 rwxp 0 08:02 1 /a\nVmFlags: rd\n\n"};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct kan_err err = {0};
		struct seen s = {0};
		cr_expect_eq(parse(&s, bad[i], 7, &err), -1, "%s", bad[i]);
		cr_expect_eq(err.code, KAN_EFORMAT);
	}
}

Test(smaps, a_line_without_end_does_not_grow_without_end)
{
	struct kan_err err = {0};
	struct seen s = {0};
	static char endless[3 * KAN_SMAPS_LINE];
	memset(endless, 'a', sizeof(endless) - 2);
	endless[sizeof(endless) - 2] = '\n';
	cr_assert_eq(parse(&s, endless, 1000, &err), -1);
	cr_assert_eq(err.code, KAN_EFORMAT);
}

Test(smaps, a_mapping_whose_path_is_longer_than_a_line_is_there_and_so_are_those_behind_it)
{
	static char endless[3 * KAN_SMAPS_LINE];
	static const char head[] = "00400000-00452000 rw-p 00000000 08:02 7 /",
			  tail[] =
				  "\nVmFlags: rd wr\n"
				  "7f0000005000-7f0000006000 rw-p 00000000 00:00 0 \nVmFlags: rd\n";
	memset(endless, 'a', sizeof(endless));
	memcpy(endless, head, sizeof(head) - 1);
	memcpy(endless + sizeof(endless) - sizeof(tail), tail, sizeof(tail));
	for (size_t piece = 1; piece < sizeof(endless); piece = piece * 7 + 1) {
		struct longer s = {0};
		cr_assert_eq(measure(&s, endless, piece), 0);
		cr_assert_eq(s.n, 2);
		cr_assert(s.v[0].start == 0x400000 && s.v[0].cut && s.v[0].flags_known);
		cr_assert(s.v[1].start == 0x7f0000005000 && !s.v[1].cut && s.v[1].flags_known);
	}
}
