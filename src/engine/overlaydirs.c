/* An overlay's directories, opened: by the path that the engine or a mount names, below the data
 * root or in containerd's own place. */
#include "engine/overlaydirs.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "engine/below.h"
#include "engine/store.h"

enum { SMALL_OCTETS = 4096 };

bool kan_overlay_below(char out[KAN_OVERLAY_PATH], const struct kan_target *t, const char *path)
{
	size_t n = strlen(t->data_root);
	if (path[0] != '/')
		return t->storage &&
		       snprintf(out, KAN_OVERLAY_PATH, "%s%s%s",
				kan_is_containerd(t) ? "" : t->storage,
				kan_is_containerd(t) ? "" : "/", path) < KAN_OVERLAY_PATH;
	if (strncmp(path, t->data_root, n) != 0 || path[n] != '/')
		return false;
	return snprintf(out, KAN_OVERLAY_PATH, "%s", path + n + 1) < KAN_OVERLAY_PATH;
}

bool kan_overlay_word(const char *s)
{
	return *s && strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789-") == strlen(s);
}

/* overlay2/l/XXXX is a link "../ID/diff" of the engine's own: read, checked, and resolved by us. No
 * link is followed on the way to it. */
static bool short_link(char out[KAN_OVERLAY_PATH], const struct kan_target *t, const char *below)
{
	char target[SMALL_OCTETS], dir[KAN_OVERLAY_PATH];
	kan_auto_close int pin = -1;
	const char *l = strstr(below, "/l/");
	if (!l || !l[3] || strchr(l + 3, '/'))
		return false;
	(void)snprintf(dir, sizeof(dir), "%.*s/l", (int)(l - below), below);
	if (kan_below_pin(&pin, t, dir, O_DIRECTORY, NULL) < 0)
		return false;
	ssize_t n = readlinkat(pin, l + 3, target, sizeof(target) - 1);
	if (n <= 0)
		return false;
	target[n] = 0;
	char *slash = strncmp(target, "../", 3) == 0 ? strchr(target + 3, '/') : NULL;
	if (!slash || strcmp(slash, "/diff") != 0)
		return false;
	*slash = 0;
	return kan_overlay_word(target + 3) &&
	       snprintf(out, KAN_OVERLAY_PATH, "%.*s/%s/diff", (int)(l - below), below,
			target + 3) < KAN_OVERLAY_PATH;
}

/* Of containerd's own place; the path stays whole, because it is not below the data root. */
static int open_elsewhere(struct kan_layer *out, const struct kan_target *t, const char *path,
			  struct kan_err *err)
{
	const char *rest = NULL;
	kan_auto_close int place = -1;
	kan_auto_close int fd = -1;
	if (kan_containerd_own(&place, &rest, t, path, err) < 0 ||
	    kan_open_beneath(&fd, place, rest, O_PATH | O_DIRECTORY, 0, err) < 0 ||
	    kan_below_owned(t, fd, path, err) < 0)
		return -1;
	out->fd = kan_take_fd(&fd);
	out->path = kan_xstrdup(path);
	return 0;
}

int kan_overlay_open(struct kan_layer *out, const struct kan_target *t, const char *path,
		     struct kan_err *err)
{
	char below[KAN_OVERLAY_PATH], resolved[KAN_OVERLAY_PATH];
	if (!kan_overlay_below(below, t, path))
		return open_elsewhere(out, t, path, err);
	const char *use = short_link(resolved, t, below) ? resolved : below;
	int fd = -1;
	if (kan_below_pin(&fd, t, use, O_DIRECTORY, err) < 0)
		return -1;
	out->fd = fd;
	out->path = kan_xstrdup(use);
	out->init = strstr(use, "-init/") != NULL;
	return 0;
}

void kan_overlay_drop(struct kan_target *t)
{
	for (size_t i = 0; i < t->n_lowers; i++) {
		kan_auto_close_fn(&t->lowers[i].fd);
		free(t->lowers[i].path);
	}
	free(t->lowers);
	t->lowers = NULL;
	t->n_lowers = 0;
}

