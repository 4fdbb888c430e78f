/* What the joins know: the tables put together, and how they are asked. */
#include "analyze/facts.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "analyze/contradictions.h"
#include "analyze/packages.h"
#include "analyze/yararows.h"
#include "base/clock.h"
#include "image/engineconfig.h"

int64_t kan_get_int(const json_t *o, const char *key, int64_t otherwise)
{
	const json_t *v = json_object_get(o, key);
	return json_is_integer(v) ? json_integer_value(v) : otherwise;
}

uint64_t kan_get_dec(const json_t *o, const char *key)
{
	const json_t *v = json_object_get(o, key);
	if (json_is_integer(v))
		return (uint64_t)json_integer_value(v);
	const char *s = json_string_value(v);
	return s && *s >= '0' && *s <= '9' ? strtoull(s, NULL, 10) : 0;
}

json_t *kan_get(const json_t *o, const char *dotted)
{
	const char *dot = NULL;
	while (o && (dot = strchr(dotted, '.')) != NULL) {
		o = json_object_getn(o, dotted, (size_t)(dot - dotted));
		dotted = dot + 1;
	}
	return json_object_get(o, dotted);
}

uint64_t kan_hash(struct kan_bytes v)
{
	uint64_t h = 14695981039346656037ULL;
	for (size_t i = 0; i < v.n; i++)
		h = (h ^ v.p[i]) * 1099511628211ULL;
	return h;
}

bool kan_ip_parse(struct in6_addr *out, const char *text)
{
	struct in_addr v4;
	if (inet_pton(AF_INET, text, &v4) == 1) {
		memset(out, 0, sizeof *out);
		out->s6_addr[10] = out->s6_addr[11] = 0xff;
		memcpy(out->s6_addr + 12, &v4, sizeof v4);
		return true;
	}
	return inet_pton(AF_INET6, text, out) == 1;
}

bool kan_ip_net(struct kan_net *out, const char *text)
{
	char address[INET6_ADDRSTRLEN];
	const char *slash = strchr(text, '/');
	size_t n = slash ? (size_t)(slash - text) : strlen(text);
	if (n >= sizeof address)
		return false;
	memcpy(address, text, n);
	address[n] = '\0';
	if (!kan_ip_parse(&out->addr, address))
		return false;
	bool v4 = strchr(address, ':') == NULL;
	unsigned long bits = v4 ? 32 : 128;
	if (slash) {
		char *end = NULL;
		unsigned long most = bits;
		bits = strtoul(slash + 1, &end, 10);
		if (end == slash + 1 || *end || bits > most)
			return false;
	}
	out->bits = (unsigned)bits + (v4 ? 96 : 0);
	return true;
}

bool kan_ip_in(const struct in6_addr *a, const struct kan_net *n)
{
	unsigned whole = n->bits / 8, rest = n->bits % 8;
	if (memcmp(a->s6_addr, n->addr.s6_addr, whole) != 0)
		return false;
	if (!rest)
		return true;
	unsigned mask = (0xff00u >> rest) & 0xffu;
	return (a->s6_addr[whole] & mask) == (n->addr.s6_addr[whole] & mask);
}

static int by_pid(const void *a, const void *b)
{
	int64_t x = ((const struct kan_proc *)a)->pid, y = ((const struct kan_proc *)b)->pid;
	return (x > y) - (x < y);
}

static int by_ino(const void *a, const void *b)
{
	uint64_t x = ((const struct kan_sock *)a)->ino, y = ((const struct kan_sock *)b)->ino;
	return (x > y) - (x < y);
}

static int by_mount(const void *a, const void *b)
{
	int64_t x = ((const struct kan_mount *)a)->id, y = ((const struct kan_mount *)b)->id;
	return (x > y) - (x < y);
}

/* bsearch that takes an empty table. */
static const void *find(const void *key, const void *table, size_t n, size_t size,
			int (*cmp)(const void *, const void *))
{
	return n ? bsearch(key, table, n, size, cmp) : NULL;
}

const struct kan_proc *kan_facts_proc(const struct kan_facts *f, int64_t pid)
{
	struct kan_proc key = {.pid = pid};
	return find(&key, f->procs, f->n_procs, sizeof key, by_pid);
}

const struct kan_sock *kan_facts_sock(const struct kan_facts *f, uint64_t ino)
{
	struct kan_sock key = {.ino = ino};
	return find(&key, f->socks, f->n_socks, sizeof key, by_ino);
}

const struct kan_mount *kan_facts_mount(const struct kan_facts *f, int64_t id)
{
	struct kan_mount key = {.id = id};
	return find(&key, f->mounts, f->n_mounts, sizeof key, by_mount);
}

bool kan_facts_service_uid(const struct kan_facts *f, int64_t uid)
{
	if (uid == 0)
		return false; /* an exec is root's as well: it tells nobody apart */
	for (size_t i = 0; i < f->n_procs; i++)
		if (f->procs[i].uid == uid && (f->procs[i].ancestor == KAN_ANC_SERVICE ||
					       f->procs[i].ancestor == KAN_ANC_INIT))
			return true;
	return false;
}

const char *kan_ancestor_name(enum kan_ancestor a)
{
	switch (a) {
	case KAN_ANC_UNKNOWN:
		return NULL;
	case KAN_ANC_INIT:
		return "init";
	case KAN_ANC_SERVICE:
		return "service";
	case KAN_ANC_EXEC:
		return "exec";
	case KAN_ANC_HEALTH:
		return "healthcheck";
	case KAN_ANC_ORPHAN:
		return "orphan";
	}
	return NULL;
}

