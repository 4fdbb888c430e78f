/* Which artefact is to blame when a joined column is unknown. */
#include <string.h>

#include "analyze/column.h"
#include "analyze/facts.h"

static const struct {
	const char *word, *collector, *artefact;
} sources[] = {
	{"processes", "processes", "data/processes/processes.ndjson"},
	{"fds", "processes", "data/processes/fds.ndjson"},
	{"sockets", "network", "data/network/sockets.ndjson"},
	{"addresses", "network", "data/network/addresses.ndjson"},
	{"inspect", "engine", "data/engine/inspect.json"},
	{"image-inspect", "engine", "data/engine/image-inspect.json"},
	{"image-history", "engine", "data/engine/image-history.json"},
	{"networks", "engine", "data/engine/networks.json"},
	{"filesystem", "filesystem", "data/filesystem/changes.ndjson"},
	{"engine-after", "engine-after", "data/engine-after/changes.json"},
	{"image", "image", "data/image/baseline.ndjson"},
	{"mounts", "mounts", "data/mounts/mounts.ndjson"},
	{"packages", "image", "data/image/pkgdb.tar"},
};

/* Is the comma-separated word in the list? */
static bool names(const char *list, const char *word)
{
	size_t n = strlen(word);
	for (const char *at = strstr(list, word); at; at = strstr(at + 1, word))
		if ((at == list || at[-1] == ' ') && (at[n] == '\0' || at[n] == ','))
			return true;
	return false;
}

void kan_column_source(const char **collector, const char **artefact, const struct kan_column *c,
		       const struct kan_facts *f)
{
	for (size_t i = 0; i < sizeof sources / sizeof *sources; i++) {
		if (!names(c->from, sources[i].word))
			continue;
		enum kan_coverage cover = kan_cover_of(f->cover, f->source, sources[i].collector,
						       sources[i].artefact);
		*collector = sources[i].collector;
		*artefact = sources[i].artefact;
		if (cover == KAN_COVER_NONE || cover == KAN_COVER_CUT)
			return;
	}
}
