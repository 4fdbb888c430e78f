/* Which collectors a request leaves out, and which have nothing to collect from this target. */
#include <string.h>
#include <unistd.h>

#include "capture/conductor.h"

/* Is name a word of a comma list? */
static bool listed(const char *list, const char *name)
{
	size_t n = strlen(name);
	for (const char *at = list; at && *at;) {
		size_t len = strcspn(at, ",");
		if (len == n && strncmp(at, name, n) == 0)
			return true;
		at += len + (at[len] == ',');
	}
	return false;
}

static int known(const char *list, struct kan_err *err)
{
	for (const char *at = list; at && *at;) {
		size_t len = strcspn(at, ",");
		bool found = false;
		for (const struct kan_collector *const *k = kan_collectors; *k; k++)
			found |= strlen((*k)->name) == len && strncmp(at, (*k)->name, len) == 0;
		if (!found)
			return kan_fail(err, KAN_EUSAGE,
					"no collector is called '%.*s': see kanshiki collectors",
					(int)(len > 64 ? 64 : len), at);
		at += len + (at[len] == ',');
	}
	return 0;
}

bool kan_asks_for_memory(const struct kan_policy *p)
{
	return p->memory != KAN_MEMORY_NONE || p->indicators;
}

int kan_known_collectors(const struct kan_capture_request *r, struct kan_err *err)
{
	return known(r->only, err) < 0 || known(r->skip, err) < 0 ? -1 : 0;
}

const char *kan_left_out(const struct kan_capture_request *r, const struct kan_collector *k)
{
	if ((r->only && !listed(r->only, k->name)) || listed(r->skip, k->name))
		return r->only ? "--only" : "--skip";
	if (k->needs & KAN_NEEDS_ASKED && !kan_asks_for_memory(&r->policy))
		return "--memory none";
	return NULL;
}

const char *kan_not_applicable(const char **why, const struct kan_target *t, unsigned needs)
{
	bool stopped = t->state == KAN_STATE_CREATED || t->state == KAN_STATE_EXITED ||
		       t->state == KAN_STATE_DEAD || t->state == KAN_STATE_RESTARTING;
	if ((needs & (KAN_NEEDS_ENGINE | KAN_NEEDS_PROCESS)) && t->depth == KAN_DEPTH_OFFLINE) {
		*why = needs & KAN_NEEDS_PROCESS
			       ? "a data root has no processes"
			       : "a data root has no engine that answers, and its "
				 "machine is not this one";
		return "not-applicable";
	}
	if ((needs & (KAN_NEEDS_HOST | KAN_NEEDS_PROCESS)) && t->depth == KAN_DEPTH_API) {
		*why = geteuid() == 0
			       ? "depth is api-only: the engine's claims could not be proven "
				 "on this host"
			       : "depth is api-only: run as root on the engine's host";
		return "denied";
	}
	if ((needs & KAN_NEEDS_PROCESS) && t->pid <= 0) {
		*why = stopped ? "the container is not running"
			       : "no live process of the container was found";
		return stopped ? "not-applicable" : "vanished";
	}
	return NULL;
}
