/* Dead disks: found by its directory or list, told by its config, its layers by layerdb or Podman's
 * lists. */
#include "engine/offline.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/digest.h"
#include "base/file.h"
#include "base/row.h"
#include "engine/claims.h"
#include "engine/config.h"
#include "engine/dataroot.h"
#include "engine/store.h"

enum { NAMES_OCTETS = 320, CANDIDATES = 8, TAIL_OCTETS = 128 };

static const char usual_root[] = "/var/lib/docker";

/* What was asked for, and who may be meant. */
struct sought {
	const char *asked;
	char id[65]; /* the last that matched */
	size_t n, unreadable;
	bool exact; /* its name: beginnings of ids count no more */
	bool twice; /* more than one store has it */
	struct kan_buf names;
};

static void candidate(struct sought *s, const char *id, const char *name)
{
	if (s->n && memcmp(s->id, id, sizeof(s->id)) == 0) {
		s->twice = true;
		return;
	}
	if (++s->n <= CANDIDATES)
		kan_buf_addf(&s->names, "%s%.12s (%.20s)", s->n > 1 ? ", " : "", id,
			     *name ? name : "?");
	memcpy(s->id, id, sizeof(s->id));
}

static bool is_called(const json_t *inspect, const char *asked)
{
	size_t i = 0;
	json_t *one = NULL;
	const char *name = kan_json_str(inspect, "Name");
	if (strcmp(name + (name[0] == '/'), asked) == 0)
		return true;
	json_array_foreach (json_object_get(inspect, "OtherNames"), i, one)
		if (strcmp(json_string_value(one), asked) == 0)
			return true;
	return false;
}

static int match(const struct kan_dataroot_entry *e, void *arg)
{
	struct sought *s = arg;
	char id[65] = "";
	const char *name = kan_json_str(e->inspect, "Name");
	if (!e->is_id)
		return 0;
	memcpy(id, e->name.p, 64);
	name += name[0] == '/';
	s->unreadable += !e->inspect;
	bool exact = is_called(e->inspect, s->asked);
	if (exact && !s->exact) {
		s->exact = true;
		s->n = 0;
		s->twice = false;
		kan_buf_reset(&s->names);
	}
	if (exact || (!s->exact && strncmp(id, s->asked, strlen(s->asked)) == 0))
		candidate(s, id, name);
	return 0;
}

/* Nothing tells which of them is meant. */
static int in_one_store(int root_fd, const char *id, struct kan_err *err)
{
	kan_auto_buf struct kan_buf where = KAN_BUF(NAMES_OCTETS);
	if (kan_dataroot_stores(&where, root_fd, id) <= 1)
		return 0;
	return kan_fail(err, KAN_EUSAGE,
			"%.12s is in more than one store of this data root (%s): copy it without "
			"the others",
			id, kan_buf_str(&where));
}

static int find(char id[65], int root_fd, const char *asked, struct kan_err *err)
{
	/* A whole id needs no look at the others. */
	if (kan_dataroot_stores(NULL, root_fd, asked) > 0) {
		memcpy(id, asked, 65);
		return in_one_store(root_fd, id, err);
	}
	struct sought s = {.asked = asked + (asked[0] == '/'), .names = KAN_BUF(NAMES_OCTETS)};
	int rc = *s.asked ? kan_dataroot_each(root_fd, match, &s, err)
			  : kan_fail(err, KAN_ENOTFOUND, "no container is named");
	if (rc == 0 && s.n > 1)
		rc = kan_fail(err, KAN_EUSAGE, "'%.64s' is ambiguous: %s: give more of the id",
			      asked, kan_buf_str(&s.names));
	else if (rc == 0 && s.n == 0)
		rc = kan_fail(err, KAN_ENOTFOUND,
			      "no container '%.64s' in the data root (%zu whose config cannot be "
			      "read): see kanshiki ls --root",
			      asked, s.unreadable);
	memcpy(id, s.id, sizeof(s.id));
	kan_buf_free(&s.names);
	if (rc == 0)
		rc = in_one_store(root_fd, id, err);
	if (rc == 0 && s.twice)
		rc = kan_fail(
			err, KAN_EUSAGE,
			"%.12s is listed by more than one store of this data root, and one has "
			"its files: give the whole id to take those",
			id);
	return rc;
}

