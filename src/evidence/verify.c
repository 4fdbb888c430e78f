/* verify of a bundle: the order of its checks, and what each of them is called. */
#include "evidence/verify.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "evidence/bundleopen.h"

enum { COMMAND_OCTETS = 1024 };

static const struct {
	const char *name, *by_others;
} checks[KAN_BAGCHECK_IDS] = {
	[KAN_BAGCHECK_LAYOUT] = {"layout", kan_by_others_b1},
	[KAN_BAGCHECK_BAGIT] = {"bagit", kan_by_others_b3},
	[KAN_BAGCHECK_BAGINFO] = {"baginfo", kan_by_others_b3},
	[KAN_BAGCHECK_SEAL] = {"seal", kan_by_others_b2},
	[KAN_BAGCHECK_TAGMANIFEST] = {"tagmanifest", kan_by_others_b3},
	[KAN_BAGCHECK_MANIFEST] = {"manifest", kan_by_others_b3},
	[KAN_BAGCHECK_PAYLOAD] = {"payload", kan_by_others_b3},
	[KAN_BAGCHECK_JOURNAL] = {"journal", kan_by_others_b4},
	[KAN_BAGCHECK_ROWS] = {"rows", kan_by_others_b4},
};

/* The command on one line, for a shell as before: a break after a pipe is a blank, others end a
 * command. */
static void on_one_line(char out[COMMAND_OCTETS], const char *command)
{
	size_t n = 0;
	for (const char *at = command; *at && n + 3 < COMMAND_OCTETS; at++) {
		if (*at != '\n') {
			out[n++] = *at;
			continue;
		}
		bool goes_on = n && out[n - 1] == '|';
		if (!goes_on)
			out[n++] = ';';
		out[n++] = ' ';
		while (at[1] == ' ')
			at++;
	}
	out[n] = 0;
}

static void tell(struct kan_bagcheck *c, enum kan_bagcheck_id id, struct kan_check *check)
{
	char command[COMMAND_OCTETS];
	on_one_line(command, checks[id].by_others);
	check->name = checks[id].name;
	check->third_party = command;
	c->told[id]++;
	c->fn(check, c->arg);
}

static void told(struct kan_bagcheck *c, enum kan_bagcheck_id id, struct kan_check *check)
{
	if (c->told[id] < KAN_BAGCHECK_TOLD)
		tell(c, id, check);
	else
		c->silent[id][check->kind] += check->result == KAN_CHECK_FAILED;
}

void kan_bagcheck_fail(struct kan_bagcheck *c, enum kan_bagcheck_id id, enum kan_check_kind kind,
		       const char *path, const char *fmt, ...)
{
	char text[KAN_ERR_TEXT];
	struct kan_check check = {
		.result = KAN_CHECK_FAILED, .kind = kind, .path = path, .detail = text};
	va_list ap;
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	told(c, id, &check);
}

void kan_bagcheck_skip(struct kan_bagcheck *c, enum kan_bagcheck_id id, enum kan_check_kind kind,
		       const char *path, const char *fmt, ...)
{
	char text[KAN_ERR_TEXT];
	struct kan_check check = {
		.result = KAN_CHECK_NOT_DONE, .kind = kind, .path = path, .detail = text};
	va_list ap;
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	told(c, id, &check);
}

static void tell_silent(struct kan_bagcheck *c, enum kan_bagcheck_id id)
{
	char text[64];
	for (int kind = 0; kind < KAN_BAGCHECK_KINDS; kind++) {
		struct kan_check check = {.result = KAN_CHECK_FAILED,
					  .kind = (enum kan_check_kind)kind,
					  .path = "",
					  .detail = text};
		if (!c->silent[id][kind])
			continue;
		(void)snprintf(text, sizeof(text), "and %u more%s", c->silent[id][kind],
			       kind == KAN_CHECK_MISSING ? " that are missing" : "");
		tell(c, id, &check);
	}
}

void kan_bagcheck_done(struct kan_bagcheck *c, enum kan_bagcheck_id id, const char *fmt, ...)
{
	char text[KAN_ERR_TEXT];
	struct kan_check check = {.result = KAN_CHECK_OK, .path = "", .detail = text};
	va_list ap;
	tell_silent(c, id);
	if (c->told[id])
		return;
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	tell(c, id, &check);
}

bool kan_bagcheck_unreadable(const struct kan_err *why)
{
	return why->code == KAN_EIO || why->code == KAN_EDENIED;
}

static void check_seal(struct kan_bagcheck *c, const char *want)
{
	enum kan_bagcheck_id id = KAN_BAGCHECK_SEAL;
	if (!c->seal[0])
		kan_bagcheck_skip(c, id, KAN_CHECK_GENERAL, "", "there is no tag manifest to seal");
	if (want && strcasecmp(want, c->seal) != 0)
		kan_bagcheck_fail(c, id, KAN_CHECK_ALTERED, KAN_TAGMANIFEST,
				  "the seal is %s, not the one that was told: %.80s",
				  c->seal[0] ? c->seal : "not there", want);
	kan_bagcheck_done(c, id, "%s%s", c->seal, want ? ", as told" : "");
}

