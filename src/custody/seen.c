/* Was this request done before? The chain says so; a hint beside it says where to look. */
#include "custody/seen.h"

#include "base/file.h"
#include "base/row.h"
#include "custody/files.h"
#include "custody/home.h"
#include "custody/newest.h"
#include "custody/plain.h"
#include "custody/refs.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { HINTS_MAX = 64 << 10, REQUEST_MAX = 64 << 10, PATH_OCTETS = 96 };

/* One file for each request, named by its digest: the id is anybody's text. */
static void hint_path(char out[PATH_OCTETS], const char *request_id)
{
	char hex[KAN_SHA256_HEX];

	kan_sha256_hex(hex, kan_bytes_of(request_id));
	snprintf(out, PATH_OCTETS, "requests/%s", hex);
}

void kan_seen_note(int home_fd, const char *request_id, const char *commit)
{
	char path[PATH_OCTETS];
	kan_auto_close int fd = -1;
	struct stat st;

	hint_path(path, request_id);
	if (kan_mkdirs(home_fd, "requests", NULL) < 0)
		return;
	fd = openat(home_fd, path,
		    O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size >= HINTS_MAX)
		return;
	(void)dprintf(fd, "%s\n", commit);
}

int kan_seen_open(struct kan_seen *out, const char *home, const char *request_id,
		  struct kan_err *err)
{
	struct kan_seen s = {.hints = KAN_BUF(HINTS_MAX), .request_id = request_id};
	kan_auto_close int fd = -1;
	char path[PATH_OCTETS], whole[PATH_MAX];
	int there = kan_home_look(&fd, whole, home, err);

	if (there <= 0)
		return there;
	if (snprintf(s.repo, sizeof(s.repo), "%s/custody.git", whole) >= (int)sizeof(s.repo))
		return kan_fail(err, KAN_EUSAGE, "home: path too long");
	if (faccessat(fd, "custody.git", F_OK, AT_SYMLINK_NOFOLLOW) < 0)
		return 0;
	hint_path(path, request_id);
	if (kan_files_read(&s.hints, fd, path, NULL) < 0)
		kan_buf_reset(&s.hints);
	*out = s;
	return 1;
}

void kan_seen_close(struct kan_seen *s)
{
	kan_buf_free(&s->hints);
}

/* An event of the request that is about to be told. */
struct told {
	struct kan_event event;
	char commit[KAN_GIT_ID];
};

struct hunt {
	struct kan_newest *main;
	const struct kan_seen *seen;
	struct kan_buf id; /* as events have it */
	const char *needle;
	char case_id[KAN_FORM_CASE], first[KAN_GIT_ID];
	json_t *first_event;
	unsigned seq;
	struct told *list;
	size_t n, open; /* told without a commit yet */
};

static void end_hunt(struct hunt *h)
{
	for (size_t i = 0; i < h->n; i++)
		kan_event_free(&h->list[i].event);
	free(h->list);
	json_decref(h->first_event);
	kan_buf_free(&h->id);
	kan_newest_free(h->main);
}

static bool is_of(const struct hunt *h, const struct kan_event *e)
{
	return e->request_id && strcmp(e->request_id, kan_buf_str(&h->id)) == 0;
}

/* Its text as a file of JSON has it, when that is the text itself. */
static bool plain_text(const char *s)
{
	for (; *s; s++)
		if (*s < ' ' || *s > '~' || strchr("\"\\/", *s))
			return false;
	return true;
}

/* With each hint, then with the chain, until ask's fn stops. A hint that is wrong is none. */
static int look(struct hunt *h, const struct kan_newest_ask *ask, struct kan_err *err)
{
	struct kan_bytes rest = kan_buf_bytes(&h->seen->hints);
	char id[KAN_GIT_ID];

	while (rest.n >= KAN_GIT_ID && kan_refs_id(id, (struct kan_bytes){rest.p, KAN_GIT_ID})) {
		struct kan_err why = {0};

		if (kan_newest_one(h->main, id, ask, &why) == 1)
			return 1;
		rest.p += KAN_GIT_ID;
		rest.n -= KAN_GIT_ID;
	}
	return kan_newest_each(h->main, ask, err);
}

static int is_first(const struct kan_chain_item *item, void *arg, struct kan_err *err)
{
	struct hunt *h = arg;

	(void)err;
	if (!is_of(h, item->event))
		return 0;
	snprintf(h->case_id, sizeof(h->case_id), "%s", item->event->case_id);
	snprintf(h->first, sizeof(h->first), "%s", item->commit);
	h->seq = item->event->seq;
	h->first_event = json_incref(item->event->doc);
	return 1;
}

