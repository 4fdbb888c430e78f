/* The strings of a row or a document, each against every indicator. */
#include "analyze/hunt_part.h"

#include <stdio.h>
#include <string.h>

#include "base/row.h"

enum { DEPTH = 64, PORT_MAX = 65535, TWIN = 4, EXACT = 1 << 20 };

struct spot {
	struct kan_hunt_at *at;
	char where[KAN_HUNT_WHERE];
	size_t n;
	unsigned depth, port;
};

void kan_hunt_set(json_t *o, const char *key, struct kan_bytes v)
{
	char name[64];
	if (v.n > KAN_HUNT_SHOWN) {
		(void)snprintf(name, sizeof name, "%s_len", key);
		json_object_set_new(o, name, json_integer((json_int_t)v.n));
		v.n = KAN_HUNT_SHOWN;
	}
	kan_json_set_bytes(o, key, v);
}

/* What the row is about, for people: its path, or its process. */
static void set_object(json_t *hit, const json_t *row)
{
	static const char *const keys[] = {"path", "comm", "point", "name", "what", "raddr", NULL};
	const json_t *pid = json_object_get(row, "pid");
	kan_auto_buf struct kan_buf v = KAN_BUF(EXACT);
	if (json_is_integer(pid))
		json_object_set(hit, "pid", (json_t *)(uintptr_t)pid);
	for (size_t i = 0; keys[i]; i++) {
		kan_buf_reset(&v);
		if (kan_json_bytes(&v, row, keys[i], NULL) < 0)
			continue;
		kan_hunt_set(hit, "object", kan_buf_bytes(&v));
		return;
	}
}

static void add_hit(struct kan_hunt_at *at, size_t i, const char *where, struct kan_bytes span)
{
	if (at->row && at->last[i] == at->row)
		return; /* one a row */
	at->last[i] = at->row;
	if (at->found[i]++ >= KAN_HUNT_HITS)
		return;
	json_t *hit = json_pack("{s:I,s:s,s:s}", "ioc", (json_int_t)i, "artefact", at->file->path,
				"sha256", at->file->sha256);
	if (at->row)
		json_object_set_new(hit, "row", json_integer((json_int_t)at->row));
	if (*where)
		json_object_set_new(hit, "where", json_string(where));
	if (!at->hidden)
		kan_hunt_set(hit, "matched", span);
	if (at->object)
		set_object(hit, at->object);
	json_array_append_new(at->hits, hit);
}

static void look(struct kan_hunt_at *at, const char *where, struct kan_bytes v, unsigned port)
{
	struct kan_bytes span = v;
	for (size_t i = 0; i < at->h->iocs->n; i++)
		if (kan_ioc_in(&span, &at->h->iocs->v[i], v, port))
			add_hit(at, i, where, span);
}

void kan_hunt_text(struct kan_hunt_at *at, struct kan_bytes text)
{
	look(at, "", text, 0);
}

/* A cut in the middle of a character would be no text. */
static void named(struct spot *s, int n)
{
	size_t room = sizeof s->where - s->n;
	s->n += n < 0 ? 0 : (size_t)n < room ? (size_t)n : room - 1;
	for (size_t i = 0; i < s->n; i++)
		if ((uint8_t)s->where[i] >= 0x80 || (uint8_t)s->where[i] < ' ')
			s->where[i] = '?';
}

static struct kan_bytes bytes_in(const json_t *v)
{
	return (struct kan_bytes){(const uint8_t *)json_string_value(v), json_string_length(v)};
}

static void any(struct spot s, const json_t *v, bool twin);

/* The exact bytes; what is no base64 is text as any other. */
static void text(const struct spot *s, const json_t *v, bool twin)
{
	kan_auto_buf struct kan_buf exact = KAN_BUF(EXACT);
	struct kan_bytes is = bytes_in(v);
	if (twin && kan_base64_decode(&exact, is, NULL) == 0)
		is = kan_buf_bytes(&exact);
	look(s->at, s->where, is, s->port);
}

static unsigned port_of(const json_t *v)
{
	json_int_t n = json_is_integer(v) ? json_integer_value(v) : 0;
	const char *digits = json_is_string(v) ? json_string_value(v) : "";
	for (; *digits >= '0' && *digits <= '9' && n <= PORT_MAX; digits++)
		n = n * 10 + (*digits - '0');
	return n > 0 && n <= PORT_MAX && !*digits ? (unsigned)n : 0;
}

/* The port that a row has beside an address. */
static unsigned beside(const json_t *o, const char *key)
{
	static const char *const pairs[][2] = {{"laddr", "lport"},
					       {"raddr", "rport"},
					       {"src", "sport"},
					       {"dst", "dport"},
					       {"HostIp", "HostPort"}};
	for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
		if (strcmp(key, pairs[i][0]) == 0)
			return port_of(json_object_get(o, pairs[i][1]));
	return 0;
}

/* name_b64 beside name. */
static bool is_twin(char base[KAN_HUNT_WHERE], const json_t *o, const char *key)
{
	size_t n = strlen(key);
	if (n <= TWIN || n >= KAN_HUNT_WHERE || strcmp(key + n - TWIN, "_b64") != 0)
		return false;
	(void)snprintf(base, KAN_HUNT_WHERE, "%.*s", (int)(n - TWIN), key);
	return json_object_get(o, base);
}

/* The text beside a twin is looked at as well: it is what people were shown. */
static void members(const struct spot *s, const json_t *o)
{
	const char *key = NULL;
	json_t *v = NULL;
	char base[KAN_HUNT_WHERE];
	json_object_foreach ((json_t *)(uintptr_t)o, key, v) {
		struct spot in = *s;
		bool twin = is_twin(base, o, key);
		named(&in, snprintf(in.where + in.n, sizeof in.where - in.n, "%s%.200s",
				    in.n ? "." : "", twin ? base : key));
		in.port = beside(o, key);
		any(in, v, twin);
	}
}

static void elements(const struct spot *s, const json_t *list, bool twin)
{
	size_t i = 0;
	json_t *v = NULL;
	json_array_foreach ((json_t *)(uintptr_t)list, i, v) {
		struct spot in = *s;
		named(&in, snprintf(in.where + in.n, sizeof in.where - in.n, "[%zu]", i));
		in.port = port_of(json_array_get(list, i + 1));
		any(in, v, twin);
	}
}

static void any(struct spot s, const json_t *v, bool twin)
{
	if (s.depth++ > DEPTH)
		return;
	if (json_is_string(v))
		text(&s, v, twin);
	else if (json_is_object(v))
		members(&s, v);
	else if (json_is_array(v))
		elements(&s, v, twin);
}

void kan_hunt_value(struct kan_hunt_at *at, const json_t *v)
{
	struct spot s = {.at = at};
	any(s, v, false);
}
