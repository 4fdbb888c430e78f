/* Reading once: sizes, holes, files that move under the reader. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <kanshiki/collector.h>
#include <kanshiki/sink.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "image/links.h"
#include "image/take.h"
#include "world.h"

extern const struct kan_collector kan_collector_filesystem;

static void sha(struct world *w, const json_t *r, const char *file)
{
	char *want = world_line(w, "sha256sum '%s'", file);
	want[64] = 0;
	cr_assert_str_eq(world_str(r, "sha256"), want, "%s", file);
	free(want);
}

Test(take, sizes_around_every_buffer_are_exact)
{
	static const int sizes[] = {0,      1,      4095,   4096,    4097,
				    262143, 262144, 262145, 1048577, 5000000};
	struct world *w = world_new(1);
	world_mount(w, "");
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		world_sh(w, "head -c %d /dev/urandom >m/f%d", sizes[i], sizes[i]);
	cr_assert_eq(world_collect(w, &kan_collector_filesystem), 0);
	json_t *rows = world_rows(w, "changes.ndjson");
	world_sh(w, "mkdir x; tar -xf bundle/data/filesystem/upper.tar -C x");
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		char path[32], file[32];
		(void)snprintf(path, sizeof(path), "/f%d", sizes[i]);
		(void)snprintf(file, sizeof(file), "upper/f%d", sizes[i]);
		sha(w, world_row(rows, path), file);
		world_sh(w, "cmp x/f%d upper/f%d", sizes[i], sizes[i]);
	}
	cr_assert_eq(w->n_gaps, 0);
	json_decref(rows);
	world_free(w);
}

Test(take, a_sparse_file_stays_sparse_and_has_its_whole_digest)
{
	struct world *w = world_new(1);
	world_mount(w, "");
	world_sh(w, "truncate -s 200M m/s; printf begin | dd of=m/s conv=notrunc status=none;"
		    "head -c 300000 /dev/urandom | dd of=m/s bs=1M seek=100 conv=notrunc "
		    "status=none; truncate -s 10M m/hole");
	cr_assert_eq(world_collect(w, &kan_collector_filesystem), 0);
	json_t *rows = world_rows(w, "changes.ndjson");
	sha(w, world_row(rows, "/s"), "upper/s");
	sha(w, world_row(rows, "/hole"), "upper/hole");
	world_sh(w, "mkdir x; tar -xf bundle/data/filesystem/upper.tar -C x; cmp x/s upper/s; cmp "
		    "x/hole upper/hole;"
		    "[ $(stat -c %%s bundle/data/filesystem/upper.tar) -lt 700000 ]");
	json_decref(rows);
	world_free(w);
}

Test(take, holes_beyond_what_can_be_hashed_are_said)
{
	struct world *w = world_new(1);
	world_mount(w, "");
	world_sh(w, "truncate -s 100G m/s; printf data | dd of=m/s bs=1 seek=$((50<<30)) "
		    "conv=notrunc status=none");
	cr_assert_eq(world_collect(w, &kan_collector_filesystem), 0);
	json_t *rows = world_rows(w, "changes.ndjson");
	const json_t *r = world_row(rows, "/s");
	cr_assert_str_eq(world_str(r, "sha256_of"), "extents");
	char *want = world_line(
		w, "python3 -c \"import hashlib,struct;h=hashlib.sha256();"
		   "h.update(struct.pack('>QQ',50<<30,4096));h.update(b'data'+bytes(4092));"
		   "h.update(struct.pack('>Q',100<<30));print(h.hexdigest())\"");
	cr_assert_str_eq(world_str(r, "sha256"), want);
	cr_assert_not_null(world_gap(w, "/s", KAN_GAP_LIMIT));
	world_sh(w, "[ $(stat -c %%s bundle/data/filesystem/upper.tar) -lt 100000 ]");
	free(want);
	json_decref(rows);
	world_free(w);
}

enum { NAMES = 100000, PAIRS = 70000 };

/* A filesystem in memory: so many names take minutes on a disk that others use, too. */
static struct world *in_memory(void)
{
	struct world *w = world_new(1);
	cr_assert_eq(unshare(CLONE_NEWNS), 0, "root is needed");
	cr_assert_eq(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	cr_assert_eq(mount("t", w->top, "tmpfs", 0, NULL), 0);
	world_sh(w, "mkdir l0 upper work m bundle");
	return w;
}

Test(take, names_and_hard_links_beyond_every_table_are_told_each, .timeout = 220)
{
	struct world *w = in_memory();
	world_sh(w,
		 "cd upper; mkdir many a b; python3 -c \"\n"
		 "import os\n"
		 "for i in range(%d): open(f'many/{i}', 'w')\n"
		 "for i in range(%d):\n"
		 "  open(f'a/{i}', 'w').write(f'{i}')\n"
		 "  os.link(f'a/{i}', f'b/{i}')\n\"",
		 NAMES, PAIRS);
	world_mount(w, "");
	cr_assert_eq(world_collect(w, &kan_collector_filesystem), 0);
	world_sh(w,
		 "python3 -c \"\n"
		 "import hashlib, json\n"
		 "rows = [json.loads(l) for l in open('bundle/data/filesystem/changes.ndjson')]\n"
		 "rows = {r['path']: r for r in rows if 'path' in r}\n"
		 "assert all(f'/many/{i}' in rows for i in range(%d))\n"
		 "linked = 0\n"
		 "for i in range(%d):\n"
		 "  pair = [rows[f'/{d}/{i}'] for d in 'ab']\n"
		 "  want = hashlib.sha256(str(i).encode()).hexdigest()\n"
		 "  assert {r['sha256'] for r in pair} == {want}, pair\n"
		 "  linked += any('hardlink_to' in r for r in pair)\n"
		 "assert linked == %d, linked\n\"",
		 NAMES, PAIRS, KAN_LINKS_MAX);
	cr_assert_eq(w->n_gaps, 1, "what lies beyond the table is read twice, and said once");
	cr_assert_not_null(world_gap(w, "hard links", KAN_GAP_LIMIT));
	(void)umount2(w->merged, MNT_DETACH);
	(void)umount2(w->top, MNT_DETACH);
	world_free(w);
}

struct seen {
	struct kan_reader_counts counts;
	uint64_t content;
	int fd;
	const char *moves;
	void (*move)(
		int fd); /* of an open file: what happens to it between its stat and its read */
};

static enum kan_want move_it(const struct kan_file *f, void *arg)
{
	struct seen *s = arg;
	if (kan_bytes_eq(f->name, kan_bytes_of(s->moves))) {
		int fd = openat(s->fd, s->moves, O_RDWR | O_CLOEXEC);
		s->move(fd);
		(void)close(fd);
	}
	return KAN_WANT_STORE;
}

static void grow(int fd)
{
	(void)!pwrite(fd, "more", 4, lseek(fd, 0, SEEK_END));
}

static void shrink(int fd)
{
	(void)!ftruncate(fd, 3);
}

/* Of the same size and content: its times alone tell. */
static void rewrite(int fd)
{
	char c = 0;
	(void)!pread(fd, &c, 1, 0);
	(void)!pwrite(fd, &c, 1, 0);
}

static int count_row(const struct kan_file *f, const char *stored, void *arg, struct kan_err *err)
{
	struct seen *s = arg;
	(void)err;
	(void)stored;
	if (kan_file_is(f, S_IFREG))
		s->content += f->st.stx_size;
	if (kan_bytes_eq(f->name, kan_bytes_of(s->moves)))
		cr_assert_not(f->stable);
	else if (kan_file_is(f, S_IFREG))
		cr_assert(f->stable);
	return 0;
}

static struct world *now;
static struct seen seen;

static int take_now(const struct kan_target *t, struct kan_sink *sink, struct kan_err *err)
{
	struct kan_tarfile tar = {0};
	struct kan_take k = {.sink = sink,
			     .reader = {.root_fd = t->upper_fd, .want = move_it, .arg = &seen},
			     .tar = &tar,
			     .row = count_row,
			     .arg = &seen};
	if (kan_tarfile_open(&tar, sink, "t.tar", err) < 0 || kan_take_tree(&k, err) < 0)
		return -1;
	seen.counts = k.counts;
	return kan_tarfile_close(&tar, err);
}

Test(take, a_file_that_grows_keeps_the_tar_whole_and_every_byte_is_read_once)
{
	static const struct kan_collector taker = {.name = "taker", .collect = take_now};
	now = world_new(1);
	world_mount(now, "");
	world_sh(now, "mkdir m/d; for i in $(seq 50); do head -c $((i*7777)) /dev/zero >m/d/$i; "
		      "done; ln m/d/9 m/nine;"
		      "echo grow >m/grow; rm m/nine");
	seen = (struct seen){.fd = now->target.upper_fd, .moves = "grow", .move = grow};
	cr_assert_eq(world_collect(now, &taker), 0);
	cr_assert_eq(seen.counts.octets, seen.content, "bytes read are bytes of content");
	cr_assert_not_null(world_gap(now, "/grow", KAN_GAP_CHANGED));
	world_sh(now, "[ $(tar -xOf bundle/data/taker/t.tar grow) = grow ]; tar -tf "
		      "bundle/data/taker/t.tar >/dev/null");
	world_free(now);
}

/* A file of two reads and a bit, in the middle of others; what of it the tar has, in bytes. */
static void taken_while_it(void (*move)(int fd), const char *check)
{
	static const struct kan_collector taker = {.name = "taker", .collect = take_now};
	now = world_new(1);
	world_mount(now, "");
	world_sh(now, "echo first >m/a; head -c 600000 /dev/urandom >m/it; echo last >m/z;"
		      "cp -p m/it was; sleep 0.02"); /* so that the clock of times has moved on */
	seen = (struct seen){.fd = now->target.upper_fd, .moves = "it", .move = move};
	cr_assert_eq(world_collect(now, &taker), 0);
	cr_assert_not_null(world_gap(now, "/it", KAN_GAP_CHANGED));
	cr_assert_eq(now->n_gaps, 1);
	world_sh(now,
		 "mkdir x; tar -xf bundle/data/taker/t.tar -C x; [ $(cat x/a x/z | tr '\\n' -) "
		 "= first-last- ]; %s",
		 check);
	world_free(now);
}

Test(take, a_file_that_shrinks_keeps_its_place_in_the_tar_and_what_was_read_of_it)
{
	taken_while_it(shrink, "[ $(stat -c %s x/it) = 600000 ]; cmp -n 3 x/it was;"
			       "cmp -n 599997 <(tail -c +4 x/it) /dev/zero");
}

Test(take, a_file_that_is_written_in_place_is_not_called_stable)
{
	taken_while_it(rewrite, "cmp x/it was");
}
