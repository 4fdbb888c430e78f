/* Processes for a test to look at: in a pid namespace of their own, gone with the test. */
#ifndef KAN_TEST_SUBJECTS_H
#define KAN_TEST_SUBJECTS_H

#include <sys/types.h>

/* Runs in the subject. Says that it is ready by subject_ready, by executing something, or by its
 * end. */
typedef void subject_fn(const char *word);

struct subjects {
	char dir[64]; /* for files, removed with the test */
	int proc_fd, pidns, init_dir, root_fd;
	pid_t init, keepers[256];
	int hold[2]; /* the subjects' standard input, and what keeps their keepers */
	size_t n;
};
struct subjects *subjects_new(void); /* with an init, which is /bin/cat */
void subjects_free(struct subjects *s);
/* Host pid of a new subject, when it is ready. zombie: it has ended, and nobody waits for it. */
pid_t subject(struct subjects *s, subject_fn *fn, const char *word);
pid_t subject_zombie(struct subjects *s, int status);
void subject_ready(void);

/* Subjects. word: a path where one is needed. */
void subject_wait(const char *word);       /* says that it is ready and waits */
void subject_exec(const char *word);       /* a copy of cat at that path */
void subject_exec_memfd(const char *word); /* cat from a memfd of that name */
void subject_threads(
	const char *word); /* a second thread, "worker", in its own network namespace */
void subject_dead_leader(const char *word); /* its first thread has ended */
void subject_named(const char *word);       /* comm is word */

/* Copies cat to a path below dir. */
void subject_copy(const struct subjects *s, const char *name);
const char *subject_path(const struct subjects *s, const char *name); /* a buffer of its own */
char *subject_line(const char *fmt, ...)
	__attribute__((format(printf, 1, 2))); /* first line of a command line; yours */

#endif
