/* The init's mount namespace as seen from its own root, when the init itself sees less of it. */
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "engine/claims.h"
#include "kernel/mountinfo.h"
#include "kernel/nsopen.h"
#include "kernel/procfs.h"

enum { TABLE, ROOT, OPENED };

/* In a child that has entered: whoever enters stands at the namespace's root. */
static void open_both(int *fds, int *why, size_t n, const void *arg)
{
	const int *proc_fd = arg;
	char path[48];
	(void)n;
	(void)snprintf(path, sizeof(path), "%d/mountinfo", (int)getpid());
	fds[TABLE] = openat(*proc_fd, path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	why[TABLE] = fds[TABLE] < 0 ? errno : 0;
	fds[ROOT] = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	why[ROOT] = fds[ROOT] < 0 ? errno : 0;
}

static size_t lines(struct kan_bytes text)
{
	size_t n = 0;
	for (size_t i = 0; i < text.n; i++)
		n += text.p[i] == '\n';
	return n;
}

void kan_see_whole_space(struct kan_target *t, struct kan_bytes seen)
{
	int fds[OPENED] = {-1, -1}, why[OPENED] = {0};
	kan_auto_close int ns = -1;
	struct kan_buf text = KAN_BUF(KAN_MOUNTINFO_MAX);
	if (kan_proc_magic(&ns, t->pid_dir, "ns/mnt", NULL) == 0 &&
	    kan_nsopen(fds, why, OPENED, ns, CLONE_NEWNS, open_both, &t->proc_fd, NULL) == 0 &&
	    fds[TABLE] >= 0 && fds[ROOT] >= 0 && kan_read_all(&text, fds[TABLE], NULL) == 0 &&
	    lines(kan_buf_bytes(&text)) > lines(seen)) {
		t->space_fd = kan_take_fd(&fds[ROOT]);
		t->mountinfo = text;
		text = KAN_BUF(0);
	}
	kan_buf_free(&text);
	kan_auto_close_fn(&fds[TABLE]);
	kan_auto_close_fn(&fds[ROOT]);
}
