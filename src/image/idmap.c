/* Maps of ids: user_namespaces(7); where Docker keeps a remapped store: daemon/daemon_unix.go. */
#include "image/idmap.h"

#include <kanshiki/target.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/row.h"
#include "engine/below.h"
#include "kernel/procfs.h"

enum { MAP_OCTETS = 64 << 10, LINE = 48 };

static void read_map(struct kan_idmap *out, int pid_dir, const char *file)
{
	kan_auto_buf struct kan_buf text = KAN_BUF(MAP_OCTETS);
	if (kan_proc_read(&text, pid_dir, file, NULL) == 0)
		kan_idmap_parse(out, kan_buf_bytes(&text));
}

/* "/var/lib/docker/165536.165536": the engine's name for what it keeps for remapped containers. */
static bool is_remapped(uint32_t *uid, uint32_t *gid, const struct kan_target *t)
{
	struct stat st;
	const char *at = t->data_root ? strrchr(t->data_root, '/') : NULL;
	if (!at || t->data_root_fd < 0 || fstat(t->data_root_fd, &st) < 0)
		return false;
	at++;
	if (!kan_idmap_number(uid, &at) || *at++ != '.' || !kan_idmap_number(gid, &at) || *at)
		return false;
	/* Newer engines leave it to root, and give it to the group alone. */
	return st.st_gid == *gid && (st.st_uid == *uid || st.st_uid == 0);
}

static bool begins_at(const struct kan_idmap *m, uint32_t outside)
{
	uint64_t id = 0;
	return m->n && kan_idmap_out(&id, m, 0) && id == outside;
}

static void shift(struct kan_idmap *m, uint32_t outside)
{
	*m = (struct kan_idmap){.n = 1};
	m->v[0].outside = outside;
	m->v[0].count = UINT32_MAX - outside;
}

/* All ranges are in the map of the container's init, when it runs in that namespace. */
static void remapped(struct kan_idmaps *out, const struct kan_target *t, uint32_t uid, uint32_t gid)
{
	out->uid.n = out->gid.n = 0;
	if (t->pid_dir >= 0) {
		read_map(&out->uid, t->pid_dir, "uid_map");
		read_map(&out->gid, t->pid_dir, "gid_map");
	}
	if (begins_at(&out->uid, uid) && begins_at(&out->gid, gid))
		return;
	shift(&out->uid, uid);
	shift(&out->gid, gid);
}

void kan_idmaps_of(struct kan_idmaps *out, const struct kan_target *t)
{
	uint32_t uid = 0, gid = 0;
	*out = (struct kan_idmaps){0};
	if (t->uids) { /* as they were when the data root was proven */
		out->uid = t->uids->uid;
		out->gid = t->uids->gid;
	}
	if (is_remapped(&uid, &gid, t))
		remapped(out, t, uid, gid);
	else
		out->unknown = t->depth == KAN_DEPTH_OFFLINE && t->userxattr;
	out->users = t->uids || out->unknown;
}

static void row_map(struct kan_row *r, const char *key, const struct kan_idmap *m)
{
	char line[LINE];
	if (!m->n)
		return;
	kan_row_arr(r, key);
	for (size_t i = 0; i < m->n; i++) {
		(void)snprintf(line, sizeof(line), "%u %u %u", m->v[i].inside, m->v[i].outside,
			       m->v[i].count);
		kan_row_str(r, NULL, line);
	}
	kan_row_arr_end(r);
}

void kan_row_idmaps(struct kan_row *r, const struct kan_idmaps *o)
{
	if (o->unknown)
		kan_row_bool(r, "owners_unknown", true);
	if (o->users)
		kan_row_bool(r, "users_engine", true);
	row_map(r, "uid_map", &o->uid);
	row_map(r, "gid_map", &o->gid);
}

static void map_of_row(struct kan_idmap *out, const json_t *list)
{
	size_t i = 0;
	json_t *one = NULL;
	kan_auto_buf struct kan_buf text = KAN_BUF(MAP_OCTETS);
	json_array_foreach (list, i, one)
		if (json_is_string(one))
			kan_buf_addf(&text, "%s\n", json_string_value(one));
	kan_idmap_parse(out, kan_buf_bytes(&text));
}

void kan_idmaps_read(struct kan_idmaps *out, const json_t *row)
{
	out->unknown = json_is_true(json_object_get(row, "owners_unknown"));
	out->users = out->unknown || json_is_true(json_object_get(row, "users_engine"));
	map_of_row(&out->uid, json_object_get(row, "uid_map"));
	map_of_row(&out->gid, json_object_get(row, "gid_map"));
}