void *kan_facts_more(void *table, size_t *n, size_t max, size_t size)
{
	void **at = table;
	if (*n >= max)
		return NULL;
	if ((*n & (*n - 1)) == 0) /* 0 and powers of two: the table is full */
		*at = kan_xrealloc(*at, *n ? *n * 2 : 1, size);
	uint8_t *fresh = (uint8_t *)*at + *n * size;
	memset(fresh, 0, size);
	(*n)++;
	return fresh;
}

/* A document that is not there, or does not parse, is unknown to the joins; the gap is the
 * collector's. */
static json_t *document(const struct kan_source *s, const char *path)
{
	json_t *doc = NULL;
	struct kan_err ignored = {0};
	if (kan_source_json(&doc, s, path, KAN_FACTS_DOCUMENT, &ignored) < 0)
		return NULL;
	return json_is_null(doc) ? NULL : doc;
}

/* Its lists of containers have this one once, or no word of them is believed. */
static json_t *of_podman(const struct kan_facts *f)
{
	const char *id = kan_json_str(json_object_get(f->capture, "target"), "id");
	json_auto_t *spec = document(f->source, "data/engine/oci-spec.json");
	json_t *lists[KAN_PODMAN_LISTS] = {document(f->source, KAN_FACTS_PODMAN_LIST),
					   document(f->source, KAN_FACTS_PODMAN_VOLATILE)};
	const json_t *entry = kan_podman_entry(lists, KAN_PODMAN_LISTS, id, NULL);
	json_t *inspect = entry || spec ? kan_podman_inspect(entry, spec) : NULL;
	for (size_t i = 0; i < KAN_PODMAN_LISTS; i++)
		json_decref(lists[i]);
	return inspect;
}

/* Offline no engine was asked: its own files say what inspect would have said. */
static json_t *from_files(const struct kan_facts *f)
{
	if (f->inspect || strcmp(kan_json_str(f->capture, "depth"), "offline") != 0)
		return f->inspect;
	json_auto_t *config = document(f->source, "data/engine/config.v2.json");
	json_auto_t *host = document(f->source, "data/engine/hostconfig.json");
	return json_is_object(config) ? kan_config_inspect(config, host) : of_podman(f);
}

static bool whole(const struct kan_facts *f, const char *collector, const char *artefact)
{
	enum kan_coverage c = kan_cover_of(f->cover, f->source, collector, artefact);
	return c == KAN_COVER_WHOLE || c == KAN_COVER_NOT_APPLICABLE;
}

static void order(void *table, size_t n, size_t size, int (*cmp)(const void *, const void *))
{
	if (n)
		qsort(table, n, size, cmp);
}

void kan_facts_sort(struct kan_facts *f)
{
	order(f->procs, f->n_procs, sizeof *f->procs, by_pid);
	order(f->socks, f->n_socks, sizeof *f->socks, by_ino);
	order(f->mounts, f->n_mounts, sizeof *f->mounts, by_mount);
	kan_facts_origin_sort(f);
}

/* Docker writes the year 1 for never. */
static int64_t stamp(const char *text)
{
	int64_t ns = 0;
	struct kan_err ignored = {0};
	return *text && kan_rfc3339_parse(&ns, text, &ignored) == 0 && ns > 0 ? ns : 0;
}

int kan_facts_new(struct kan_facts **out, const struct kan_source *s, const struct kan_cover *c,
		  struct kan_err *err)
{
	struct kan_facts *f = kan_xalloc(sizeof *f);
	f->source = s;
	f->cover = c;
	f->packages = kan_packages_new();
	f->capture = document(s, "capture.json");
	f->inspect = document(s, "data/engine/inspect.json");
	f->inspect = from_files(f);
	f->image_inspect = document(s, "data/engine/image-inspect.json");
	f->networks = document(s, "data/engine/networks.json");
	f->init_pid = kan_get_int(kan_get(f->capture, "target"), "pid", 0);
	f->created_ns = stamp(kan_json_str(f->inspect, "Created"));
	f->started_ns = stamp(kan_json_str(json_object_get(f->inspect, "State"), "StartedAt"));
	f->captured_ns = kan_get_int(f->capture, "started_ns", 0);
	f->whole_procs = whole(f, "processes", "data/processes/processes.ndjson");
	f->whole_fds = whole(f, "processes", "data/processes/fds.ndjson");
	f->whole_sockets = whole(f, "network", "data/network/sockets.ndjson");
	f->whole_changes = whole(f, "filesystem", "data/filesystem/changes.ndjson");
	f->whole_baseline = whole(f, "image", "data/image/baseline.ndjson");
	f->whole_mounts = whole(f, "mounts", "data/mounts/mounts.ndjson");
	if (kan_facts_network(f, err) < 0 || kan_facts_processes(f, err) < 0 ||
	    kan_facts_files(f, err) < 0)
		goto out;
	if (kan_yara_digests(&f->yara, f, err) < 0)
		goto out;
	f->whole_strange = kan_mounts_strange(&f->strange, &f->init_mntns, f);
	*out = f;
	return 0;
out:
	kan_facts_free(f);
	return -1;
}

void kan_facts_free(struct kan_facts *f)
{
	if (!f)
		return;
	for (size_t i = 0; i < f->n_procs; i++) {
		free((void *)(uintptr_t)f->procs[i].link.p);
		json_decref(f->procs[i].same_as);
	}
	for (size_t i = 0; i < f->n_mounts; i++)
		free((void *)(uintptr_t)f->mounts[i].point.p);
	kan_facts_origin_free(f);
	kan_arena_free(&f->engine_text);
	free(f->procs);
	free(f->socks);
	free(f->mounts);
	free(f->strange.v);
	free(f->engine);
	json_decref(f->capture);
	json_decref(f->inspect);
	json_decref(f->image_inspect);
	json_decref(f->networks);
	json_decref(f->yara);
	kan_packages_free(f->packages);
	free(f);
}
