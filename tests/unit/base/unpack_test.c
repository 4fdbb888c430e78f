/* Gzip, zstd and plain bytes as plain bytes; bombs end. */
#include "base/unpack.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

enum { IN_MAX = 8 << 20 };

struct source {
	struct kan_bytes left;
};

static ssize_t in(void *arg, const void **p, struct kan_err *err)
{
	struct source *s = arg;
	size_t n = s->left.n < 1000 ? s->left.n : 1000;
	(void)err;
	*p = s->left.p;
	s->left.p += n;
	s->left.n -= n;
	return (ssize_t)n;
}

static int out(struct kan_bytes piece, void *arg, struct kan_err *err)
{
	struct kan_buf *b = arg;
	(void)err;
	kan_buf_addb(b, piece);
	return 0;
}

static int unpack(struct kan_buf *to, struct kan_bytes from, uint64_t max, struct kan_err *err)
{
	struct source s = {from};
	const struct kan_unpack u = {.in = in, .in_arg = &s, .out = out, .out_arg = to, .max = max};
	return kan_unpack(&u, err);
}

static struct kan_buf made(const char *command)
{
	struct kan_buf b = KAN_BUF(IN_MAX);
	char piece[4096];
	FILE *f = popen(command, "r");
	for (size_t n; (n = fread(piece, 1, sizeof(piece), f)) > 0;)
		kan_buf_add(&b, piece, n);
	cr_assert_eq(pclose(f), 0);
	return b;
}

Test(unpack, each_form_comes_out_as_what_went_in)
{
	static const char *const forms[] = {"cat", "gzip -c", "zstd -qc"};
	struct kan_buf plain = made("seq 20000");
	for (size_t i = 0; i < 3; i++) {
		char command[64];
		struct kan_err err = {0};
		struct kan_buf to = KAN_BUF(IN_MAX);
		(void)snprintf(command, sizeof(command), "seq 20000 | %s", forms[i]);
		struct kan_buf from = made(command);
		cr_assert_eq(unpack(&to, kan_buf_bytes(&from), IN_MAX, &err), 0, "%s: %s", forms[i],
			     err.text);
		cr_assert(kan_bytes_eq(kan_buf_bytes(&to), kan_buf_bytes(&plain)), "%s", forms[i]);
		kan_buf_free(&from);
		kan_buf_free(&to);
	}
	kan_buf_free(&plain);
}

Test(unpack, nothing_is_nothing)
{
	struct kan_buf to = KAN_BUF(IN_MAX);
	cr_assert_eq(unpack(&to, (struct kan_bytes){0}, 10, NULL), 0);
	cr_assert_eq(to.len, 0);
}

Test(unpack, what_is_cut_is_told_and_what_is_too_much_stops)
{
	struct kan_buf from = made("head -c 3000000 /dev/zero | gzip -c"), to = KAN_BUF(IN_MAX);
	struct kan_err err = {0};
	cr_assert_lt(unpack(&to, (struct kan_bytes){from.data, from.len - 200}, IN_MAX, &err), 0);
	cr_assert_eq(err.code, KAN_EFORMAT);
	kan_buf_reset(&to);
	cr_assert_lt(unpack(&to, kan_buf_bytes(&from), 1000000, &err), 0);
	cr_assert_eq(err.code, KAN_ELIMIT);
	cr_assert_leq(to.len, 1000000);
	kan_buf_free(&from);
	kan_buf_free(&to);
}

static int drop(struct kan_bytes piece, void *arg, struct kan_err *err)
{
	(void)piece, (void)arg, (void)err;
	return 0;
}

Test(unpack, what_packs_well_is_no_bomb_and_only_what_comes_out_counts)
{
	enum { ZEROS = 300000000 };
	struct kan_buf from = made("head -c 300000000 /dev/zero | zstd -qc");
	for (uint64_t max = ZEROS - 1; max <= ZEROS; max++) {
		struct kan_err err = {0};
		struct source s = {kan_buf_bytes(&from)};
		const struct kan_unpack u = {.in = in, .in_arg = &s, .out = drop, .max = max};
		cr_assert_eq(kan_unpack(&u, &err), max < ZEROS ? -1 : 0, "%s", err.text);
		cr_assert_eq(err.code, max < ZEROS ? KAN_ELIMIT : KAN_OK, "%s", err.text);
	}
	kan_buf_free(&from);
}
