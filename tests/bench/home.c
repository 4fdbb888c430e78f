/* A home of many bundles: each is committed and derived from, as the request of its number. */
#include <stdio.h>
#include <string.h>

#include <kanshiki/custody.h>

static int one(struct kan_custody *c, const char *bundle, const char *files, int number,
	       struct kan_err *err)
{
	struct kan_receipt receipt = {0}, derived = {0};
	char id[32];
	const struct kan_act act = {.name = "Bench",
				    .email = "bench@example.org",
				    .purpose = "bench",
				    .request_id = id};

	snprintf(id, sizeof(id), "request-%d", number);
	if (kan_custody_commit(&receipt, c, bundle, "collect", &act, err) < 0)
		return -1;
	return kan_custody_derive(&derived, c, &receipt, files, &act, err);
}

int main(int argc, char **argv)
{
	struct kan_custody *c = NULL;
	struct kan_err err = {0};
	char bundle[4096];
	int n = 0;

	if (argc != 3) {
		fprintf(stderr, "usage: home HOME FILES <LIST-OF-BUNDLES\n");
		return 2;
	}
	int rc = kan_custody_open(&c, argv[1], NULL, &err);
	while (rc == 0 && fgets(bundle, sizeof(bundle), stdin)) {
		bundle[strcspn(bundle, "\n")] = 0;
		rc = one(c, bundle, argv[2], n++, &err);
	}
	kan_custody_free(c);
	if (rc < 0)
		fprintf(stderr, "home: %s\n", err.text);
	return rc < 0;
}
