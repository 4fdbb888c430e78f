/* The blocks of the summary: what to look at first, what runs, who it talks to, what could not be
 * seen. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/row.h"
#include "reports/model.h"

enum {
	FIRST_MAX = 3,
	STEP_MAX = 66 /* a step that is no line of a screen stays with its finding */,
	NS_PER_MS = 1000000,
	TEXT_MAX = 256,
	SHORT_ID = 12,
	CLOCK_AT = 11,
	CLOCK_LEN = 9
};

static void first(struct kan_model *m)
{
	size_t i = 0;
	json_t *f = NULL;
	json_array_foreach (json_object_get(m->doc, "findings"), i, f) {
		if (i == FIRST_MAX)
			break;
		json_t *p = json_array();
		kan_part_textf(p, "%-8s  %s", kan_json_str(f, "severity"),
			       kan_json_str(f, "title"));
		kan_entry_add(&m->first, p, kan_json_int(f, "n"));
	}
}

static bool said(const struct kan_entries *e, const char *text)
{
	for (size_t i = 0; i < e->n; i++)
		if (strcmp(kan_json_str(json_array_get(e->at[i].parts, 0), "command"), text) == 0)
			return true;
	return false;
}

/* Next steps of the heaviest findings, each once. They hold ids, digests and numbers only. */
static void do_now(struct kan_model *m)
{
	size_t i = 0, k = 0;
	json_t *f = NULL, *next = NULL;
	json_array_foreach (json_object_get(m->doc, "findings"), i, f) {
		if (strcmp(kan_json_str(f, "severity"), "low") == 0)
			break;
		json_array_foreach (json_object_get(f, "next"), k, next) {
			json_t *p = NULL;
			if (said(&m->do_now, json_string_value(next)) ||
			    json_string_length(next) > STEP_MAX)
				continue;
			p = json_array();
			kan_part_command(p, json_string_value(next));
			kan_entry_add(&m->do_now, p, kan_json_int(f, "n"));
		}
	}
}

/* Where the running bytes come from, in words. */
static const char *origin_words(const json_t *row)
{
	const char *origin = kan_json_str(row, "exe_origin");
	static const char *const words[][2] = {
		{"upper", "added, in no layer"}, {"gone", "deleted"},
		{"memfd", "memory only"},        {"tmpfs", "on a tmpfs"},
		{"mount", "on a mount"},         {"image", "of the image"}};
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (strcmp(origin, words[i][0]) == 0)
			return words[i][1];
	return "origin not assessed";
}

static void now_entry(struct kan_model *m, const json_t *row, int64_t n)
{
	json_t *p = json_array();
	kan_part_textf(p, "%" PRId64 " ", kan_json_int(row, "pid"));
	if (json_array_size(json_object_get(row, "argv")))
		kan_part_list(p, row, "argv");
	else
		kan_part_value(p, row, "comm");
	kan_part_text(p, "  ");
	if (json_object_get(row, "exe_link"))
		kan_part_value(p, row, "exe_link");
	kan_part_textf(p, ", %s", origin_words(row));
	kan_entry_add(&m->now, p, n);
}

static int by_finding(const void *a, const void *b)
{
	int64_t x = ((const struct kan_entry *)a)->n, y = ((const struct kan_entry *)b)->n;
	return (x > y) - (x < y);
}

/* It has no processes and no sockets: that is an answer, and nothing was missed. */
static bool is_stopped(const struct kan_model *m)
{
	const char *state = kan_json_str(json_object_get(m->doc, "container"), "state");
	return strcmp(state, "created") == 0 || strcmp(state, "exited") == 0 ||
	       strcmp(state, "dead") == 0;
}

static void now(struct kan_model *m)
{
	const json_t *section = json_object_get(m->doc, "processes");
	size_t i = 0;
	json_t *row = NULL;
	json_array_foreach ((json_t *)(uintptr_t)kan_model_rows(m, "processes"), i, row) {
		int64_t n = kan_model_pid_finding(m, kan_json_int(row, "pid"));
		if (n)
			now_entry(m, row, n);
	}
	if (m->now.n)
		qsort(m->now.at, m->now.n, sizeof *m->now.at, by_finding);
	json_t *p = json_array();
	uint64_t all = (uint64_t)kan_json_int(section, "count");
	if (!json_is_true(json_object_get(section, "seen")))
		kan_part_text(p, is_stopped(m) ? "nothing: the container does not run"
					       : "not assessed: no process was read");
	else if (m->now.n == 0)
		kan_part_textf(p, "%" PRIu64 " processes, none of them in a finding", all);
	else if (all > m->now.n)
		kan_part_textf(p, "+%" PRIu64 " other processes", all - m->now.n);
	if (json_array_size(p))
		kan_entry_add(&m->now, p, 0);
	else
		json_decref(p);
}