static void check_labels(struct kan_bagcheck *c)
{
	enum kan_bagcheck_id id = KAN_BAGCHECK_BAGINFO;
	static const char file[] = "bag-info.txt";
	if (!c->has_info)
		kan_bagcheck_skip(c, id, KAN_CHECK_GENERAL, file, "not to be read");
	else if (c->has_manifest && c->info.files != c->payload.n)
		kan_bagcheck_fail(c, id, KAN_CHECK_ALTERED, file,
				  "Payload-Oxum has %llu files, the manifest %zu",
				  (unsigned long long)c->info.files, c->payload.n);
	else if (c->all_read && c->info.octets != c->octets)
		kan_bagcheck_fail(c, id, KAN_CHECK_ALTERED, file,
				  "Payload-Oxum has %llu octets, the payload %llu",
				  (unsigned long long)c->info.octets,
				  (unsigned long long)c->octets);
	if (c->has_info && c->info.partial)
		kan_bagcheck_skip(c, id, KAN_CHECK_INCOMPLETE, file, "partial: %s", c->info.reason);
	kan_bagcheck_done(c, id, "complete; %llu files, %llu gaps",
			  (unsigned long long)c->info.files, (unsigned long long)c->info.gaps);
}

static void clear(struct kan_bagcheck *c)
{
	kan_manifest_free(&c->tags);
	kan_manifest_free(&c->payload);
	kan_buf_free(&c->journal);
	kan_buf_free(&c->gaps);
	json_decref(c->records);
}

static int run(struct kan_bagcheck *c, const char *want_seal, struct kan_err *err)
{
	if (kan_bagcheck_tags(c, err) < 0 || kan_bagcheck_layout(c, true, err) < 0)
		return -1;
	if (!c->has_bagit)
		kan_bagcheck_skip(c, KAN_BAGCHECK_BAGIT, KAN_CHECK_GENERAL, "bagit.txt",
				  "not to be read");
	if (!c->tags.n)
		kan_bagcheck_skip(c, KAN_BAGCHECK_TAGMANIFEST, KAN_CHECK_GENERAL, KAN_TAGMANIFEST,
				  "not to be read");
	if (!c->has_manifest)
		kan_bagcheck_skip(c, KAN_BAGCHECK_MANIFEST, KAN_CHECK_GENERAL, KAN_MANIFEST,
				  "not to be read");
	kan_bagcheck_done(c, KAN_BAGCHECK_BAGIT, "a bag");
	check_seal(c, want_seal);
	kan_bagcheck_done(c, KAN_BAGCHECK_TAGMANIFEST, "%zu tag files", c->tags.n);
	kan_bagcheck_done(c, KAN_BAGCHECK_MANIFEST, "%zu files listed", c->payload.n);
	kan_bagcheck_journal(c, true);
	if (kan_bagcheck_payload(c, err) < 0)
		return -1;
	check_labels(c);
	return 0;
}

int kan_bagcheck_run(int dir_fd, const char *want_seal, const struct kan_bagcheck_gone *gone,
		     kan_check_fn *fn, void *arg, struct kan_err *err)
{
	struct kan_bagcheck c = {.dir_fd = dir_fd,
				 .gone = gone,
				 .fn = fn,
				 .arg = arg,
				 .journal = KAN_BUF(KAN_BAG_ROWS_CAP),
				 .gaps = KAN_BUF(KAN_BAG_ROWS_CAP)};
	int rc = run(&c, want_seal, err);
	clear(&c);
	return rc;
}

/* A .partial: what is there is looked at, and it is no bundle whatever is found. */
static int run_unsealed(int dir_fd, kan_check_fn *fn, void *arg, struct kan_err *err)
{
	struct kan_bagcheck c = {.dir_fd = dir_fd,
				 .fn = fn,
				 .arg = arg,
				 .journal = KAN_BUF(KAN_BAG_ROWS_CAP),
				 .gaps = KAN_BUF(KAN_BAG_ROWS_CAP)};
	struct kan_err why = {0};
	kan_bagcheck_skip(&c, KAN_BAGCHECK_SEAL, KAN_CHECK_INCOMPLETE, "",
			  "unsealed: kanshiki seal --partial finishes it");
	int rc = kan_bag_read(&c.journal, dir_fd, "journal.ndjson", KAN_BAG_ROWS_CAP, &why);
	if (rc < 0 && kan_bagcheck_unreadable(&why)) {
		if (err)
			*err = why;
		clear(&c);
		return -1;
	}
	if (rc < 0)
		kan_bagcheck_skip(&c, KAN_BAGCHECK_JOURNAL, KAN_CHECK_INCOMPLETE, "journal.ndjson",
				  "%s", why.text);
	else
		kan_bagcheck_journal(&c, false);
	rc = kan_bagcheck_layout(&c, false, err);
	clear(&c);
	return rc;
}

int kan_bundle_verify(const char *dir, const char *want_seal, kan_check_fn *fn, void *arg,
		      struct kan_err *err)
{
	return kan_bagcheck_dir(dir, want_seal, NULL, fn, arg, err);
}

int kan_bagcheck_dir(const char *dir, const char *want_seal, const struct kan_bagcheck_gone *gone,
		     kan_check_fn *fn, void *arg, struct kan_err *err)
{
	kan_auto_close int fd = -1;
	if (kan_bag_open_dir(&fd, dir, err) < 0)
		return -1;
	switch (kan_bag_kind_of(fd, dir)) {
	case KAN_BAG_SEALED:
		return kan_bagcheck_run(fd, want_seal, gone, fn, arg, err) < 0
			       ? kan_wrap(err, "%s", dir)
			       : 0;
	case KAN_BAG_UNSEALED:
		return run_unsealed(fd, fn, arg, err) < 0 ? kan_wrap(err, "%s", dir) : 0;
	case KAN_BAG_NONE:
		break;
	}
	return kan_fail(err, KAN_ENOTFOUND, "%s: no bundle: neither bagit.txt nor tag manifest",
			dir);
}
