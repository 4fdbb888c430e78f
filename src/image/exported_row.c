/* The row of an entry that only the engine told of: its word is the engine's, and nothing of the
 * host stands in it. */
#include <string.h>
#include <sys/stat.h>

#include "base/row.h"
#include "image/exported_state.h"
#include "image/layername.h"

enum { MOUNTS_LOOKED_AT = 1000 };

/* What engines make in the container's own layer, empty. */
static const char *const made[] = {"/.dockerenv",
				   "/run/.containerenv",
				   "/etc/hosts",
				   "/etc/hostname",
				   "/etc/resolv.conf",
				   "/dev",
				   "/proc",
				   "/sys",
				   "/dev/console",
				   "/dev/pts",
				   "/dev/shm",
				   "/dev/mqueue",
				   "/run/secrets"};

/* At a mount point that inspect names, or on the way to one. */
static bool to_mount(const struct kan_target *t, struct kan_bytes path)
{
	size_t i = 0;
	json_t *m = NULL;
	json_array_foreach (json_object_get(t->inspect, "Mounts"), i, m) {
		struct kan_bytes at = kan_bytes_of(kan_json_str(m, "Destination"));
		if (i == MOUNTS_LOOKED_AT)
			break;
		bool below =
			at.n > path.n && memcmp(at.p, path.p, path.n) == 0 && at.p[path.n] == '/';
		if (below || kan_bytes_eq(at, path))
			return true;
	}
	return false;
}

static bool of_engine(const struct kan_exported *x)
{
	const struct kan_export_member *m = &x->member;
	bool file = S_ISREG(m->mode) && m->head->size == 0 && !m->head->hardlink;
	if (!file && !S_ISDIR(m->mode))
		return false;
	for (size_t i = 0; i < sizeof(made) / sizeof(made[0]); i++)
		if (kan_bytes_eq(m->path, kan_bytes_of(made[i])))
			return true;
	return to_mount(x->t, m->path);
}

/* The engine tells modified from added and no more: of a directory that holds a change it says the
 * same as of one whose mode was changed. */
static const char *word(const struct kan_exported *x, const struct kan_listed *l)
{
	if (l->kind == KAN_LISTED_ADDED)
		return of_engine(x) ? "engine" : "added";
	if (!S_ISDIR(x->member.mode))
		return "changed";
	return l->parent ? "parent" : "metadata";
}

int kan_exported_row(struct kan_exported *x, const char *stored, struct kan_err *err)
{
	const struct kan_export_member *m = &x->member;
	bool sized = !m->head->hardlink || m->linked;
	uint64_t size = sized && m->head->hardlink ? m->linked->size : m->head->size;
	struct kan_row *r = kan_rows_begin(x->rows);
	kan_row_dec(r, "id", ++x->items);
	kan_row_name(r, &x->file);
	kan_row_str(r, "type", kan_file_type(m->mode));
	if (m->listed && !m->again)
		kan_row_str(r, "change", word(x, m->listed));
	kan_row_member(r, m->mode, sized ? &size : NULL, m->head);
	kan_row_content(r, &x->file, stored);
	kan_row_str(r, "source", "export");
	kan_row_bool(r, "frozen", x->file.frozen);
	return kan_rows_end(x->rows, err);
}

int kan_exported_bare_row(struct kan_exported *x, const struct kan_listed *l, const char *change,
			  struct kan_err *err)
{
	struct kan_bytes path = kan_changelist_path(x->list, l);
	struct kan_file f = {.path = path, .path_len = path.n, .name = kan_layer_last(path)};
	struct kan_row *r = kan_rows_begin(x->rows);
	kan_row_dec(r, "id", ++x->items);
	kan_row_name(r, &f);
	kan_row_str(r, "type", "unknown");
	kan_row_str(r, "change", change);
	kan_row_str(r, "source", "export");
	kan_row_bool(r, "frozen", kan_sink_frozen(x->sink));
	return kan_rows_end(x->rows, err);
}
