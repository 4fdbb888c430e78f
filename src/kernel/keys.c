/* /proc/keys, proc_keys(5): a pure parser. */
#include "kernel/keys.h"

#include <stdlib.h>
#include <string.h>

enum { WORD_OCTETS = 24, TYPE_OCTETS = 9, SERIAL_OCTETS = 8 };

static struct kan_bytes word(struct kan_bytes *line)
{
	while (line->n && *line->p == ' ')
		line->p++, line->n--;
	const uint8_t *end = line->n ? memchr(line->p, ' ', line->n) : NULL;
	struct kan_bytes w = {line->p, end ? (size_t)(end - line->p) : line->n};
	line->p += w.n;
	line->n -= w.n;
	return w;
}

static bool number(int64_t *out, struct kan_bytes w, int base)
{
	char text[WORD_OCTETS], *end = NULL;
	if (w.n == 0 || w.n >= sizeof(text) || *w.p == '+')
		return false;
	memcpy(text, w.p, w.n);
	text[w.n] = 0;
	*out = strtoll(text, &end, base);
	return !*end;
}

static struct kan_bytes type_of(struct kan_bytes *line)
{
	struct kan_bytes t = {line->p, line->n < TYPE_OCTETS ? line->n : TYPE_OCTETS};
	line->p += t.n;
	line->n -= t.n;
	while (t.n && t.p[t.n - 1] == ' ')
		t.n--;
	return t;
}

static bool parse(struct kan_key *k, struct kan_bytes line)
{
	int64_t serial = 0, usage = 0, perm = 0, uid = 0, gid = 0;
	struct kan_bytes head = word(&line);
	k->flags = word(&line);
	if (head.n != SERIAL_OCTETS || !number(&serial, head, 16) ||
	    !number(&usage, word(&line), 10) || (k->timeout = word(&line)).n == 0 ||
	    !number(&perm, word(&line), 16) || !number(&uid, word(&line), 10) ||
	    !number(&gid, word(&line), 10) || line.n == 0 || *line.p != ' ')
		return false;
	line.p++, line.n--;
	k->type = type_of(&line);
	if (line.n && *line.p == ' ')
		line.p++, line.n--;
	k->desc = line;
	k->serial = (uint32_t)serial;
	k->usage = (uint64_t)usage;
	k->perm = (uint32_t)perm;
	k->uid = (uint32_t)uid;
	k->gid = (uint32_t)gid;
	return k->type.n > 0;
}

int kan_keys_each(struct kan_bytes text, kan_key_fn *fn, void *arg, struct kan_err *err)
{
	struct kan_key now = {0};
	bool any = false;
	while (text.n) {
		struct kan_key next = {0};
		const uint8_t *end = memchr(text.p, '\n', text.n);
		struct kan_bytes line = {text.p, end ? (size_t)(end - text.p) : text.n};
		text.p += line.n + (end ? 1 : 0);
		text.n -= line.n + (end ? 1 : 0);
		if (parse(&next, line) && (!any || next.serial > now.serial)) {
			if (any && fn(&now, arg, err) < 0)
				return -1;
			now = next;
			any = true;
		} else if (any) {
			now.desc.n = (size_t)(line.p + line.n - now.desc.p);
		} else {
			return kan_fail(err, KAN_EFORMAT, "keys: the first line is none");
		}
	}
	return any ? fn(&now, arg, err) : 0;
}
