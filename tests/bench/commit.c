/* Custody's commit of a sealed bundle, and nothing else: what `capture` does behind the seal. */
#include <stdio.h>

#include <kanshiki/custody.h>

int main(int argc, char **argv)
{
	struct kan_custody *c = NULL;
	struct kan_receipt receipt = {0};
	struct kan_err err = {0};
	const struct kan_act act = {
		.name = "Bench", .email = "bench@example.org", .purpose = "bench"};

	if (argc != 3) {
		fprintf(stderr, "usage: commit HOME BUNDLE\n");
		return 2;
	}
	if (kan_custody_open(&c, argv[1], NULL, &err) < 0 ||
	    kan_custody_commit(&receipt, c, argv[2], "collect", &act, &err) < 0) {
		fprintf(stderr, "commit: %s\n", err.text);
		return 1;
	}
	kan_custody_free(c);
	return 0;
}
