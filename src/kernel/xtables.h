/* Legacy iptables of one network namespace: the tables that are there, read by getsockopt, decoded
 * after that. */
#ifndef KAN_KERNEL_XTABLES_H
#define KAN_KERNEL_XTABLES_H

#include <kanshiki/bytes.h>
#include <kanshiki/err.h>

struct kan_row;

enum {
	KAN_XT_NAME = 32,
	KAN_XT_HOOKS = 5,
	KAN_XT_TABLES = 16,          /* of a family; the kernel has five */
	KAN_XT_TABLE_MAX = 32 << 20, /* octets of one table's entries */
};

/* Where the chains of a table begin: struct ipt_getinfo and ip6t_getinfo are the same. */
struct kan_xt_info {
	char name[KAN_XT_NAME];
	uint32_t valid_hooks, hook_entry[KAN_XT_HOOKS], underflow[KAN_XT_HOOKS], num_entries, size;
};
struct kan_xt_table {
	bool six;
	struct kan_xt_info info;
	struct kan_buf entries;
	struct kan_err err; /* code KAN_OK: whole; sys EAGAIN: it changed in every try */
};

/* Pure: names out of /proc/net/ip_tables_names; at most KAN_XT_TABLES. The number that was there.
 */
size_t kan_xt_names(char out[KAN_XT_TABLES][KAN_XT_NAME], struct kan_bytes text);
/*
 * One table that the kernel lists: one that it does not list would be created by the question. fd:
 * an IPv4 or IPv6 socket of the namespace. Free in every case.
 */
void kan_xt_read(struct kan_xt_table *out, int fd, bool six, const char *name);
void kan_xt_free(struct kan_xt_table *t);

/* Where chains begin, by ascending offset: what a jump means. */
struct kan_xt_chains;

/* One rule; borrowed. */
struct kan_xt_rule {
	const struct kan_xt_table *table;
	const struct kan_xt_chains *chains;
	struct kan_bytes chain; /* empty: before any chain */
	struct kan_bytes entry, target;
	size_t at;   /* offset of the entry */
	uint64_t n;  /* in its chain, from 1 */
	bool policy; /* the last rule of a chain of the kernel's */
};
typedef int kan_xt_fn(const struct kan_xt_rule *rule, void *arg, struct kan_err *err);
/* Pure: each rule of each chain. *bad: counts what cannot be parsed. -1 only when fn says so. */
int kan_xt_each(uint64_t *bad, const struct kan_xt_table *t, kan_xt_fn *fn, void *arg,
		struct kan_err *err);
/* Pure: its fields, and the whole entry as "raw". format: cut; the fields before stand. */
int kan_xt_row(struct kan_row *r, const struct kan_xt_rule *rule, struct kan_err *err);

#endif