static const char *const peer_keys[] = {"peer_scope", "sock_dir", "raddr", "rport", NULL};

static json_t *find_peer(const json_t *peers, const json_t *row)
{
	size_t i = 0;
	json_t *p = NULL;
	json_array_foreach ((json_t *)(uintptr_t)peers, i, p) {
		bool same = true;
		for (const char *const *k = peer_keys; *k; k++)
			same &= json_equal(json_object_get(p, *k), json_object_get(row, *k));
		if (same)
			return p;
	}
	return NULL;
}

static void add_number(json_t *o, const char *key, int64_t more)
{
	json_object_set_new(o, key, json_integer(kan_json_int(o, key) + more));
}

static int scope_order(const char *scope)
{
	static const char *const order[] = {"public", "metadata", "private", "gateway",
					    "neighbour"};
	for (int i = 0; i < 5; i++)
		if (strcmp(scope, order[i]) == 0)
			return i;
	return 5;
}

struct ranked {
	json_t *peer;
	int64_t n;
	int scope;
	size_t at;
};

static int by_rank(const void *a, const void *b)
{
	const struct ranked *x = a, *y = b;
	int64_t xn = x->n ? x->n : INT64_MAX, yn = y->n ? y->n : INT64_MAX;
	if (xn != yn)
		return xn < yn ? -1 : 1;
	if (x->scope != y->scope)
		return x->scope - y->scope;
	return (x->at > y->at) - (x->at < y->at);
}

static json_t *ranked_peers(const json_t *peers)
{
	json_t *out = json_array();
	size_t n = json_array_size(peers);
	struct ranked *r = kan_xalloc((n + 1) * sizeof *r);
	for (size_t i = 0; i < n; i++) {
		json_t *p = json_array_get(peers, i);
		r[i] = (struct ranked){p, kan_json_int(p, "n"),
				       scope_order(kan_json_str(p, "peer_scope")), i};
	}
	qsort(r, n, sizeof *r, by_rank);
	for (size_t i = 0; i < n; i++)
		json_array_append(out, r[i].peer);
	free(r);
	return out;
}

/* A peer is an address and port of one scope and direction; a listener that a finding names is one
 * too. */
static void peers(struct kan_model *m)
{
	static const char *const socket_keys[] = {"ino", "lport", "raddr", "rport", NULL};
	json_t *all = json_array();
	size_t i = 0;
	json_t *row = NULL;
	json_array_foreach ((json_t *)(uintptr_t)kan_model_rows(m, "sockets"), i, row) {
		const char *scope = kan_json_str(row, "peer_scope"),
			   *state = kan_json_str(row, "state");
		int64_t n = kan_model_object_finding(m, "socket", row, socket_keys);
		bool listens = strcmp(state, "LISTEN") == 0;
		bool far = *scope && strcmp(scope, "loopback") != 0 && strcmp(scope, "self") != 0;
		if (listens ? !n : !far)
			continue;
		json_t *p = listens ? NULL : find_peer(all, row);
		if (!p) {
			p = json_deep_copy(row);
			json_object_set_new(p, "n", json_integer(n));
			json_object_set_new(p, "count", json_integer(1));
			json_array_append_new(all, p);
			continue;
		}
		add_number(p, "count", 1);
		add_number(p, "sock_sent", kan_json_int(row, "sock_sent"));
		add_number(p, "sock_received", kan_json_int(row, "sock_received"));
	}
	m->peers = ranked_peers(all);
	json_decref(all);
}

static void octets(json_t *parts, const char *label, int64_t n)
{
	if (n < 1000)
		kan_part_textf(parts, "%" PRId64 " B %s", n, label);
	else if (n < 1000000)
		kan_part_textf(parts, "%" PRId64 ".%" PRId64 " kB %s", n / 1000, n % 1000 / 100,
			       label);
	else
		kan_part_textf(parts, "%" PRId64 ".%" PRId64 " MB %s", n / 1000000,
			       n % 1000000 / 100000, label);
}

