/* What the kernel has in effect for the container's processes, beside what the engine was told. */
#include <inttypes.h>
#include <string.h>

#include "analyze/caps.h"
#include "analyze/posture.h"

#define PROCESSES "data/processes/processes.ndjson"

enum { FILTER = 2 };

static int bits(uint64_t mask)
{
	return __builtin_popcountll(mask);
}

/* More than the configuration gives. */
static void beyond(struct kan_exposure *p, const json_t *row, uint64_t line, uint64_t has)
{
	uint64_t may = 0;
	if (!kan_caps_given(&may, p->f->inspect) || !(has & ~may))
		return;
	kan_auto_buf struct kan_buf text = KAN_BUF(KAN_EXPOSURE_TEXT);
	json_t *names = kan_caps_names(has & ~may);
	kan_buf_addf(&text, "pid %" PRId64 ": ", kan_get_int(row, "pid", 0));
	kan_exposure_strings(&text, names, "");
	json_decref(names);
	const struct kan_exposed t = {"container",
				      "caps.beyond",
				      "beyond what it was given",
				      "posture.caps-beyond",
				      NULL,
				      PROCESSES,
				      line,
				      true};
	kan_exposure_say(p, &t, kan_buf_bytes(&text));
}

static int on_process(const json_t *row, uint64_t line, void *arg, struct kan_err *err)
{
	struct kan_exposure *p = arg;
	uint64_t has = 0;
	const json_t *mode = kan_get(row, "seccomp.mode");
	(void)err;
	if (json_is_true(json_object_get(row, "neighbour")) ||
	    json_is_true(json_object_get(row, "kthread")))
		return 0;
	p->processes++;
	if (kan_caps_effective(&has, row, p->f)) {
		p->caps |= has;
		if (bits(has) > p->most) {
			p->most = bits(has);
			p->most_line = line;
		}
		beyond(p, row, line, has);
	} else {
		p->unsaid++;
	}
	if (json_is_integer(mode) && json_integer_value(mode) != FILTER) {
		p->unfiltered_line = p->unfiltered++ ? p->unfiltered_line : line;
	}
	if (kan_get_int(row, "pid", 0) == p->f->init_pid) {
		json_decref(p->init);
		p->init = json_incref((json_t *)(uintptr_t)row);
		p->init_line = line;
	}
	return 0;
}

static void of_all(struct kan_buf *out, const struct kan_exposure *p, bool cut)
{
	if (p->unsaid)
		kan_buf_addf(out, "; not known of %" PRIu64 " of %" PRIu64 " processes", p->unsaid,
			     p->processes);
	if (cut)
		kan_buf_adds(out, "; not all processes were read");
}

static void in_effect(struct kan_exposure *p, bool cut)
{
	kan_auto_buf struct kan_buf text = KAN_BUF(KAN_EXPOSURE_TEXT);
	json_t *names = kan_caps_names(p->caps);
	struct kan_exposed t = {"container",
				"caps.effective",
				"capabilities in effect",
				"posture.caps",
				NULL,
				PROCESSES,
				p->most_line,
				p->caps != 0};
	kan_exposure_strings(&text, names, "none");
	of_all(&text, p, cut);
	json_decref(names);
	kan_exposure_say(p, &t, kan_buf_bytes(&text));
}

static void filtered(struct kan_exposure *p, bool cut)
{
	kan_auto_buf struct kan_buf text = KAN_BUF(KAN_EXPOSURE_TEXT);
	struct kan_exposed t = {"container",
				"seccomp.effective",
				"filter of system calls in effect",
				"posture.unconfined",
				"5.21",
				PROCESSES,
				p->unfiltered_line,
				p->unfiltered > 0};
	if (p->unfiltered)
		kan_buf_addf(&text, "none on %" PRIu64 " of %" PRIu64 " processes", p->unfiltered,
			     p->processes);
	else
		kan_buf_addf(&text, "on all %" PRIu64 " processes", p->processes);
	if (cut)
		kan_buf_adds(&text, "; not all processes were read");
	kan_exposure_say(p, &t, kan_buf_bytes(&text));
}

/* Of the init: its label, and whose user 0 it is. */
static void of_init(struct kan_exposure *p)
{
	kan_auto_buf struct kan_buf label = KAN_BUF(KAN_EXPOSURE_TEXT),
				    map = KAN_BUF(KAN_EXPOSURE_TEXT);
	struct kan_err ignored = {0};
	const struct kan_exposed lsm = {"container",
					"lsm.effective",
					"AppArmor or SELinux in effect",
					"posture.unconfined",
					"5.1",
					PROCESSES,
					p->init_line,
					false};
	const struct kan_exposed users = {"container",
					  "userns.effective",
					  "user namespace in effect",
					  NULL,
					  NULL,
					  PROCESSES,
					  p->init_line,
					  false};
	if (kan_json_bytes(&label, p->init, "lsm", &ignored) < 0)
		kan_buf_adds(&label, "no label was read");
	kan_exposure_say(p, &lsm, kan_buf_bytes(&label));
	const json_t *first = json_array_get(json_object_get(p->init, "uid_map"), 0);
	if (!json_is_array(first))
		return;
	int64_t in = json_integer_value(json_array_get(first, 0)),
		out = json_integer_value(json_array_get(first, 1));
	kan_buf_addf(&map,
		     in == out && in == 0 ? "none of its own: root in it is root of the host"
					  : "user %" PRId64 " in it is user %" PRId64 " outside",
		     in, out);
	kan_exposure_say(p, &users, kan_buf_bytes(&map));
}

int kan_exposure_kernel(struct kan_exposure *p, struct kan_err *err)
{
	enum kan_coverage c = kan_cover_of(p->f->cover, p->f->source, "processes", PROCESSES);
	if (kan_source_has(p->f->source, PROCESSES) &&
	    kan_source_rows(p->f->source, PROCESSES, on_process, p, err) < 0)
		return -1;
	if (p->processes > p->unsaid) {
		in_effect(p, c == KAN_COVER_CUT);
		filtered(p, c == KAN_COVER_CUT);
	} else {
		const struct kan_exposed t = {"container",
					      "caps.effective",
					      "capabilities in effect",
					      "posture.caps",
					      NULL,
					      PROCESSES,
					      0,
					      false};
		kan_exposure_lacks(p, &t, "processes");
	}
	if (p->init)
		of_init(p);
	return 0;
}
