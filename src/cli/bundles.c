/* What lies in a home, and which of it the repository brought. */
#include "cli/bundles.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/row.h"
#include "cli/pool.h"
#include "custody/recorded.h"

enum { NAMES_MAX = 1 << 20, REPO_SECONDS = 120 };

static const char partial[] = ".partial";

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int list(struct kan_home_bundles *h, struct kan_err *err)
{
	DIR *d = opendir(h->dir);
	if (!d)
		return kan_fail_sys(err, "%s", h->dir);
	for (struct dirent *e; (e = readdir(d));) {
		if (e->d_name[0] == '.')
			continue;
		if (h->n == NAMES_MAX) {
			(void)closedir(d);
			return kan_fail(err, KAN_ELIMIT, "%s: more than %d entries", h->dir,
					NAMES_MAX);
		}
		if ((h->n & (h->n - 1)) == 0)
			h->names = kan_xrealloc(h->names, h->n ? h->n * 2 : 1, sizeof *h->names);
		h->names[h->n++] = kan_xstrdup(e->d_name);
	}
	(void)closedir(d);
	if (h->n)
		qsort(h->names, h->n, sizeof *h->names, by_name);
	return 0;
}

int kan_home_bundles(struct kan_home_bundles *out, const struct kan_args *a, struct kan_err *err)
{
	struct kan_home_bundles h = {.home = kan_home(a)};
	h.dir = kan_path(h.home, "bundles");
	h.reports = kan_path(h.home, "reports");
	if (access(h.reports, R_OK | X_OK) < 0) {
		free(h.reports);
		h.reports = NULL;
	}
	if (list(&h, err) < 0) {
		kan_home_bundles_free(&h);
		return -1;
	}
	*out = h;
	return 0;
}

void kan_home_bundles_free(struct kan_home_bundles *h)
{
	for (size_t i = 0; i < h->n; i++)
		free(h->names[i]);
	free(h->names);
	free(h->home);
	free(h->dir);
	free(h->reports);
	*h = (struct kan_home_bundles){0};
}

struct asked {
	const char *repo, *case_id, *derived;
};

static json_t *look(size_t i, void *arg)
{
	const struct asked *q = arg;
	struct kan_err err = {0};
	json_t *answer = json_object(), *bundles = NULL;
	(void)i;
	(void)alarm(REPO_SECONDS); /* whatever lies in there */
	if (kan_custody_recorded(&bundles, q->repo, q->case_id, q->derived, &err) < 0)
		kan_json_set_bytes(answer, "error", kan_bytes_of(err.text));
	else
		json_object_set_new(answer, "bundles", bundles);
	return answer;
}

int kan_home_recorded(json_t **out, const char *home, const char *case_id, const char *derived,
		      struct kan_err *err)
{
	kan_auto_free char *repo = kan_path(home, "custody.git");
	struct asked q = {repo, case_id, derived};
	json_auto_t *answer = NULL;
	if (access(repo, F_OK) < 0 && !case_id)
		return 0; /* nothing was ever committed there */
	if (kan_custody_there(home, err) < 0 || kan_pool_ask(&answer, repo, look, &q, err) < 0)
		return -1;
	const char *fault = kan_json_str(answer, "error");
	if (*fault)
		return kan_fail(err, KAN_ETAMPER, "%s: %s", repo, fault);
	json_t *bundles = json_object_get(answer, "bundles");
	if (case_id && !json_object_size(bundles))
		return kan_fail(err, KAN_ENOTFOUND, "no case '%.64s' with a bundle in this home",
				case_id);
	*out = json_incref(bundles);
	return 0;
}

static bool ends(const char *name, const char *with)
{
	size_t n = strlen(name), k = strlen(with);
	return n >= k && strcmp(name + n - k, with) == 0;
}

int kan_home_bundle(struct kan_bundle **out, const char **code, const struct kan_home_bundles *h,
		    const char *name, struct kan_err *err)
{
	kan_auto_free char *path = kan_path(h->dir, name);
	struct kan_bundle *b = NULL;
	*code = "unreadable";
	if (ends(name, partial)) {
		*code = "unsealed";
		return kan_fail(err, KAN_ENOTFOUND,
				"unsealed: a capture that runs, or that did not end: kanshiki seal "
				"--partial finishes it");
	}
	if (!kan_name_ok(name))
		return kan_fail(err, KAN_EFORMAT, "not the name of a bundle");
	if (kan_bundle_open(&b, path, false, err) < 0) {
		*code = err->code == KAN_ETAMPER ? "altered" : "unreadable";
		return -1;
	}
	if (strcmp(kan_bundle_name(b), name) != 0) {
		(void)kan_fail(err, KAN_EFORMAT, "it is bundle %s, under another name",
			       kan_bundle_name(b));
		kan_bundle_free(b);
		return -1;
	}
	*out = b;
	return 0;
}

json_t *kan_home_container(const struct kan_bundle *b)
{
	static const char *const keys[] = {"name", "id", "image", "image_id"};
	const json_t *target = json_object_get(kan_bundle_capture(b), "target");
	json_t *o = json_object();
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
		kan_auto_buf struct kan_buf v = KAN_BUF(64 << 10);
		if (kan_json_bytes(&v, target, keys[i], NULL) == 0)
			kan_json_set_bytes(o, keys[i], kan_buf_bytes(&v));
	}
	return o;
}