/* containerd shortens a long list to "5/fs", as seen from the directory of all snapshots: the one
 * that upper, ".../snapshots/7/fs", lies in. */
static int beside(char out[KAN_OVERLAY_PATH], const char *upper, const char *path,
		  struct kan_err *err)
{
	const char *end = strrchr(upper, '/');
	while (end > upper && *--end != '/')
		;
	if (!end || end <= upper || path[0] == '/' ||
	    snprintf(out, KAN_OVERLAY_PATH, "%.*s/%s", (int)(end - upper), upper, path) >=
		    KAN_OVERLAY_PATH)
		return kan_fail(err, KAN_EFORMAT, "%.200s is beside nothing", path);
	return 0;
}

static int open_listed(struct kan_target *t, const char *path, const char *upper,
		       struct kan_err *err)
{
	char whole[KAN_OVERLAY_PATH];
	if (path[0] != '/' && upper && kan_is_containerd(t)) {
		if (beside(whole, upper, path, err) < 0)
			return -1;
		path = whole;
	}
	return kan_overlay_open(&t->lowers[t->n_lowers], t, path, err);
}

/* containers/storage overlay.go, Get: a layer whose owners were changed has what it was before in
 * diff1, diff2 and so on, below its diff, whether the list says so or not. */
static int open_before(struct kan_target *t, struct kan_err *err)
{
	char path[KAN_OVERLAY_PATH];
	const char *diff = t->lowers[t->n_lowers - 1].path;
	for (unsigned i = 1; t->n_lowers < KAN_OVERLAY_LAYERS; i++) {
		struct kan_err why = {0};
		int fd = -1;
		if (snprintf(path, sizeof(path), "%s%u", diff, i) >= KAN_OVERLAY_PATH)
			return kan_fail(err, KAN_ELIMIT, "%.80s...: a path too long", diff);
		if (kan_below_pin(&fd, t, path, O_DIRECTORY, &why) < 0) {
			if (why.code == KAN_ENOTFOUND)
				return 0;
			if (err)
				*err = why;
			return -1;
		}
		t->lowers[t->n_lowers++] = (struct kan_layer){.fd = fd, .path = kan_xstrdup(path)};
	}
	return 0;
}

static bool is_before(const char *path)
{
	const char *up = strstr(path, "/../diff");
	return up && !strchr(up + sizeof("/../"), '/');
}

int kan_overlay_lowers(struct kan_target *t, const char *list, const char *upper,
		       struct kan_err *err)
{
	bool podman = kan_is_podman(t);
	t->lowers = kan_xalloc(KAN_OVERLAY_LAYERS * sizeof(*t->lowers));
	for (const char *at = list; *at;) {
		char one[KAN_OVERLAY_PATH];
		size_t n = strcspn(at, ":\n");
		if (n >= sizeof(one) || t->n_lowers == KAN_OVERLAY_LAYERS)
			return kan_fail(err, KAN_ELIMIT, "more than %d layers, or a path too long",
					KAN_OVERLAY_LAYERS);
		memcpy(one, at, n);
		one[n] = 0;
		at += n + (at[n] != 0);
		if (n == 0 || (podman && is_before(one)))
			continue;
		if (open_listed(t, one, upper, err) < 0)
			return -1;
		t->n_lowers++;
		if (podman && open_before(t, err) < 0)
			return -1;
	}
	return t->n_lowers ? 0 : kan_fail(err, KAN_ENOTFOUND, "no lower directory");
}

int kan_overlay_upper(struct kan_target *t, const char *path, struct kan_err *err)
{
	struct kan_layer upper = {.fd = -1};
	if (kan_overlay_open(&upper, t, path, err) < 0)
		return -1;
	free(upper.path);
	t->upper_fd = upper.fd;
	return 0;
}
