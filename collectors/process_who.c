/* Who a process is: credentials, capabilities, namespaces, and the kernel's accounts of it. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/row.h"
#include "collectors/process_parts.h"

enum { MAP_LINES = 340 };

static bool has(const struct kan_process *p, enum kan_proc_file f)
{
	return p->has & 1u << f;
}

static struct kan_bytes raw(const struct kan_process *p, enum kan_proc_file f)
{
	return has(p, f) ? kan_buf_bytes(&p->raw[f]) : (struct kan_bytes){0};
}

static void four(struct kan_row *r, const char *key, const uint32_t v[4])
{
	kan_row_arr(r, key);
	for (size_t i = 0; i < 4; i++)
		kan_row_uint(r, NULL, v[i]);
	kan_row_arr_end(r);
}

static void credentials(struct kan_row *r, const struct kan_proc_status *s)
{
	four(r, "uid", s->uid);
	four(r, "gid", s->gid);
	kan_row_arr(r, "groups");
	for (size_t i = 0; i < s->n_groups; i++)
		kan_row_uint(r, NULL, s->groups[i]);
	kan_row_arr_end(r);
	kan_row_obj(r, "cap");
	kan_row_mask(r, "inh", s->cap_inh);
	kan_row_mask(r, "prm", s->cap_prm);
	kan_row_mask(r, "eff", s->cap_eff);
	kan_row_mask(r, "bnd", s->cap_bnd);
	kan_row_mask(r, "amb", s->cap_amb);
	kan_row_obj_end(r);
	kan_row_bool(r, "no_new_privs", s->no_new_privs == 1);
	kan_row_obj(r, "seccomp");
	kan_row_int(r, "mode", s->seccomp);
	kan_row_int(r, "filters", s->seccomp_filters);
	kan_row_obj_end(r);
	if (s->tracer)
		kan_row_int(r, "tracer", s->tracer);
}

static void from_status(struct kan_row *r, struct kan_procs *c, const struct kan_process *p)
{
	struct kan_proc_status s;
	struct kan_err why = {0};
	if (!has(p, KAN_PF_STATUS))
		return;
	if (kan_proc_status_parse(&s, raw(p, KAN_PF_STATUS), &why) < 0) {
		kan_sink_gap_err(c->sink, KAN_LIT("status"), &why);
		return;
	}
	kan_row_arr(r, "nspid");
	for (size_t i = 0; i < s.n_nspid; i++)
		kan_row_int(r, NULL, s.nspid[i]);
	kan_row_arr_end(r);
	credentials(r, &s);
	if (s.groups_seen > s.n_groups)
		kan_sink_limit(c->sink, KAN_LIT("groups of a process"), s.groups_seen, s.n_groups,
			       KAN_PROC_GROUPS);
}

/* "0 100000 65536": the numbers of each line. */
static void id_map(struct kan_row *r, const char *key, const struct kan_process *p,
		   enum kan_proc_file f)
{
	if (!has(p, f))
		return;
	const char *at = kan_buf_str(&p->raw[f]);
	kan_row_arr(r, key);
	for (unsigned line = 0; line < MAP_LINES && at[strspn(at, " \n")]; line++) {
		kan_row_arr(r, NULL);
		for (size_t i = 0; i < 3; i++) {
			char *end = NULL;
			kan_row_uint(r, NULL, strtoull(at, &end, 10));
			at = end;
		}
		kan_row_arr_end(r);
		at += strcspn(at, "\n");
	}
	kan_row_arr_end(r);
}

static void one_number(struct kan_row *r, const char *key, const struct kan_process *p,
		       enum kan_proc_file f)
{
	char *end = NULL;
	const char *text = kan_buf_str(&p->raw[f]);
	int64_t v = has(p, f) ? strtoll(text, &end, 10) : 0;
	if (end && end != text)
		kan_row_int(r, key, v);
}

static void io(struct kan_row *r, const struct kan_process *p)
{
	static const char *const keys[] = {"rchar",
					   "wchar",
					   "syscr",
					   "syscw",
					   "read_bytes",
					   "write_bytes",
					   "cancelled_write_bytes"};
	if (!has(p, KAN_PF_IO))
		return;
	const char *text = kan_buf_str(&p->raw[KAN_PF_IO]);
	kan_row_obj(r, "io");
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		size_t n = strlen(keys[i]);
		const char *at = text;
		while (*at && !(strncmp(at, keys[i], n) == 0 && at[n] == ':')) {
			at += strcspn(at, "\n");
			at += *at == '\n';
		}
		if (*at)
			kan_row_uint(r, keys[i], strtoull(at + n + 1, NULL, 10));
	}
	kan_row_obj_end(r);
}

static void numbers(struct kan_row *r, const struct kan_process *p)
{
	struct kan_bytes lsm = raw(p, KAN_PF_ATTR);
	while (lsm.n && (lsm.p[lsm.n - 1] == '\n' || lsm.p[lsm.n - 1] == 0))
		lsm.n--;
	if (has(p, KAN_PF_ATTR))
		kan_row_bytes(r, "lsm", lsm);
	kan_row_obj(r, "ns");
	for (size_t i = 0; i < KAN_NS_COUNT; i++)
		if (p->ns[i])
			kan_row_dec(r, kan_ns_names[i], p->ns[i]);
	kan_row_obj_end(r);
	id_map(r, "uid_map", p, KAN_PF_UID_MAP);
	id_map(r, "gid_map", p, KAN_PF_GID_MAP);
	one_number(r, "loginuid", p, KAN_PF_LOGINUID);
	one_number(r, "sessionid", p, KAN_PF_SESSIONID);
	one_number(r, "oom_adj", p, KAN_PF_OOM_ADJ);
	kan_row_uint(r, "rss", (uint64_t)p->stat.rss * (uint64_t)sysconf(_SC_PAGESIZE));
	kan_row_uint(r, "vsz", p->stat.vsize);
	kan_row_uint(r, "utime", p->stat.utime);
	kan_row_uint(r, "stime", p->stat.stime);
	io(r, p);
}

void kan_procs_row_who(struct kan_row *r, struct kan_procs *c, const struct kan_process *p)
{
	from_status(r, c, p);
	numbers(r, p);
}
