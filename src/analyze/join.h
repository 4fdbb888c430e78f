/* The joins: what one row says together with other artefacts. Each adds columns and never makes a
 * finding. */
#ifndef KAN_ANALYZE_JOIN_H
#define KAN_ANALYZE_JOIN_H

#include "analyze/facts.h"

void kan_join_process(json_t *extra, const json_t *row, const struct kan_facts *f);
void kan_join_socket(json_t *extra, const json_t *row, const struct kan_facts *f);
void kan_join_how(json_t *extra, const json_t *row, const struct kan_facts *f);
void kan_join_change(json_t *extra, const json_t *row, const struct kan_facts *f);
/* Parts of them: the packages. */
void kan_join_package(json_t *extra, const json_t *row, const struct kan_facts *f);
/* A file of a package database: whose it is, and whether a version changed with it. */
void kan_join_package_db(json_t *extra, const json_t *row, const struct kan_facts *f);
void kan_join_exe_package(json_t *extra, const json_t *row, const struct kan_proc *p,
			  const struct kan_facts *f);
/* Of words alone. */
void kan_join_argv(json_t *extra, const json_t *row);
void kan_join_environ(json_t *extra, const json_t *row, const struct kan_facts *f);
void kan_join_mount(json_t *extra, const json_t *row, const struct kan_facts *f);
void kan_join_mountfile(json_t *extra, const json_t *row, const struct kan_facts *f);

#endif
