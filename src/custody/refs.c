/* Refs as bytes: no git decides for us what main is. */
#include "custody/refs.h"

#include "custody/files.h"

#include <string.h>

static bool hex40(struct kan_bytes v)
{
	if (v.n != KAN_GIT_ID - 1)
		return false;
	for (size_t i = 0; i < v.n; i++)
		if (!((v.p[i] >= '0' && v.p[i] <= '9') || (v.p[i] >= 'a' && v.p[i] <= 'f')))
			return false;
	return true;
}

bool kan_refs_id(char id[KAN_GIT_ID], struct kan_bytes text)
{
	if (text.n != KAN_GIT_ID || text.p[text.n - 1] != '\n' ||
	    !hex40((struct kan_bytes){text.p, text.n - 1}))
		return false;
	memcpy(id, text.p, KAN_GIT_ID - 1);
	id[KAN_GIT_ID - 1] = 0;
	return true;
}

static bool packed_line(struct kan_bytes line, kan_refs_fn *fn, void *arg)
{
	char id[KAN_GIT_ID] = "";

	if (line.n && line.p[0] == '#')
		return true;
	if (line.n && line.p[0] == '^') /* what an annotated tag points to */
		return hex40((struct kan_bytes){line.p + 1, line.n - 1});
	if (line.n < KAN_GIT_ID + 1 || line.p[KAN_GIT_ID - 1] != ' ' ||
	    !hex40((struct kan_bytes){line.p, KAN_GIT_ID - 1}))
		return false;
	memcpy(id, line.p, KAN_GIT_ID - 1);
	fn(id, (struct kan_bytes){line.p + KAN_GIT_ID, line.n - KAN_GIT_ID}, arg);
	return true;
}

int kan_refs_packed(struct kan_bytes text, kan_refs_fn *fn, void *arg, struct kan_err *err)
{
	while (text.n) {
		const uint8_t *end = memchr(text.p, '\n', text.n);
		size_t n = end ? (size_t)(end - text.p) : 0;

		if (!end || !packed_line((struct kan_bytes){text.p, n}, fn, arg))
			return kan_fail(err, KAN_EFORMAT, "malformed packed-refs");
		text.p = end + 1;
		text.n -= n + 1;
	}
	return 0;
}

static void packed_main(const char *id, struct kan_bytes name, void *arg)
{
	if (kan_bytes_eq(name, KAN_LIT(KAN_GIT_BRANCH)))
		memcpy(arg, id, KAN_GIT_ID);
}

int kan_refs_main(char tip[KAN_GIT_ID], int repo_fd, struct kan_err *err)
{
	kan_auto_buf struct kan_buf loose = KAN_BUF(4096);
	kan_auto_buf struct kan_buf packed = KAN_BUF(KAN_REFS_PACKED_MAX);
	struct kan_err none = {0};

	tip[0] = 0;
	if (kan_files_read(&loose, repo_fd, KAN_GIT_BRANCH, &none) == 0)
		return kan_refs_id(tip, kan_buf_bytes(&loose))
			       ? 0
			       : kan_fail(err, KAN_ETAMPER, "%s: not the id of a commit",
					  KAN_GIT_BRANCH);
	if (none.code == KAN_ENOTFOUND) {
		none = (struct kan_err){0};
		if (kan_files_read(&packed, repo_fd, "packed-refs", &none) == 0)
			return kan_refs_packed(kan_buf_bytes(&packed), packed_main, tip, err);
	}
	return none.code == KAN_ENOTFOUND ? 0 : kan_fail(err, none.code, "%s", none.text);
}
