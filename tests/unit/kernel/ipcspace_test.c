/* IPC namespaces of subjects: what is in each, read from outside. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <mqueue.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mount.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernel/bounded.h"
#include "kernel/ipcspace.h"
#include "subjects.h"

static struct subjects *s;
static struct kan_ipcspaces list;
static struct kan_ipcspaces_ask ask;
static unsigned stuck_calls, blocked;

static bool frozen(const void *arg)
{
	(void)arg;
	return true;
}

static void stuck(void *arg)
{
	(void)arg;
	stuck_calls++;
}

static void setup(void)
{
	s = subjects_new();
	list = (struct kan_ipcspaces){0};
	ask = (struct kan_ipcspaces_ask){.proc_fd = s->proc_fd,
					 .worker = kan_bounded_new(),
					 .blocked = &blocked,
					 .frozen = frozen,
					 .stuck = stuck,
					 .init_dir = s->init_dir,
					 .init_root = s->root_fd};
}

static void teardown(void)
{
	kan_ipcspaces_free(&list);
	kan_bounded_free(ask.worker);
	subjects_free(s);
}

TestSuite(ipcspace, .init = setup, .fini = teardown);

static int add(pid_t pid)
{
	char path[32];
	struct kan_err err = {0};
	(void)snprintf(path, sizeof(path), "%d", (int)pid);
	kan_auto_close int dir = openat(s->proc_fd, path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return kan_ipcspaces_add(&list, &ask, dir, &err);
}

static struct kan_ipcspace *space_of(pid_t pid)
{
	char path[32];
	struct stat st;
	(void)snprintf(path, sizeof(path), "%d/ns/ipc", (int)pid);
	cr_assert_eq(fstatat(s->proc_fd, path, &st, 0), 0);
	for (size_t i = 0; i < list.n; i++)
		if (list.v[i]->ino == st.st_ino)
			return list.v[i];
	cr_assert_fail("no namespace of %d", (int)pid);
	return NULL;
}

/* A namespace with one segment; word: octets. */
static void with_segment(const char *word)
{
	if (unshare(CLONE_NEWIPC) < 0 ||
	    shmget(0x4b, strtoul(word, NULL, 10), 0600 | IPC_CREAT) < 0)
		_exit(1);
	subject_wait(word);
}

/* And one with a queue that an mqueue mount of its own shows. */
static void with_mount_and_queue(const char *word)
{
	struct mq_attr a = {.mq_maxmsg = 4, .mq_msgsize = 32};
	if (unshare(CLONE_NEWIPC | CLONE_NEWNS) < 0 ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("mqueue", "/mnt", "mqueue", 0, NULL) < 0)
		_exit(1);
	mqd_t q = mq_open(word, O_CREAT | O_RDWR, 0600, &a);
	if (q < 0 || mq_send(q, "abc", 3, 0) < 0)
		_exit(1);
}

static void with_queue(const char *word)
{
	with_mount_and_queue(word);
	subject_wait(word);
}

static int note(const struct kan_sysv *o, void *arg, struct kan_err *err)
{
	(void)err;
	*(struct kan_sysv *)arg = *o;
	return 0;
}

Test(ipcspace, each_is_entered_once_and_shows_its_own_objects)
{
	struct kan_sysv o = {0}, other = {0};
	pid_t a = subject(s, with_segment, "12288"), b = subject(s, with_segment, "8192");
	cr_assert(add(a) == 0 && add(b) == 0 && add(a) == 0);
	cr_assert_eq(list.n, 2);
	for (size_t i = 0; i < list.n; i++)
		kan_ipcspace_read(list.v[i], &ask);
	struct kan_ipcspace *of_a = space_of(a), *of_b = space_of(b);
	cr_assert_eq(kan_sysv_each(kan_buf_bytes(&of_a->text[KAN_SYSV_SHM]), KAN_SYSV_SHM, note, &o,
				   NULL),
		     0);
	cr_assert_eq(kan_sysv_each(kan_buf_bytes(&of_b->text[KAN_SYSV_SHM]), KAN_SYSV_SHM, note,
				   &other, NULL),
		     0);
	cr_assert(o.key == 0x4b && o.v[0] == 12288, "size");
	cr_assert(other.key == 0x4b && other.v[0] == 8192, "size");
	cr_assert_eq(o.v[1], (uint64_t)a, "who made it, by the pid on the host");
	cr_assert(of_a->frozen && !of_a->host);
	cr_assert_eq(of_a->no_queues.code, KAN_EUNSUPPORTED);
}

Test(ipcspace, the_hosts_is_told)
{
	cr_assert_eq(add(getpid()), 0);
	cr_assert(list.v[0]->host);
}

Test(ipcspace, a_queue_has_its_figures_and_keeps_its_message)
{
	pid_t pid = subject(s, with_queue, "/plans");
	cr_assert_eq(add(pid), 0);
	struct kan_ipcspace *of = list.v[0];
	for (int i = 0; i < 2; i++) {
		kan_ipcspace_read(of, &ask);
		cr_assert_eq(of->queues.n, 1, "%s", of->no_queues.text);
		const struct kan_mqueue *q = &of->queues.v[0];
		cr_assert_str_eq(q->name, "plans");
		cr_assert(q->known && q->maxmsg == 4 && q->msgsize == 32 && q->curmsgs == 1);
		cr_assert(kan_ipcspace_has_queues(of));
		free(of->queues.v);
		of->queues.v = NULL;
		of->queues.n = of->queues.seen = 0;
	}
	cr_assert_eq(stuck_calls, 0);
}

/* Whose mount it is cannot be seen: so it is asked inside. */
static void with_anothers_mount(const char *word)
{
	with_mount_and_queue(word);
	if (unshare(CLONE_NEWIPC) < 0)
		_exit(1);
	subject_wait(word);
}

Test(ipcspace, queues_of_another_namespace_are_not_taken_for_its_own)
{
	pid_t pid = subject(s, with_anothers_mount, "/plans");
	cr_assert_eq(add(pid), 0);
	kan_ipcspace_read(list.v[0], &ask);
	cr_assert_eq(list.v[0]->queues.n, 1);
	cr_assert_not(kan_ipcspace_has_queues(list.v[0]));
}
