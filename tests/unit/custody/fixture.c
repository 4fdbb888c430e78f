/* Custody test fixtures. */
#include "fixture.h"

#include "base/digest.h"
#include "custody/key.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *const argv_of_act[] = {"kanshiki", "capture", "web", NULL};
const struct kan_act fixture_act = {.case_id = "inc-42",
				    .name = "Aiko Mori",
				    .email = "aiko@example.org",
				    .purpose = "miner seen by monitoring",
				    .argv = argv_of_act};

void fixture_make(struct fixture *f)
{
	snprintf(f->dir, sizeof(f->dir), "/tmp/kanshiki-test-XXXXXX");
	cr_assert_not_null(mkdtemp(f->dir));
	snprintf(f->home, sizeof(f->home), "%s/home", f->dir);
	snprintf(f->repo, sizeof(f->repo), "%s/custody.git", f->home);
}

void fixture_remove(struct fixture *f)
{
	if (f->dir[0])
		(void)fixture_run(NULL, "/", "chmod -R u+w '%s'; rm -rf '%s'", f->dir, f->dir);
}

static void child(const char *dir, const char *command, int fd)
{
	static const char *const env[] = {"PATH=/usr/local/bin:/usr/bin:/bin",
					  "HOME=/nonexistent",
					  "LC_ALL=C",
					  "GIT_CONFIG_NOSYSTEM=1",
					  "GIT_TERMINAL_PROMPT=0",
					  NULL};

	dup2(fd, 1);
	dup2(fd, 2);
	if (chdir(dir) == 0)
		execle("/bin/bash", "bash", "-o", "pipefail", "-c", command, (char *)NULL, env);
	_exit(126);
}

