/* The texts of a user's YARA rules: which files, in which order, and which are refused. */
#ifndef KAN_ANALYZE_YARASOURCE_H
#define KAN_ANALYZE_YARASOURCE_H

#include <kanshiki/bytes.h>
#include <kanshiki/err.h>

struct kan_yara_source {
	char *name; /* below the folder; of a single file its last component */
	struct kan_buf text;
};
struct kan_yara_sources {
	struct kan_yara_source *v; /* by name */
	size_t n, octets;
};

/* usage: no such file or folder, nothing in it, a compiled one, one of more than a limit. Yours. */
int kan_yara_sources_load(struct kan_yara_sources **out, const char *path, struct kan_err *err);
void kan_yara_sources_free(struct kan_yara_sources *s);
/* The file that imports a module, and its line; the first file and 0 when it cannot be told. */
const char *kan_yara_import_of(int *line, const struct kan_yara_sources *s, const char *module);

#endif
