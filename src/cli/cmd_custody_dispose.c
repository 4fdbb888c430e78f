/* custody dispose, and note --verified. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/row.h"
#include "base/sandbox.h"
#include "cli/capture_doc.h"
#include "cli/checked.h"
#include "cli/cmd_custody.h"
#include "custody/check.h"
#include "custody/move.h"
#include "custody/signer.h"
#include "custody/tombstone.h"

enum { FILES_MAX = 256, ANSWER = 256 };

static int check(const struct kan_args *a)
{
	if (kan_arg(a, "bundle") && kan_arg(a, "file") && kan_arg(a, "reason") &&
	    kan_arg(a, "authority"))
		return 0;
	kan_say("custody dispose wants --bundle NAME --file PATH[,PATH] --reason TEXT --authority "
		"TEXT");
	return -1;
}

/* It cannot be undone: the name is typed, or --yes says it. */
static bool confirmed(const struct kan_args *a)
{
	char line[ANSWER] = "";
	const char *name = kan_arg(a, "bundle");
	if (kan_flag(a, "yes"))
		return true;
	if (!isatty(STDIN_FILENO)) {
		kan_say("this cannot be undone: --yes, or a terminal to ask on");
		return false;
	}
	(void)fputs("This cannot be undone. Type the bundle's name to remove ", stderr);
	kan_print(stderr, kan_bytes_of(kan_arg(a, "file")));
	(void)fputs(" for good: ", stderr);
	if (!fgets(line, sizeof(line), stdin))
		return false;
	line[strcspn(line, "\n")] = 0;
	if (strcmp(line, name) == 0)
		return true;
	kan_say("that is not its name: nothing was done");
	return false;
}

/* "a,b": no path of a bundle has a comma. Some of what was asked for is not all of it: -1. */
static int split(const char *paths[FILES_MAX + 1], char *list, struct kan_err *err)
{
	size_t n = 0;
	char *save = NULL;
	for (char *p = strtok_r(list, ",", &save); p; p = strtok_r(NULL, ",", &save)) {
		if (n == FILES_MAX)
			return kan_fail(err, KAN_EUSAGE,
					"--file takes %d paths at once: the rest in a second call",
					FILES_MAX);
		paths[n++] = p;
	}
	paths[n] = NULL;
	return 0;
}

static int print(const struct kan_dispose_done *d, const struct kan_receipt *r, bool json)
{
	if (json)
		return kan_print_receipt(r, true);
	(void)printf("%s event %u: %zu files of the bag and %zu objects of the store removed\n",
		     d->again ? "finished" : "disposed of,", r->event, d->files, d->objects);
	if (d->shared)
		(void)printf("%zu objects stay: another artefact has the same content\n",
			     d->shared);
	return KAN_EXIT_OK;
}

/* Before it is done, for it cannot be undone. */
static void warn_of_stranger(const struct kan_custody *c, const char *bundle_dir)
{
	kan_auto_close int dir = open(bundle_dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dir >= 0 && !kan_tombstone_by_sealer(dir, kan_custody_fpr(c)))
		kan_say("warning: this key has not signed the bundle: verify will call the file "
			"missing, unless its --allowed-signers has the key (kanshiki import with "
			"this --key signs the bundle, custody anchor commits that)");
}

static int dispose(struct kan_custody *c, const struct kan_args *a, struct kan_err *err)
{
	kan_auto_free char *home = kan_home(a), *bundles = kan_path(home, "bundles");
	kan_auto_free char *list = kan_xstrdup(kan_arg(a, "file")), *dir = NULL;
	const char *paths[FILES_MAX + 1];
	json_auto_t *impact = json_pack(
		"[s,s]", "copies that were pushed, exported or handed over are not removed by this",
		"reports and files that were derived from it stay");
	struct kan_act act = {.purpose = kan_arg(a, "reason"),
			      .authority = kan_arg(a, "authority"),
			      .argv = a->argv,
			      .impact = impact};
	struct kan_dispose_done done;
	struct kan_receipt of = {0}, r = {0};
	struct stat st;
	if (split(paths, list, err) < 0 ||
	    kan_custody_bundle(&of, c, kan_arg(a, "bundle"), err) < 0)
		return kan_say_err(err);
	dir = kan_path(bundles, of.bundle);
	warn_of_stranger(c, dir);
	if (!confirmed(a))
		return KAN_EXIT_REFUSED;
	struct kan_dispose_ask ask = {.bundle_dir = stat(dir, &st) == 0 ? dir : NULL,
				      .paths = paths};
	if (kan_custody_dispose(&r, &done, c, &of, &ask, &act, err) < 0)
		return kan_say_err(err);
	if (!ask.bundle_dir)
		kan_say("the bag is not in this home: its copy elsewhere has the file still");
	return print(&done, &r, kan_flag(a, "json"));
}

const struct kan_custody_verb kan_custody_verb_dispose = {
	.name = "dispose",
	.usage = "dispose --bundle NAME --file PATH --reason TEXT --authority TEXT",
	.check = check,
	.run = dispose,
};

int kan_note_verified(struct kan_custody *c, const struct kan_args *a, struct kan_err *err)
{
	kan_auto_free char *dir = NULL;
	struct kan_act act = {.purpose = kan_arg(a, "text"), .argv = a->argv};
	struct kan_receipt of = {0}, r = {0};
	struct kan_checked n = {0};
	if (kan_find_bundle(&dir, a, kan_arg(a, "verified"), err) < 0 ||
	    kan_custody_bundle(&of, c, dir, err) < 0 || kan_check_bag(&n, dir, err) < 0)
		return kan_say_err(err);
	struct kan_verified v = {.result = kan_checked_word(&n),
				 .why = n.first,
				 .ok = n.ok,
				 .failed = n.failed,
				 .not_done = n.not_done};
	if (kan_custody_verified(&r, c, &of, &v, &act, err) < 0)
		return kan_say_err(err);
	kan_say("%s: recorded", v.result);
	int status = kan_print_receipt(&r, kan_flag(a, "json"));
	return n.failed ? KAN_EXIT_TAMPERED : n.incomplete ? KAN_EXIT_MISSING : status;
}
