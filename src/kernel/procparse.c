/* /proc/PID/stat and /proc/PID/status: pure parsers. */
#include <stdlib.h>
#include <string.h>

#include "kernel/procfs.h"

enum { STAT_FIELDS = 53, /* proc(5): 52 fields, counted from 1 */ NUMBER_OCTETS = 24 };

struct cursor {
	const uint8_t *p, *end;
};

static void spaces(struct cursor *c)
{
	while (c->p < c->end && (*c->p == ' ' || *c->p == '\t'))
		c->p++;
}

/* A decimal number with sign; false when there is none. */
static bool number(int64_t *out, struct cursor *c)
{
	char text[NUMBER_OCTETS];
	size_t n = 0;
	spaces(c);
	while (c->p < c->end && n + 1 < sizeof(text) &&
	       ((*c->p >= '0' && *c->p <= '9') || (n == 0 && *c->p == '-')))
		text[n++] = (char)*c->p++;
	text[n] = 0;
	/* Unsigned fields may pass 2^63: they wrap, and are cast back by who asks for them. */
	*out = text[0] == '-' ? strtoll(text, NULL, 10) : (int64_t)strtoull(text, NULL, 10);
	return n > 0 && !(n == 1 && text[0] == '-');
}

static const uint8_t *last(struct kan_bytes v, uint8_t c)
{
	return v.n ? memrchr(v.p, c, v.n) : NULL;
}

int kan_proc_stat_parse(struct kan_proc_stat *out, struct kan_bytes text, struct kan_err *err)
{
	struct kan_proc_stat s = {0};
	int64_t f[STAT_FIELDS] = {0};
	const uint8_t *open = text.n ? memchr(text.p, '(', text.n) : NULL, *shut = last(text, ')');
	struct cursor c = {text.p, open};
	if (!open || !shut || shut < open || !number(&f[0], &c))
		return kan_fail(err, KAN_EFORMAT, "stat: no (comm)");
	s.comm = (struct kan_bytes){open + 1, (size_t)(shut - open - 1)};
	c = (struct cursor){shut + 1, text.p + text.n};
	spaces(&c);
	if (c.p == c.end)
		return kan_fail(err, KAN_EFORMAT, "stat: cut after comm");
	s.state = (char)*c.p++;
	size_t n = 3; /* fields count from 1: pid, comm, state */
	while (n < STAT_FIELDS && number(&f[n], &c))
		n++;
	if (n < 24)
		return kan_fail(err, KAN_EFORMAT, "stat: %zu fields", n);
	s.pid = (pid_t)f[0];
	s.ppid = (pid_t)f[3];
	s.pgrp = (pid_t)f[4];
	s.session = (pid_t)f[5];
	s.tty = (int)f[6];
	s.flags = (unsigned long)f[8];
	s.utime = (uint64_t)f[13];
	s.stime = (uint64_t)f[14];
	s.threads = (int)f[19];
	s.starttime = (uint64_t)f[21];
	s.vsize = (uint64_t)f[22];
	s.rss = f[23];
	s.arg_start = (uint64_t)f[47];
	s.arg_end = (uint64_t)f[48];
	s.env_start = (uint64_t)f[49];
	s.env_end = (uint64_t)f[50];
	s.exit_code = (int)f[51];
	*out = s;
	return 0;
}

static uint64_t hex(struct cursor *c)
{
	char text[NUMBER_OCTETS];
	size_t n = 0;
	spaces(c);
	while (c->p < c->end && n + 1 < sizeof(text) && *c->p != '\n')
		text[n++] = (char)*c->p++;
	text[n] = 0;
	return strtoull(text, NULL, 16);
}

static size_t numbers(uint32_t *out, size_t max, struct cursor *c)
{
	int64_t v = 0;
	size_t n = 0;
	while (n < max && number(&v, c))
		out[n++] = (uint32_t)v;
	return n;
}

static void groups(struct kan_proc_status *s, struct cursor *c)
{
	int64_t v = 0;
	for (; number(&v, c); s->groups_seen++)
		if (s->n_groups < KAN_PROC_GROUPS)
			s->groups[s->n_groups++] = (uint32_t)v;
}

static void credentials(struct kan_proc_status *s, const char *key, struct cursor *c)
{
	if (strcmp(key, "Uid") == 0)
		(void)numbers(s->uid, 4, c);
	else if (strcmp(key, "Gid") == 0)
		(void)numbers(s->gid, 4, c);
	else if (strcmp(key, "Groups") == 0)
		groups(s, c);
	else if (strcmp(key, "CapInh") == 0)
		s->cap_inh = hex(c);
	else if (strcmp(key, "CapPrm") == 0)
		s->cap_prm = hex(c);
	else if (strcmp(key, "CapEff") == 0)
		s->cap_eff = hex(c);
	else if (strcmp(key, "CapBnd") == 0)
		s->cap_bnd = hex(c);
	else if (strcmp(key, "CapAmb") == 0)
		s->cap_amb = hex(c);
}

static void nspids(struct kan_proc_status *s, struct cursor *c)
{
	int64_t v = 0;
	while (s->n_nspid < KAN_PROC_NSPIDS && number(&v, c))
		s->nspid[s->n_nspid++] = (pid_t)v;
}

static void others(struct kan_proc_status *s, const char *key, struct cursor *c)
{
	int64_t v = 0;
	if (strcmp(key, "NSpid") == 0) {
		nspids(s, c);
		return;
	}
	if (!number(&v, c))
		return;
	if (strcmp(key, "NoNewPrivs") == 0)
		s->no_new_privs = (int)v;
	else if (strcmp(key, "Seccomp") == 0)
		s->seccomp = (int)v;
	else if (strcmp(key, "Seccomp_filters") == 0)
		s->seccomp_filters = (int)v;
	else if (strcmp(key, "TracerPid") == 0)
		s->tracer = (pid_t)v;
	else if (strcmp(key, "VmRSS") == 0)
		s->vm_rss_kb = (uint64_t)v;
}

/* "Key:\tvalue" lines. Name is the process's own word and comes first: a line of it cannot hold a
 * newline (proc(5)). */
int kan_proc_status_parse(struct kan_proc_status *out, struct kan_bytes text, struct kan_err *err)
{
	struct kan_proc_status s = {0};
	bool seen = false;
	while (text.n) {
		const uint8_t *end = memchr(text.p, '\n', text.n);
		size_t n = end ? (size_t)(end - text.p) : text.n;
		const uint8_t *colon = memchr(text.p, ':', n);
		char key[32];
		if (colon && (size_t)(colon - text.p) < sizeof(key)) {
			size_t len = (size_t)(colon - text.p);
			memcpy(key, text.p, len);
			key[len] = 0;
			struct cursor c = {colon + 1, text.p + n};
			seen |= strcmp(key, "Uid") == 0;
			credentials(&s, key, &c);
			c.p = colon + 1;
			others(&s, key, &c);
		}
		text.p += n + (end ? 1 : 0);
		text.n -= n + (end ? 1 : 0);
	}
	if (!seen)
		return kan_fail(err, KAN_EFORMAT, "status: no Uid");
	*out = s;
	return 0;
}
