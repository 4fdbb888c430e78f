/* Tombstones as words: what a reader may say of a file that is not there. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "evidence/tags.h"

static bool names(int seal, const char *file, const char *path)
{
	kan_auto_buf struct kan_buf text = KAN_BUF(KAN_BAG_PROOF_CAP), line = KAN_BUF(1024);
	kan_buf_addf(&line, "\"path\": \"%s\"", path);
	return kan_bag_read(&text, seal, file, KAN_BAG_PROOF_CAP, NULL) == 0 && text.len &&
	       memmem(text.data, text.len, line.data, line.len);
}

bool kan_bag_stone(char out[KAN_STONE_PATH], int dirfd, const char *path)
{
	int seal = openat(dirfd, "seal", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *d = seal < 0 ? NULL : fdopendir(seal);
	bool found = false;
	unsigned seen = 0;
	for (struct dirent *e; d && !found && seen++ < 4 * KAN_BAG_PROOFS && (e = readdir(d));) {
		if (!kan_proof_is(e->d_name) || !strstr(e->d_name, "-dispose.json") ||
		    strstr(e->d_name, ".sig") || !names(seal, e->d_name, path))
			continue;
		found = true;
		(void)snprintf(out, KAN_STONE_PATH, "seal/%.40s", e->d_name);
	}
	if (d)
		(void)closedir(d);
	else if (seal >= 0)
		(void)close(seal);
	return found;
}
