/* Proofs about one bundle that came by two ways, in one seal/. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "evidence/carry.h"

enum { NUMBER_MAX = 99 };

static int open_dir(int *fd, const char *path, struct kan_err *err)
{
	*fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return *fd < 0 ? kan_fail_sys(err, "%s", path) : 0;
}

static bool has(int dir, const char *path, struct kan_bytes content)
{
	kan_auto_buf struct kan_buf there = KAN_BUF(KAN_BAG_PROOF_CAP);
	return kan_bag_read(&there, dir, path, KAN_BAG_PROOF_CAP, NULL) == 0 &&
	       kan_bytes_eq(kan_buf_bytes(&there), content);
}

/* tagmanifest-sha256.txt.N.sig: the ending of a proof, "" for a tombstone, which has one name. */
static const char *ending(const char *name)
{
	const char *dot = strrchr(name, '.');
	return strncmp(name, KAN_TAGMANIFEST, strlen(KAN_TAGMANIFEST)) == 0 && dot ? dot : "";
}

static int add(int dir, const char *name, struct kan_bytes content, struct kan_err *err)
{
	char path[128];
	for (int i = 1; i <= NUMBER_MAX; i++) {
		const char *end = ending(name);
		if (i == 1 && *end)
			(void)snprintf(path, sizeof(path), "seal/%s%s", KAN_TAGMANIFEST, end);
		else if (*end)
			(void)snprintf(path, sizeof(path), "seal/%s.%d%s", KAN_TAGMANIFEST, i, end);
		else
			(void)snprintf(path, sizeof(path), "seal/%s", name);
		if (has(dir, path, content))
			return 0;
		struct kan_err why = {0};
		if (kan_put_whole(dir, path, 0400, content, &why) == 0)
			return 0;
		if (why.sys != EEXIST || !*end)
			return kan_fail(err, why.sys == EEXIST ? KAN_EREFUSED : why.code, "%s: %s",
					path, why.text);
	}
	return kan_fail(err, KAN_ELIMIT, "seal/ has %d proofs of one kind", NUMBER_MAX);
}

int kan_carry_proofs(const char *bundle, const char *copy, struct kan_err *err)
{
	kan_auto_close int to = -1, from = -1, seal = -1, ours = -1;
	struct kan_carry_list list = {0};
	if (open_dir(&to, bundle, err) < 0 || open_dir(&from, copy, err) < 0)
		return -1;
	seal = openat(from, "seal", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (seal < 0)
		return errno == ENOENT ? 0 : kan_fail_sys(err, "seal");
	int rc = kan_carry_files(&list, seal, err);
	if (rc == 0)
		rc = kan_mkdirs(to, "seal", err);
	/* The last first: a tombstone's signature, then what it is over. */
	for (size_t i = list.n; rc == 0 && i-- > 0;) {
		kan_auto_buf struct kan_buf content = KAN_BUF(KAN_BAG_PROOF_CAP);
		rc = kan_bag_read(&content, seal, list.path[i], KAN_BAG_PROOF_CAP, err);
		if (rc == 0)
			rc = add(to, list.path[i], kan_buf_bytes(&content), err);
	}
	kan_carry_files_free(&list);
	if (rc < 0)
		return -1;
	ours = openat(to, "seal", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return ours < 0 || fsync(ours) < 0 || fsync(to) < 0 ? kan_fail_sys(err, "%s/seal", bundle)
							    : 0;
}
