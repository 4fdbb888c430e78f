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

void kan_bag_proof(char out[KAN_BAG_PROOF_NAME], const char *kind, unsigned n)
{
	if (n == 1)
		snprintf(out, KAN_BAG_PROOF_NAME, "seal/" KAN_BAG_TAGMANIFEST "%s", kind);
	else
		snprintf(out, KAN_BAG_PROOF_NAME, "seal/" KAN_BAG_TAGMANIFEST ".%u%s", n, kind);
}

bool kan_bag_is_proof(const char *path, const char *kind)
{
	char again[KAN_BAG_PROOF_NAME];

	for (unsigned n = 1; n <= KAN_BAG_PROOF_NUMBER; n++) {
		kan_bag_proof(again, kind, n);
		if (strcmp(path, again) == 0)
			return true;
	}
	return false;
}

bool kan_bag_is_sig(const char *path)
{
	return kan_bag_is_proof(path, ".sig");
}

int kan_bag_put_proof(int dir, const char *kind, struct kan_bytes content, struct kan_err *err)
{
	char name[KAN_BAG_PROOF_NAME];

	for (unsigned n = 1; n <= KAN_BAG_PROOF_NUMBER; n++) {
		kan_auto_buf struct kan_buf there = KAN_BUF(KAN_BAG_PROOF_MAX);
		struct kan_err why = {0};

		kan_bag_proof(name, kind, n);
		if (kan_files_read(&there, dir, name, &why) < 0 && why.code == KAN_ENOTFOUND)
			return kan_put_file(dir, name, 0400, content, err);
		if (why.code == KAN_OK && kan_bytes_eq(kan_buf_bytes(&there), content))
			return 0;
	}
	return kan_fail(err, KAN_ELIMIT, "seal/ has %d files in %s", KAN_BAG_PROOF_NUMBER, kind);
}
