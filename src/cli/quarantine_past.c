/* What the chain tells of a request, and of a container: the truth that a rerun goes on from. */
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/row.h"
#include "cli/quarantine.h"
#include "cli/seen.h"

enum { CAPTURE_OCTETS = 4 << 20, CAPTURE_DEPTH = 64, SHORT_ID = 12, ID_AT = 17 };

static const char *text(const json_t *event, const char *key)
{
	return kan_json_str(event, key);
}

/* What an event says of its bundle and of its act, as the other files use it. */
static json_t *entry(const json_t *event, const char *commit)
{
	const json_t *what = json_array_get(json_object_get(event, "what"), 0);
	json_t *o = json_object();
	json_object_set(o, "seq", json_object_get(event, "seq"));
	json_object_set(o, "type", json_object_get(event, "type"));
	json_object_set(o, "case", json_object_get(event, "case"));
	json_object_set(o, "request", json_object_get(event, "request_id"));
	json_object_set(o, "bundle", json_object_get(what, "bundle"));
	json_object_set(o, "seal", json_object_get(what, "seal"));
	json_object_set(o, "act", json_object_get(event, "act"));
	json_object_set(o, "ok", json_object_get(json_object_get(event, "result"), "ok"));
	json_object_set_new(o, "commit", json_string(commit));
	return o;
}

struct walk {
	struct kan_quarantine *q;
	const char *request;
	json_t *open;
	bool any;
};

static int of_request(const json_t *event, const char *commit, void *arg, struct kan_err *err)
{
	struct walk *w = arg;
	(void)err;
	json_array_append_new(w->q->past, entry(event, commit));
	return 0;
}

/* A home without a repository has no past. 1: there is one, and custody is open. */
static int open_chain(struct kan_quarantine *q, struct kan_err *err)
{
	kan_auto_free char *git = kan_path(q->job.home, "custody.git");
	if (access(git, F_OK) < 0)
		return 0;
	return kan_job_open_places(&q->job, err) < 0 ? -1 : 1;
}

int kan_quarantine_past(struct kan_quarantine *q, const char *request, struct kan_err *err)
{
	struct walk w = {.q = q, .request = request};
	size_t i = 0;
	json_t *e = NULL;
	json_decref(q->past);
	q->past = json_array();
	int found = kan_seen_request(&q->receipt, q->job.home, request, err);
	if (found <= 0)
		return found;
	if (kan_seen_events(q->job.home, request, of_request, &w, err) < 0)
		return -1;
	json_array_foreach (q->past, i, e)
		q->derived |= strcmp(text(e, "type"), "derive") == 0;
	return 1;
}

/* The act that an undo names is open no more. */
static void take_back(json_t *open, const json_t *event, json_int_t of)
{
	for (size_t i = json_array_size(open); i-- > 0;) {
		const json_t *e = json_array_get(open, i);
		if (kan_json_int(e, "seq") == of &&
		    strcmp(text(e, "case"), text(event, "case")) == 0)
			json_array_remove(open, i);
	}
}

static int of_container(const json_t *event, const char *commit, void *arg, struct kan_err *err)
{
	struct walk *w = arg;
	const json_t *act = json_object_get(event, "act");
	(void)err;
	if (!act || strcmp(kan_json_str(act, "target"), w->q->id) != 0)
		return 0;
	bool ok = json_is_true(json_object_get(json_object_get(event, "result"), "ok")),
	     wanted = !w->request || strcmp(text(event, "request_id"), w->request) == 0;
	json_int_t of = kan_json_int(act, "of");
	w->any |= wanted;
	if (of && ok)
		take_back(w->open, event, of);
	/* What was found done is not ours to take back; what failed may have done a part. */
	if (of || json_is_true(json_object_get(act, "already")) ||
	    !kan_respond_back_word(kan_json_str(act, "do")) ||
	    (!ok && !json_array_size(json_object_get(act, "networks"))) || !wanted)
		return 0;
	json_array_append_new(w->open, entry(event, commit));
	return 0;
}

int kan_quarantine_open_acts(json_t **open, bool *any, struct kan_quarantine *q,
			     const char *request, struct kan_err *err)
{
	struct walk w = {.q = q, .request = request, .open = json_array()};
	int there = open_chain(q, err), rc = 0;
	if (there > 0)
		rc = kan_custody_log(q->job.custody, NULL, of_container, &w, err);
	*any = w.any;
	*open = w.open;
	return there < 0 ? -1 : rc < 0 ? -1 : 0;
}

static int renamed_from(const json_t *event, const char *commit, void *arg, struct kan_err *err)
{
	struct walk *w = arg;
	const json_t *act = json_object_get(event, "act"),
		     *renamed = json_object_get(act, "renamed");
	(void)commit;
	(void)err;
	if (renamed && strcmp(kan_json_str(renamed, "from"), w->q->asked) == 0)
		json_object_set(w->open, kan_json_str(act, "target"),
				json_object_get(renamed, "to"));
	return 0;
}

int kan_quarantine_renamed(json_t **out, struct kan_quarantine *q, struct kan_err *err)
{
	struct walk w = {.q = q, .open = json_object()};
	int there = open_chain(q, err);
	*out = w.open;
	return there > 0 ? kan_custody_log(q->job.custody, NULL, renamed_from, &w, err) : there;
}

/* capture.json of a bag: was it taken for this request? */
static bool taken_for(const char *dir, const char *request)
{
	json_t *doc = NULL;
	kan_auto_close int fd = open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	kan_auto_buf struct kan_buf raw = KAN_BUF(CAPTURE_OCTETS);
	if (fd < 0 || faccessat(fd, "tagmanifest-sha256.txt", F_OK, AT_SYMLINK_NOFOLLOW) < 0 ||
	    kan_read_file(&raw, fd, "capture.json", NULL) < 0 ||
	    kan_json_parse(&doc, kan_buf_bytes(&raw), CAPTURE_OCTETS, CAPTURE_DEPTH, NULL) < 0)
		return false;
	bool is = strcmp(kan_json_str(doc, "request_id"), request) == 0;
	json_decref(doc);
	return is;
}

/* 20261125t031500z-3f2a9c41d0be-7c1e */
static bool of_this(const char *name, const char *id)
{
	return strlen(name) > ID_AT + SHORT_ID && strncmp(name + ID_AT, id, SHORT_ID) == 0 &&
	       name[ID_AT + SHORT_ID] == '-' && !strchr(name, '.');
}

int kan_quarantine_left_over(struct kan_quarantine *q, struct kan_err *err)
{
	(void)err;
	DIR *d = opendir(q->job.parent);
	for (struct dirent *e; d && !q->path && (e = readdir(d));) {
		kan_auto_free char *dir = kan_path(q->job.parent, e->d_name);
		if (of_this(e->d_name, q->id) && taken_for(dir, q->request))
			q->path = kan_xstrdup(dir);
	}
	if (d)
		(void)closedir(d);
	return q->path != NULL;
}
