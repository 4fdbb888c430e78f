/* Tables of the collector memory. */
#include "base/row.h"
#include "collectors/memory_parts.h"

static const char *why_word(enum kan_mem_why why)
{
	static const char *const words[] = {
		[KAN_MEM_LIMIT] = "limit",       [KAN_MEM_RUNS] = "limit",
		[KAN_MEM_DEADLINE] = "deadline", [KAN_MEM_DEVICE] = "device",
		[KAN_MEM_STUCK] = "stuck",       [KAN_MEM_VANISHED] = "vanished",
		[KAN_MEM_DENIED] = "denied",
	};
	return words[why];
}

static int region_row(struct kan_rows *rows, const struct kan_mem *m,
		      const struct kan_mem_region *r, struct kan_err *err)
{
	char sha256[KAN_SHA256_HEX];
	struct kan_row *row = kan_rows_begin(rows);
	kan_row_int(row, "pid", m->processes[r->process].pid);
	kan_row_mask(row, "start", r->start);
	kan_row_mask(row, "end", r->end);
	kan_row_str(row, "perms", r->perms);
	kan_row_mask(row, "offset", r->offset);
	if (r->why != KAN_MEM_DEVICE)
		kan_row_uint(row, "present", r->present);
	if (r->read) {
		kan_row_uint(row, "bytes", r->octets);
		kan_row_bool(row, "stored", m->store);
	}
	if (r->digested) {
		kan_hex(sha256, (struct kan_bytes){r->digest, sizeof(r->digest)});
		kan_row_str(row, "sha256", sha256);
	}
	if (r->why != KAN_MEM_WHOLE)
		kan_row_str(row, "why", why_word((enum kan_mem_why)r->why));
	kan_row_bool(row, "frozen", r->frozen);
	return kan_rows_end(rows, err);
}

static int regions(struct kan_mem *m, struct kan_err *err)
{
	struct kan_rows *rows = NULL;
	if (kan_rows_open(&rows, m->sink, "regions.ndjson", err) < 0)
		return -1;
	for (size_t i = 0; i < m->n_regions; i++) {
		if (region_row(rows, m, &m->regions[i], err) == 0)
			continue;
		kan_rows_abandon(rows);
		return -1;
	}
	return kan_rows_close(rows, err);
}

static int hit_row(struct kan_rows *rows, const struct kan_mem *m, const struct kan_mem_hit *h,
		   struct kan_err *err)
{
	static const char *const as[] = {
		[KAN_MEM_BYTES] = "bytes", [KAN_MEM_REGION] = "region", [KAN_MEM_EXE] = "exe"};
	struct kan_row *row = kan_rows_begin(rows);
	kan_row_int(row, "pid", h->pid);
	kan_row_int(row, "indicator", m->scan.look->v[h->indicator].line);
	kan_row_str(row, "as", as[h->as]);
	if (h->as != KAN_MEM_EXE) {
		kan_row_mask(row, "start", h->start);
		kan_row_uint(row, "offset", h->offset);
	}
	if (h->as == KAN_MEM_BYTES) {
		kan_row_bytes(row, "before", (struct kan_bytes){h->before, h->n_before});
		kan_row_bytes(row, "after", (struct kan_bytes){h->after, h->n_after});
	}
	kan_row_bool(row, "frozen", h->as != KAN_MEM_EXE && m->regions[h->region].frozen);
	return kan_rows_end(rows, err);
}

static int hits(struct kan_mem *m, struct kan_err *err)
{
	struct kan_rows *rows = NULL;
	if (!m->scan.look)
		return 0;
	if (kan_rows_open(&rows, m->sink, "hits.ndjson", err) < 0)
		return -1;
	for (size_t i = 0; i < m->scan.n_hits; i++) {
		if (hit_row(rows, m, &m->scan.hits[i], err) == 0)
			continue;
		kan_rows_abandon(rows);
		return -1;
	}
	return kan_rows_close(rows, err);
}

int kan_mem_rows(struct kan_mem *m, struct kan_err *err)
{
	return regions(m, err) < 0 ? -1 : hits(m, err);
}
