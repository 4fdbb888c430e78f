/* A bag verified by a process that can do nothing else. */
#include "cli/checked.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/sandbox.h"
#include "custody/check.h"

static void on_check(const struct kan_check *k, void *arg)
{
	struct kan_checked *n = arg;
	n->ok += k->result == KAN_CHECK_OK;
	n->not_done += k->result == KAN_CHECK_NOT_DONE;
	n->incomplete |= k->kind == KAN_CHECK_INCOMPLETE;
	if (k->result == KAN_CHECK_FAILED && n->failed++ == 0)
		(void)snprintf(n->first, sizeof(n->first), "%s: %s",
			       k->path && *k->path ? k->path : k->name, k->detail);
}

int kan_check_bag(struct kan_checked *n, const char *dir, struct kan_err *err)
{
	const char *reads[] = {dir, NULL}, *writes[] = {NULL};
	struct kan_sandbox_state box = {0};
	kan_auto_close int end = -1;
	pid_t pid = 0;
	*n = (struct kan_checked){0};
	if (kan_sandbox_fork(&pid, &end, err) < 0)
		return -1;
	if (pid == 0) {
		bool good = kan_sandbox_reader(&box, reads, writes, NULL) == 0 &&
			    kan_custody_verify_bag(dir, NULL, NULL, on_check, n, NULL) == 0 &&
			    kan_write_all(end, n, sizeof(*n), NULL) == 0;
		_exit(!good);
	}
	struct kan_buf got = KAN_BUF(sizeof(*n));
	int rc = kan_read_all(&got, end, err);
	kan_sandbox_end(pid);
	if (rc == 0 && got.len != sizeof(*n))
		rc = kan_fail(err, KAN_EIO, "%s could not be verified: run kanshiki verify", dir);
	else if (rc == 0)
		memcpy(n, got.data, sizeof(*n));
	kan_buf_free(&got);
	n->first[sizeof(n->first) - 1] = 0;
	return rc;
}

const char *kan_checked_word(const struct kan_checked *n)
{
	return n->failed ? "tampered" : n->incomplete ? "incomplete" : "verified";
}