/* "/data/containers/<id>/resolv.conf": the root as the engine called it, which its paths begin
 * with. Yours. */
static char *named_root(const json_t *inspect, const char *id)
{
	static const char *const keys[] = {"LogPath", "ResolvConfPath", "HostnamePath", "HostsPath",
					   NULL};
	char tail[TAIL_OCTETS];
	(void)snprintf(tail, sizeof(tail), "/containers/%.64s/", id);
	for (const char *const *k = keys; *k; k++) {
		const char *path = kan_json_str(inspect, *k), *at = strstr(path, tail);
		if (path[0] == '/' && at && at != path)
			return strndup(path, (size_t)(at - path));
	}
	return kan_xstrdup(usual_root);
}

/* Podman's files do not tell it, nor does a config that cannot be read. */
static void unknown_state(struct kan_target *t)
{
	json_t *state = json_object_get(t->inspect, "State");
	if (*kan_json_str(state, "Status"))
		return;
	json_object_set_new(state, "Status", json_string("dead"));
	kan_claim(t, "State", "dead", KAN_UNPROVEN, "no file that was read tells its state");
}

/* A rootless engine owns its layers, and writes overlay's words as attributes that a user may set.
 */
static bool rootless(const struct kan_target *t)
{
	struct stat st;
	kan_auto_close int fd = -1;
	return t->storage &&
	       kan_open_beneath(&fd, t->data_root_fd, t->storage, O_PATH | O_DIRECTORY, 0, NULL) ==
		       0 &&
	       fstat(fd, &st) == 0 && st.st_uid != 0;
}

static void claim_root(struct kan_target *t, const char *dir)
{
	kan_auto_free char *place = kan_dataroot_place(t->data_root_fd);
	kan_claim(t, "data root", place ? place : dir, KAN_PROVEN,
		  kan_dataroot_live(t->data_root_fd)
			  ? "files of the data root; a process of this machine holds them"
			  : "files of the data root; no engine was asked");
	if (kan_dataroot_linked(dir))
		kan_claim(t, "data root as named", dir, KAN_UNPROVEN,
			  "a symbolic link on the way was followed");
}

/* A copy may have lost its owners: the walk of the changes says when the other words occur. */
static void claim_prefix(struct kan_target *t)
{
	char proof[TAIL_OCTETS];
	t->userxattr = rootless(t);
	(void)snprintf(proof, sizeof(proof), "the directory %.64s belongs to %s",
		       t->storage ? t->storage : "", t->userxattr ? "a user" : "root");
	if (t->upper_fd >= 0)
		kan_claim(t, "overlay attributes",
			  t->userxattr ? "user.overlay." : "trusted.overlay.", KAN_UNPROVEN, proof);
}

static int fill(struct kan_target *t, const char *dir, const char *asked, struct kan_err *err)
{
	char id[65];
	struct kan_err why = {0};
	struct kan_inspect i;
	t->depth = KAN_DEPTH_OFFLINE;
	if (kan_dataroot_open(&t->data_root_fd, dir, err) < 0 ||
	    find(id, t->data_root_fd, asked, err) < 0)
		return -1;
	claim_root(t, dir);
	if (kan_dataroot_container(&t->inspect, t->data_root_fd, id, &why) < 0) {
		kan_claim(t, "config", id, KAN_UNPROVEN, why.text);
		t->inspect = kan_dataroot_by_id(t->data_root_fd, id);
	}
	unknown_state(t);
	if (kan_take_claims(t, &i, err) < 0)
		return -1;
	t->data_root = kan_is_podman(t) ? kan_podman_root(t->inspect) : named_root(t->inspect, id);
	kan_prove_layers(t);
	claim_prefix(t);
	return 0;
}

int kan_target_open_offline(struct kan_target **out, const char *dir, const char *asked,
			    const struct kan_policy *policy, struct kan_err *err)
{
	struct kan_target *t = kan_target_new(NULL, policy);
	if (fill(t, dir, asked, err) < 0) {
		kan_target_free(t);
		return -1;
	}
	*out = t;
	return 0;
}