static int keep(struct kan_bytes text, void *arg, struct kan_err *err)
{
	kan_auto_event struct kan_event e = {0};
	struct hunt *h = arg;

	if (h->needle && !memmem(text.p, text.n, h->needle, strlen(h->needle)))
		return 0;
	if (kan_event_parse(&e, text, err) < 0)
		return -1;
	if (!is_of(h, &e))
		return 0;
	h->list = kan_xrealloc(h->list, h->n + 1, sizeof(*h->list));
	h->list[h->n] = (struct told){.event = e};
	h->open++;
	if (e.seq == h->seq) {
		memcpy(h->list[h->n].commit, h->first, KAN_GIT_ID);
		h->open--;
	}
	h->n++;
	e.doc = NULL;
	return 0;
}

static int name_commit(const struct kan_chain_item *item, void *arg, struct kan_err *err)
{
	struct hunt *h = arg;

	(void)err;
	for (size_t i = 0; i < h->n; i++)
		if (h->list[i].event.seq == item->event->seq && !*h->list[i].commit) {
			snprintf(h->list[i].commit, KAN_GIT_ID, "%s", item->commit);
			h->open--;
		}
	return h->open == 0;
}

/* Main has them in the case's directory; their commits are looked for. */
static int all_of(struct hunt *h, struct kan_err *err)
{
	const struct kan_newest_ask ask = {
		.case_id = h->case_id, .needle = h->needle, .fn = name_commit, .arg = h};

	if (kan_newest_case(h->main, h->case_id, h->seq, keep, h, err) < 0)
		return -1;
	if (h->open && look(h, &ask, err) < 0)
		return -1;
	return h->open ? kan_fail(err, KAN_ETAMPER,
				  "case %s: an event without a commit: run verify", h->case_id)
		       : 0;
}

static int tell(const struct hunt *h, kan_event_fn *fn, void *arg, struct kan_err *err)
{
	int rc = 0;

	for (size_t i = 0; i < h->n && !rc; i++)
		rc = fn(h->list[i].event.doc, h->list[i].commit, arg, err);
	return rc < 0 ? rc : 1;
}

static int find(struct hunt *h, bool all, kan_event_fn *fn, void *arg, struct kan_err *err)
{
	const struct kan_newest_ask ask = {
		.type = "collect", .needle = h->needle, .fn = is_first, .arg = h};
	int rc = look(h, &ask, err);

	if (rc <= 0)
		return rc;
	if (all)
		return all_of(h, err) < 0 ? -1 : tell(h, fn, arg, err);
	rc = fn(h->first_event, h->first, arg, err);
	return rc < 0 ? rc : 1;
}

/* 1: out has the objects of the repository and tip its main; 0: main has no commit yet. */
static int open_main(struct kan_git **out, char tip[KAN_GIT_ID], const char *repo,
		     struct kan_err *err)
{
	kan_auto_close int fd = open(repo, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	char objects[PATH_MAX];

	if (fd < 0)
		return kan_fail_sys(err, "%s", repo);
	if (kan_refs_main(tip, fd, err) < 0)
		return -1;
	if (!*tip)
		return 0;
	if (snprintf(objects, sizeof(objects), "%s/objects", repo) >= (int)sizeof(objects))
		return kan_fail(err, KAN_EUSAGE, "%s: path too long", repo);
	if (kan_plain_packs(fd, repo, err) < 0)
		return -1;
	return kan_git_open_objects(out, objects, err) < 0 ? -1 : 1;
}

int kan_seen_each(const struct kan_seen *s, bool all, kan_event_fn *fn, void *arg,
		  struct kan_err *err)
{
	struct hunt h = {.seen = s, .id = KAN_BUF(REQUEST_MAX)};
	kan_auto_git struct kan_git *git = NULL;
	char tip[KAN_GIT_ID];
	int rc = open_main(&git, tip, s->repo, err);

	(void)kan_text_clean(&h.id, kan_bytes_of(s->request_id));
	h.needle = plain_text(kan_buf_str(&h.id)) ? kan_buf_str(&h.id) : NULL;
	if (rc > 0)
		rc = kan_newest_open(&h.main, git, tip, err) < 0 ? -1 : find(&h, all, fn, arg, err);
	end_hunt(&h);
	return rc;
}