static void talks(struct kan_model *m)
{
	size_t i = 0;
	json_t *peer = NULL;
	json_array_foreach (m->peers, i, peer) {
		json_t *p = json_array();
		if (strcmp(kan_json_str(peer, "state"), "LISTEN") == 0) {
			kan_part_text(p, "listens   ");
			kan_part_value(p, peer, "laddr");
			kan_part_textf(p, ":%" PRId64 ", not exposed by the image",
				       kan_json_int(peer, "lport"));
		} else {
			kan_part_textf(p, "%-9s ", kan_json_str(peer, "peer_scope"));
			kan_part_value(p, peer, "raddr");
			kan_part_textf(p, ":%" PRId64 "  %s  ", kan_json_int(peer, "rport"),
				       kan_json_str(peer, "sock_dir"));
			octets(p, "sent, ", kan_json_int(peer, "sock_sent"));
			octets(p, "received", kan_json_int(peer, "sock_received"));
		}
		kan_entry_add(&m->talks, p, kan_json_int(peer, "n"));
	}
	if (m->talks.n == 0 &&
	    !json_is_true(json_object_get(json_object_get(m->doc, "sockets"), "seen"))) {
		json_t *p = json_array();
		kan_part_text(p, is_stopped(m) ? "nothing: the container does not run"
					       : "not assessed: no socket was read");
		kan_entry_add(&m->talks, p, 0);
	}
}

static void persist(struct kan_model *m, json_t *parts)
{
	size_t i = 0, n = 0;
	json_t *f = NULL;
	char seen[TEXT_MAX] = "";
	json_array_foreach (json_object_get(m->doc, "findings"), i, f) {
		const char *rule = kan_json_str(f, "rule");
		if (strncmp(rule, "persist.", 8) != 0 || strstr(seen, rule + 8) ||
		    strlen(seen) + strlen(rule) + 1 > sizeof seen)
			continue;
		memcpy(seen + strlen(seen), rule + 8, strlen(rule + 8) + 1);
		kan_part_textf(parts, "%s%s", n++ ? ", " : "; persist: ", rule + 8);
	}
}

static void changed(struct kan_model *m)
{
	static const char *const words[] = {"added", "changed", "deleted", "metadata"};
	const json_t *section = json_object_get(m->doc, "changes"),
		     *counts = json_object_get(section, "counts");
	const json_t *hidden = json_object_get(section, "hidden_from_engine");
	json_t *p = json_array();
	if (!json_is_true(json_object_get(section, "seen"))) {
		kan_part_text(p, "not assessed: the container's own layer was not read");
		kan_entry_add(&m->changed, p, 0);
		return;
	}
	for (size_t i = 0; i < 4; i++)
		kan_part_textf(p, "%s%" PRId64 " %s", i ? ", " : "", kan_json_int(counts, words[i]),
			       words[i]);
	if (kan_json_int(section, "explained"))
		kan_part_textf(p, " (%" PRId64 " explained)", kan_json_int(section, "explained"));
	persist(m, p);
	kan_entry_add(&m->changed, p, 0);
	p = json_array();
	const json_t *rows = json_object_get(hidden, "rows");
	if (!json_is_true(json_object_get(hidden, "compared")))
		kan_part_text(p, "not assessed: no two views, ours and the engine's, to compare");
	else if (kan_json_int(hidden, "count") == 0) {
		json_decref(p);
		return;
	} else {
		kan_part_textf(
			p, "%" PRId64 " from the engine's diff: ", kan_json_int(hidden, "count"));
		kan_part_value(p, json_array_get(rows, 0), "path");
	}
	static const char *const keys[] = {"path", NULL};
	kan_entry_add(&m->hidden, p,
		      kan_model_object_finding(m, "change", json_array_get(rows, 0), keys));
}

/* Who is compared with whom, in a word. */
static const char *sides_of(const char *id)
{
	static const char *const words[][2] = {
		{"cgroup-scan", "cgroup and /proc"},
		{"socket-unheld", "sockets and their holders"},
		{"socket-unlisted", "descriptors and socket tables"},
		{"exe-file", "running bytes and their file"},
		{"mounts-inspect", "mounts and inspect"},
		{"engine-changes", "changes and the engine's list"},
		{"engine-files", "the engine and its files"},
		{"log-times", "times of the live log"},
		{"image-digests", "the image's digests and its manifests"},
	};
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(id, words[i][0]) == 0)
			return words[i][1];
	return id;
}

