/* Manifest lines of a bag, and the names of its proofs. */
#include "custody/bag.h"

#include "base/file.h"
#include "custody/files.h"

#include <stdio.h>
#include <string.h>

int kan_bag_line(char hex[KAN_SHA256_HEX], char path[256], struct kan_bytes *rest,
		 struct kan_err *err)
{
	const uint8_t *end;
	size_t n;

	if (!rest->n)
		return 0;
	end = memchr(rest->p, '\n', rest->n);
	n = end ? (size_t)(end - rest->p) : 0;
	if (n < 67 || n - 66 >= 256 || rest->p[64] != ' ' || rest->p[65] != ' ')
		return kan_fail(err, KAN_EFORMAT, "malformed line");
	memcpy(hex, rest->p, 64);
	hex[64] = 0;
	memcpy(path, rest->p + 66, n - 66);
	path[n - 66] = 0;
	/* The one name of the format with capitals, so that people see it first. */
	if (!kan_is_sha256_hex(hex) || strlen(path) != n - 66 ||
	    (!kan_path_ok(path) && strcmp(path, "README-verify.txt") != 0))
		return kan_fail(err, KAN_EFORMAT, "malformed line");
	rest->p += n + 1;
	rest->n -= n + 1;
	return 1;
}

void kan_bag_proof(char out[KAN_BAG_PROOF_PATH], unsigned i, const char *kind)
{
	if (i == 1)
		snprintf(out, KAN_BAG_PROOF_PATH, "seal/" KAN_BAG_TAGMANIFEST ".%s", kind);
	else
		snprintf(out, KAN_BAG_PROOF_PATH, "seal/" KAN_BAG_TAGMANIFEST ".%u.%s", i, kind);
}

bool kan_bag_is_proof(const char *path, const char *kind)
{
	char name[KAN_BAG_PROOF_PATH];

	for (unsigned i = 1; i <= KAN_BAG_PROOF_NAMES; i++) {
		kan_bag_proof(name, i, kind);
		if (strcmp(path, name) == 0)
			return true;
	}
	return false;
}