static int run(struct kan_buf *out, const char *dir, const char *command)
{
	int pipe_fd[2], status;
	char piece[4096];
	ssize_t n;
	pid_t pid;

	cr_assert_eq(pipe2(pipe_fd, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0)
		child(dir, command, pipe_fd[1]);
	close(pipe_fd[1]);
	while ((n = read(pipe_fd[0], piece, sizeof(piece))) > 0)
		if (out)
			kan_buf_add(out, piece, (size_t)n);
	close(pipe_fd[0]);
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

int fixture_run(struct kan_buf *out, const char *dir, const char *fmt, ...)
{
	char command[8192];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(command, sizeof(command), fmt, ap);
	va_end(ap);
	return run(out, dir, command);
}

char *fixture_must(const char *dir, const char *fmt, ...)
{
	struct kan_buf out = KAN_BUF(1 << 20);
	char command[8192];
	va_list ap;
	int rc;

	va_start(ap, fmt);
	vsnprintf(command, sizeof(command), fmt, ap);
	va_end(ap);
	rc = run(&out, dir, command);
	cr_assert_eq(rc, 0, "%s: status %d: %s", command, rc, kan_buf_str(&out));
	kan_buf_addc(&out, 0);
	if (out.len > 1 && out.data[out.len - 2] == '\n')
		out.data[out.len - 2] = 0;
	return (char *)out.data;
}

void fixture_write(const char *dir, const char *path, const void *p, size_t n)
{
	char full[1024];
	FILE *file;

	snprintf(full, sizeof(full), "%s/%s", dir, path);
	for (char *at = full + 1; (at = strchr(at, '/')); at++) {
		*at = 0;
		mkdir(full, 0700);
		*at = '/';
	}
	unlink(full);
	file = fopen(full, "w");
	cr_assert_not_null(file, "%s", full);
	cr_assert_eq(fwrite(p, 1, n, file), n);
	cr_assert_eq(fclose(file), 0);
	cr_assert_eq(chmod(full, 0400), 0);
}

void fixture_read(struct kan_buf *out, const char *path)
{
	char piece[4096];
	FILE *file = fopen(path, "r");
	size_t n;

	cr_assert_not_null(file, "%s", path);
	while ((n = fread(piece, 1, sizeof(piece), file)) > 0)
		kan_buf_add(out, piece, n);
	fclose(file);
}

/* A bag being made: both manifests grow with each file. */
struct bag {
	char dir[512];
	struct kan_buf manifest, tags;
	uint64_t octets;
	unsigned files;
};

static void list(struct kan_buf *manifest, const char *path, const struct kan_buf *content)
{
	char hex[KAN_SHA256_HEX];

	kan_sha256_hex(hex, kan_buf_bytes(content));
	kan_buf_addf(manifest, "%s  %s\n", hex, path);
}

static void payload(struct bag *b, const char *path, const char *text, const char *marker)
{
	kan_auto_buf struct kan_buf content = KAN_BUF(4096);

	kan_buf_adds(&content, text);
	if (*text)
		kan_buf_adds(&content, marker);
	fixture_write(b->dir, path, kan_buf_str(&content), content.len);
	list(&b->manifest, path, &content);
	b->octets += content.len;
	b->files++;
}

static void tag(struct bag *b, const char *path, const struct kan_buf *content)
{
	fixture_write(b->dir, path, kan_buf_str(content), content->len);
	list(&b->tags, path, content);
}

static void tag_text(struct bag *b, const char *path, const char *text)
{
	kan_auto_buf struct kan_buf content = KAN_BUF(4096);

	kan_buf_adds(&content, text);
	tag(b, path, &content);
}

static void journal(struct bag *b, const char *name)
{
	kan_auto_buf struct kan_buf text = KAN_BUF(8192);
	char hex[KAN_SHA256_HEX], manifest[KAN_SHA256_HEX];

	kan_sha256_hex(manifest, kan_buf_bytes(&b->manifest));
	kan_buf_addf(
		&text,
		"{\"schema\":\"kanshiki.journal/1\",\"bundle\":\"%s\",\"collector\":\"conductor\","
		"\"seq\":1,\"prev\":\"%064d\",\"t_ns\":1795325592000000000,\"boot_ns\":1,"
		"\"type\":\"start\"}\n",
		name, 0);
	kan_sha256_hex(hex, kan_buf_bytes(&text));
	kan_buf_addf(
		&text,
		"{\"seq\":2,\"prev\":\"%s\",\"t_ns\":1795325593000000000,\"boot_ns\":2,"
		"\"type\":\"seal\",\"manifest\":\"%s\",\"octets\":%llu,\"files\":%u,\"gaps\":0,"
		"\"status\":\"complete\"}\n",
		hex, manifest, (unsigned long long)b->octets, b->files);
	tag(b, "journal.ndjson", &text);
}

static void bag_info(struct bag *b, const char *name)
{
	kan_auto_buf struct kan_buf text = KAN_BUF(4096);

	kan_buf_addf(&text,
		     "Bagging-Date: 2026-11-22\n"
		     "Bag-Software-Agent: kanshiki 0.1.0 (unknown)\n"
		     "Payload-Oxum: %llu.%u\n"
		     "External-Identifier: %s\n"
		     "Kanshiki-Format: kanshiki-bag/1\n"
		     "Kanshiki-Case: inc-42\n"
		     "Kanshiki-Host: web-03\n"
		     "Kanshiki-Container: "
		     "3f2a9c41d0be5d7e0c6a1b9f48e2d37750aa6c1f9be4d2830717c5e6a9b0f3d1\n"
		     "Kanshiki-Gaps: 0\n"
		     "Kanshiki-Status: complete\n",
		     (unsigned long long)b->octets, b->files, name);
	tag(b, "bag-info.txt", &text);
}

static void bag_payload(struct bag *b, const char *marker)
{
	char stem[KAN_SHA256_HEX + 32] = "data/processes/exe/", hex[KAN_SHA256_HEX];
	char body[256];

	payload(b, "data/engine/inspect.json", "{\"Id\":\"3f2a9c41d0be\"}", marker);
	payload(b, "data/filesystem/empty.bin", "", marker);
	snprintf(body, sizeof(body), "\177ELF miner %s", marker);
	kan_sha256_hex(hex, kan_bytes_of(body));
	strncat(stem, hex, KAN_SHA256_HEX);
	payload(b, stem, body, "");
	payload(b, "data/processes/processes.ndjson", "{\"pid\":4711}\n", marker);
}

void fixture_bag(char path[512], const struct fixture *f, const char *name, const char *marker)
{
	struct bag b = {.manifest = KAN_BUF(1 << 20), .tags = KAN_BUF(1 << 20)};
	kan_auto_buf struct kan_buf text = KAN_BUF(4096);

	snprintf(b.dir, sizeof(b.dir), "%s/%s", f->dir, name);
	bag_payload(&b, marker);
	bag_info(&b, name);
	tag_text(&b, "bagit.txt", "BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n");
	kan_buf_addf(&text,
		     "{\n \"bundle\": \"%s\",\n \"case\": \"inc-42\",\n \"schema\": "
		     "\"kanshiki.acquisition/1\",\n \"status\": \"complete\"\n}\n",
		     name);
	tag(&b, "capture.json", &text);
	kan_buf_reset(&text);
	kan_buf_addf(
		&text,
		"{\"schema\":\"kanshiki.gaps/1\",\"bundle\":\"%s\",\"collector\":\"conductor\"}\n",
		name);
	tag_text(&b, "README-verify.txt", "sha256sum -c\n");
	tag(&b, "gaps.ndjson", &text);
	journal(&b, name);
	tag(&b, "manifest-sha256.txt", &b.manifest);
	fixture_write(b.dir, "tagmanifest-sha256.txt", b.tags.data, b.tags.len);
	/* README sorts before bag-info in bytes, so the lines are sorted as the format wants. */
	free(fixture_must(b.dir, "LC_ALL=C sort -k2 -o t tagmanifest-sha256.txt &&"
				 " chmod 400 t && mv -f t tagmanifest-sha256.txt"));
	snprintf(path, 512, "%s", b.dir);
	kan_buf_free(&b.manifest);
	kan_buf_free(&b.tags);
}

void fixture_commit(struct kan_receipt *out, struct fixture *f, const char *bundle)
{
	struct kan_custody *c = NULL;
	struct kan_err err = {0};
	char path[512];

	fixture_bag(path, f, bundle, bundle);
	cr_assert_eq(kan_custody_open(&c, f->home, NULL, &err), 0, "%s", err.text);
	cr_assert_eq(kan_custody_sign(c, path, &err), 0, "%s", err.text);
	cr_assert_eq(kan_custody_commit(out, c, path, "collect", &fixture_act, &err), 0, "%s",
		     err.text);
	kan_custody_free(c);
}

static const char *result_name(enum kan_check_result r)
{
	return r == KAN_CHECK_OK ? "ok" : r == KAN_CHECK_FAILED ? "failed" : "not-done";
}

static const char *kind_name(enum kan_check_kind k)
{
	return k == KAN_CHECK_ALTERED      ? "altered"
	       : k == KAN_CHECK_MISSING    ? "missing"
	       : k == KAN_CHECK_INCOMPLETE ? "incomplete"
					   : "general";
}

void findings_fn(const struct kan_check *c, void *arg)
{
	struct findings *f = arg;

	cr_assert(c->third_party && *c->third_party && c->path && c->detail);
	kan_buf_addf(&f->text, "%s %s %s %s: %s\n", c->name, result_name(c->result),
		     kind_name(c->kind), c->path, c->detail);
	f->failed += c->result == KAN_CHECK_FAILED;
}

bool said(const struct findings *f, const char *name, const char *result, const char *path,
	  const char *detail)
{
	kan_auto_free char *all = kan_xstrdup(kan_buf_str(&f->text));
	char head[64], *save = NULL;

	snprintf(head, sizeof(head), "%s %s ", name, result);
	for (char *l = strtok_r(all, "\n", &save); l; l = strtok_r(NULL, "\n", &save))
		if (strncmp(l, head, strlen(head)) == 0 && strstr(l, path) && strstr(l, detail))
			return true;
	return false;
}

struct kan_key *fixture_key(const struct fixture *f, const char *name)
{
	struct kan_key *k = NULL;
	struct kan_err err = {0};
	char path[512];

	snprintf(path, sizeof(path), "%s/%s", f->dir, name);
	cr_assert_eq(kan_key_load(&k, AT_FDCWD, path, NULL, &err), 0, "%s", err.text);
	return k;
}
