/* verify: the journal's chain, its last line, and whether files and gaps are those it speaks of. */
#include "evidence/verify.h"

#include <string.h>

#include "evidence/journalread.h"

static const char journal_file[] = "journal.ndjson", gaps_file[] = "gaps.ndjson";

struct reading {
	json_t *seal; /* the last seal record */
	json_t *gone; /* paths that a gap tells of as vanished */
	uint64_t gaps;
};

static void fault(struct kan_bagcheck *c, const char *path, const char *what)
{
	kan_bagcheck_fail(c, KAN_BAGCHECK_JOURNAL, KAN_CHECK_ALTERED, path, "%s", what);
}

static int take(const json_t *record, void *arg, struct kan_err *err)
{
	struct reading *r = arg;
	(void)err;
	r->gaps += kan_journal_counts(record);
	if (strcmp(kan_journal_type(record), "seal") == 0) {
		json_decref(r->seal);
		r->seal = json_incref((json_t *)(uintptr_t)record); /* counts, changes nothing */
	}
	if (strcmp(kan_journal_text(record, "code"), "vanished") == 0)
		json_object_set_new(r->gone, kan_journal_text(record, "what"), json_true());
	return 0;
}

static void check_seal_line(struct kan_bagcheck *c, const struct reading *r)
{
	const json_t *line = r->seal;
	const char *status = c->info.partial ? "partial" : "complete";
	if (strcmp(kan_journal_text(line, "manifest"), c->manifest_sha256) != 0)
		fault(c, journal_file, "its seal line is of another manifest");
	if (c->has_info && (kan_journal_number(line, "octets") != c->info.octets ||
			    kan_journal_number(line, "files") != c->info.files ||
			    kan_journal_number(line, "gaps") != c->info.gaps ||
			    strcmp(kan_journal_text(line, "status"), status) != 0))
		fault(c, journal_file, "its seal line has other numbers than bag-info.txt");
	if (kan_journal_number(line, "gaps") != r->gaps)
		fault(c, journal_file, "its seal line has another number of gaps than it lists");
}

static void check_end(struct kan_bagcheck *c, const struct kan_journal_end *end,
		      const struct reading *r)
{
	if (end->torn.n)
		fault(c, journal_file, "its last line has no end");
	if (c->has_info && strcmp(end->bundle, c->info.bundle) != 0)
		fault(c, journal_file, "it is of another bundle than bag-info.txt");
	if (strcmp(end->last_type, "seal") != 0 || !r->seal)
		fault(c, journal_file, "no seal line at its end");
	else
		check_seal_line(c, r);
}

static void check_listed(struct kan_bagcheck *c)
{
	for (size_t i = 0; i < c->payload.n; i++) {
		const struct kan_bundle_file *f = &c->payload.files[i];
		const json_t *record = json_object_get(c->records, f->path);
		if (!record)
			fault(c, f->path, "the journal knows no such artefact");
		else if (strcmp(kan_journal_text(record, "sha256"), f->sha256) != 0)
			fault(c, f->path, "the journal has another digest than the manifest");
	}
}

static void check_recorded(struct kan_bagcheck *c, const json_t *gone)
{
	const char *path = NULL;
	json_t *record = NULL;
	json_object_foreach (c->records, path, record)
		if (!kan_manifest_find(&c->payload, path) && !json_object_get(gone, path))
			fault(c, path, "the journal has it, the manifest does not");
}

static void check_gaps(struct kan_bagcheck *c, const char *bundle)
{
	kan_auto_buf struct kan_buf rows = KAN_BUF(KAN_BAG_ROWS_CAP);
	struct kan_err why = {0};
	if (!c->gaps.data) /* gone or unreadable: told by layout or tag manifest */
		return;
	if (kan_journal_gap_rows(&rows, kan_buf_bytes(&c->journal), bundle, &why) < 0)
		fault(c, gaps_file, why.text);
	else if (!kan_bytes_eq(kan_buf_bytes(&rows), kan_buf_bytes(&c->gaps)))
		fault(c, gaps_file, "not the gaps that the journal has");
}

static void check_chain(struct kan_bagcheck *c, bool sealed)
{
	struct kan_err why = {0};
	struct kan_journal_end end;
	struct reading r = {.gone = json_object()};
	struct kan_bytes text = kan_buf_bytes(&c->journal);
	if (kan_journal_read(&end, text, take, &r, &why) < 0 ||
	    kan_journal_artefacts(&c->records, text, &why) < 0) {
		fault(c, journal_file, why.text);
	} else if (sealed) {
		check_end(c, &end, &r);
		if (c->has_manifest) {
			check_listed(c);
			check_recorded(c, r.gone);
		}
		check_gaps(c, end.bundle);
	}
	json_decref(r.seal);
	json_decref(r.gone);
}

void kan_bagcheck_journal(struct kan_bagcheck *c, bool sealed)
{
	if (c->journal.data)
		check_chain(c, sealed);
	else
		kan_bagcheck_skip(c, KAN_BAGCHECK_JOURNAL, KAN_CHECK_GENERAL, journal_file,
				  "not to be read");
	kan_bagcheck_done(c, KAN_BAGCHECK_JOURNAL,
			  sealed ? "one chain, sealed" : "one chain so far");
}