/* Where two views do not agree; each case is in the report. */
static void views(struct kan_model *m)
{
	size_t i = 0;
	json_t *c = NULL, *p = NULL;
	int64_t all = 0, unknown = 0;
	const char *between = ": ";
	json_array_foreach (json_object_get(m->doc, "contradictions"), i, c) {
		all += kan_json_int(c, "count");
		unknown += json_is_false(json_object_get(c, "assessed")) &&
			   strcmp(kan_json_str(json_object_get(c, "missing"), "code"),
				  "not-applicable") != 0;
	}
	if (!all)
		return;
	p = json_array();
	kan_part_text(p, "differ");
	json_array_foreach (json_object_get(m->doc, "contradictions"), i, c) {
		if (!kan_json_int(c, "count"))
			continue;
		kan_part_textf(p, "%s%s %" PRId64, between, sides_of(kan_json_str(c, "id")),
			       kan_json_int(c, "count"));
		between = ", ";
	}
	if (unknown)
		kan_part_textf(p, "; %" PRId64 " not assessed", unknown);
	kan_entry_add(&m->views, p, 0);
}

static void unseen(struct kan_model *m, const char *kind)
{
	size_t i = 0;
	json_t *row = NULL;
	json_array_foreach (json_object_get(m->doc, "not_seen"), i, row) {
		json_t *p = NULL;
		if (strcmp(kan_json_str(row, "kind"), kind) != 0)
			continue;
		p = json_array();
		kan_part_value(p, row, "what");
		if (strcmp(kind, "gap") == 0)
			kan_part_textf(p, " (%s)", kan_json_str(row, "code"));
		else if (strcmp(kind, "scope") == 0) {
			kan_part_text(p, " (");
			kan_part_value(p, row, "why");
			kan_part_text(p, ")");
		}
		if (*kan_json_str(row, "could_show"))
			kan_part_textf(p, ": %s", kan_json_str(row, "could_show"));
		kan_entry_add(&m->not_seen, p, 0);
	}
}

/* Nothing is said where nothing was compared: of a dead container, and while it is collected. */
static void after(struct kan_model *m)
{
	const json_t *check = json_object_get(json_object_get(m->doc, "record"), "self_check");
	json_t *p = NULL;
	if (!json_is_true(json_object_get(json_object_get(check, "processes"), "compared")) &&
	    !json_is_true(json_object_get(json_object_get(check, "connections"), "compared")))
		return;
	p = json_array();
	kan_part_text(p, kan_json_str(check, "says"));
	kan_entry_add(&m->after, p, 0);
}

static void about(struct kan_model *m)
{
	const json_t *c = json_object_get(m->doc, "container"),
		     *r = json_object_get(m->doc, "record");
	const json_t *freeze = json_object_get(r, "freeze");
	json_t *p = json_array();
	char id[SHORT_ID + 1] = "", clock[CLOCK_LEN + 1] = "";
	strncpy(id, kan_json_str(c, "id"), SHORT_ID);
	if (strlen(kan_json_str(r, "started")) >= CLOCK_AT + CLOCK_LEN)
		strncpy(clock, kan_json_str(r, "started") + CLOCK_AT, CLOCK_LEN);
	kan_part_value(p, c, "name");
	kan_part_text(p, " ");
	kan_part_bytes(p, kan_bytes_of(id));
	kan_part_text(p, "  ");
	kan_part_value(p, c, "image");
	if (*clock && clock[strspn(clock, "0123456789:Z")] == '\0')
		kan_part_textf(p, "  %s", clock);
	if (strcmp(kan_json_str(r, "depth"), "offline") == 0)
		kan_part_text(p, "  offline, from a data root");
	else if (json_is_true(json_object_get(freeze, "held")))
		kan_part_text(p, "  paused, held for the act");
	else if (json_is_true(json_object_get(freeze, "paused_by_us")))
		kan_part_textf(p, "  paused %" PRId64 " ms",
			       kan_json_int(freeze, "total_ns") / NS_PER_MS);
	else if (json_is_true(json_object_get(freeze, "found_paused")))
		kan_part_text(p, "  found paused");
	else if (freeze)
		kan_part_text(p, "  not paused");
	kan_part_text(p, freeze ? ", nothing run in it" : "  nothing run in it");
	m->about = p;
}

void kan_model_screen(struct kan_model *m)
{
	about(m);
	first(m);
	do_now(m);
	now(m);
	peers(m);
	talks(m);
	changed(m);
	views(m);
	kan_model_reach(m);
	after(m);
	unseen(m, "gap");
	unseen(m, "window");
	unseen(m, "scope");
}
