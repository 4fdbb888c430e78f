/* A capture in one process: what conductor and children do, without a container. */
#include "world.h"

#include <sys/socket.h>
#include <sys/wait.h>

#include "base/row.h"

void world_begin(struct world *w)
{
	struct kan_err err = {0};
	*w = (struct world){.place = test_place(), .dir = -1};
	(void)snprintf(w->final, sizeof(w->final), "%s/" WORLD_BUNDLE, w->place.path);
	(void)snprintf(w->partial, sizeof(w->partial), "%s/" WORLD_BUNDLE ".partial",
		       w->place.path);
	cr_assert_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, w->ends), 0);
	cr_assert_eq(mkdir(w->partial, 0700), 0);
	w->dir = open(w->partial, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cr_assert_eq(mkdirat(w->dir, "data", 0700), 0);
	cr_assert_eq(kan_journal_new(&w->journal, w->dir, WORLD_BUNDLE, &err), 0, "%s", err.text);
	struct kan_row *row = kan_journal_begin(w->journal, "start");
	kan_row_str(row, "tool", "kanshiki");
	kan_row_str(row, "version", "0.1.0");
	cr_assert_eq(kan_journal_end(w->journal, &err), 0, "%s", err.text);
	row = kan_journal_begin(w->journal, "target");
	kan_row_str(row, "id", WORLD_ID);
	kan_row_str(row, "depth", "host");
	cr_assert_eq(kan_journal_end(w->journal, &err), 0, "%s", err.text);
}

void world_crash(struct world *w)
{
	kan_journal_free(w->journal);
	w->journal = NULL;
}

void world_free(struct world *w)
{
	world_crash(w);
	kan_auto_close_fn(&w->dir);
	kan_auto_close_fn(&w->ends[0]);
	kan_auto_close_fn(&w->ends[1]);
	test_leave(&w->place);
}

struct kan_sink *world_sink(struct world *w, const char *collector, const char *const *artefacts)
{
	struct kan_sink *s = NULL;
	struct kan_err err = {0};
	const struct kan_sink_opts o = {.bundle_fd = w->dir,
					.channel = w->ends[1],
					.collector = collector,
					.bundle = WORLD_BUNDLE,
					.window = &w->window,
					.artefacts = artefacts};
	cr_assert_eq(kan_sink_new(&s, &o, &err), 0, "%s", err.text);
	return s;
}

void world_collector(struct world *w, const char *name, const char *what, const char *status)
{
	struct kan_row *row = kan_journal_begin(w->journal, "collector");
	kan_row_str(row, "name", name);
	kan_row_str(row, "what", what);
	if (status)
		kan_row_str(row, "status", status);
	cr_assert_eq(kan_journal_end(w->journal, NULL), 0);
}

bool world_receive(struct world *w, struct kan_msg *m)
{
	ssize_t n = recv(w->ends[0], m, sizeof(*m), MSG_DONTWAIT);
	if (n < 0)
		return false;
	cr_assert(kan_msg_ok(m, (size_t)n), "type %u", m->type);
	return true;
}

static void record_artefact(struct world *w, const struct kan_msg *m)
{
	struct kan_row *row = kan_journal_begin(w->journal, "artefact");
	kan_row_str(row, "path", m->what);
	kan_row_str(row, "sha256", m->sha256);
	kan_row_uint(row, "octets", m->n[0]);
	kan_row_uint(row, "rows", m->n[1]);
	kan_row_bool(row, "whole", m->n[2] != 0);
	cr_assert_eq(kan_journal_end(w->journal, NULL), 0);
}

void world_record(struct world *w)
{
	struct kan_msg m;
	while (world_receive(w, &m)) {
		if (m.type == KAN_MSG_ARTEFACT)
			record_artefact(w, &m);
		else if (m.type == KAN_MSG_GAP)
			cr_assert_eq(kan_journal_gap(w->journal, "processes", m.what,
						     kan_gap_name((enum kan_gap)m.code), m.why,
						     NULL),
				     0);
		else if (m.type == KAN_MSG_LIMIT)
			cr_assert_eq(kan_journal_limit(w->journal, "processes", m.what, m.why, m.n,
						       NULL),
				     0);
	}
}

