/* A STIX 2.1 bundle while it is put together. */
#ifndef KAN_REPORTS_STIX_H
#define KAN_REPORTS_STIX_H

#include "base/row.h"
#include "reports/model.h"

enum { KAN_STIX_ID = 104, KAN_STIX_TIME = 32 };

struct kan_stix {
	const struct kan_model *m;
	json_t *objects, *ids;
	char now[KAN_STIX_TIME]; /* when the container was captured: the only time there is */
};

/* A domain object with its id, made of the seal and about. Yours. */
json_t *kan_stix_object(char id[KAN_STIX_ID], struct kan_stix *x, const char *type,
			const char *about);
/* Takes object; one that is there already goes. */
void kan_stix_add(struct kan_stix *x, json_t *object);
/* A row of a finding as observables; the id of its main one is added to refs. */
void kan_stix_observe(struct kan_stix *x, json_t *refs, const json_t *row);

/* 4, 6, or 0: it is no address. */
int kan_ip_version(const char *text);

#endif