static void take_processes(struct world *w)
{
	char sha256[65];
	struct kan_rows *rows = NULL;
	struct kan_artefact *a = NULL;
	struct kan_sink *s = world_sink(w, "processes", NULL);
	world_collector(w, "processes", "begin", NULL);
	cr_assert_eq(kan_rows_open(&rows, s, "processes.ndjson", NULL), 0);
	for (int pid = 1; pid <= 3; pid++) {
		struct kan_row *row = kan_rows_begin(rows);
		kan_row_int(row, "pid", pid);
		kan_row_bytes(row, "name", KAN_LIT("kworker/u\xff"));
		cr_assert_eq(kan_rows_end(rows, NULL), 0);
	}
	cr_assert_eq(kan_rows_close(rows, NULL), 0);
	cr_assert_eq(kan_sink_content(&a, s, "exe", NULL), 0);
	cr_assert_eq(kan_artefact_write(a, "\177ELF", 4, NULL), 0);
	cr_assert_eq(kan_artefact_close_content(sha256, a, NULL), 0);
	kan_sink_gap(s, KAN_LIT("pid 4"), KAN_GAP_VANISHED, "it ended");
	kan_sink_gap(s, KAN_LIT("pid 5"), KAN_GAP_NOT_APPLICABLE, "a thread of the kernel");
	kan_sink_limit(s, KAN_LIT("maps"), 9, 5, 5);
	kan_sink_free(s);
	world_record(w);
	world_collector(w, "processes", "end", "ok");
}

void world_fill(struct world *w)
{
	take_processes(w);
	struct kan_sink *s = world_sink(w, "engine", NULL);
	world_collector(w, "engine", "begin", NULL);
	cr_assert_eq(kan_sink_put(s, "inspect.json", KAN_LIT("{\"Id\":\"3f2a\"}\n"), NULL), 0);
	cr_assert_eq(kan_sink_put(s, "empty.json", (struct kan_bytes){0}, NULL), 0);
	kan_sink_free(s);
	world_record(w);
	world_collector(w, "engine", "end", "ok");
}

int world_seal(struct world *w, char seal[65], const char *reason, struct kan_err *err)
{
	json_auto_t *capture =
		json_pack("{s:s,s:s,s:I,s:{s:s},s:[]}", "schema", "kanshiki.acquisition/1",
			  "bundle", WORLD_BUNDLE, "started_ns", (json_int_t)WORLD_STARTED, "target",
			  "id", WORLD_ID, "collectors");
	const struct kan_seal_request r = {.parent_fd = w->place.fd,
					   .bundle = WORLD_BUNDLE,
					   .journal = w->journal,
					   .capture = capture,
					   .case_id = "inc-42",
					   .host = "web-03",
					   .container = WORLD_ID,
					   .started_ns = WORLD_STARTED,
					   .partial_reason = reason};
	return kan_seal(seal, &r, err);
}

void world_sealed(struct world *w, char seal[65], const char *reason)
{
	struct kan_err err = {0};
	world_begin(w);
	world_fill(w);
	cr_assert_eq(world_seal(w, seal, reason, &err), 0, "%s", err.text);
	world_crash(w);
}

void world_read(struct kan_buf *out, int dir, const char *path)
{
	struct kan_err err = {0};
	kan_buf_reset(out);
	cr_assert_eq(kan_read_file(out, dir, path, &err), 0, "%s: %s", path, err.text);
}

void world_write(int dir, const char *path, struct kan_bytes text)
{
	(void)unlinkat(dir, path, 0);
	int fd = openat(dir, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	cr_assert_geq(fd, 0, "%s", path);
	cr_assert_eq(kan_write_all(fd, text.p, text.n, NULL), 0);
	(void)close(fd);
}

bool world_there(int dir, const char *path)
{
	struct stat st;
	return fstatat(dir, path, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

void world_shell(const char *dir, int want, const char *command)
{
	int status = 0;
	pid_t pid = fork();
	if (pid == 0) {
		(void)setenv("LC_ALL", "C", 1);
		if (chdir(dir) == 0)
			(void)execl("/bin/bash", "bash", "-eu", "-o", "pipefail", "-c", command,
				    (char *)NULL);
		_exit(127);
	}
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == want, "%s: %d", command, status);
}

static const char *kind_name(enum kan_check_kind k)
{
	static const char *const names[] = {"general", "altered", "missing", "incomplete"};
	return names[k];
}

void said_fn(const struct kan_check *c, void *arg)
{
	static const char *const results[] = {"ok", "failed", "not-done"};
	struct said *s = arg;
	cr_assert(c->third_party && *c->third_party && c->path && c->detail && *c->detail);
	cr_assert_null(strchr(c->third_party, '\n'));
	kan_buf_addf(&s->text, "%s %s %s %s: %s\n", c->name, results[c->result], kind_name(c->kind),
		     c->path, c->detail);
	s->failed += c->result == KAN_CHECK_FAILED;
	s->ok += c->result == KAN_CHECK_OK;
	s->not_done += c->result == KAN_CHECK_NOT_DONE;
}

bool said_it(const struct said *s, const char *head, const char *path, const char *detail)
{
	kan_auto_free char *all = kan_xstrdup(kan_buf_str(&s->text));
	char *save = NULL;
	for (char *l = strtok_r(all, "\n", &save); l; l = strtok_r(NULL, "\n", &save))
		if (strncmp(l, head, strlen(head)) == 0 && strstr(l, path) && strstr(l, detail))
			return true;
	return false;
}
