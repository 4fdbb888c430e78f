/* Ids that are the same at each run: made of what they name. */
#ifndef KAN_REPORTS_IDS_H
#define KAN_REPORTS_IDS_H

#include <kanshiki/bytes.h>

enum { KAN_UUID_TEXT = 37 };

/* SHA-256 of seed in the shape of a version 4 UUID. */
void kan_uuid_of(char text[KAN_UUID_TEXT], struct kan_bytes seed);
/* Version 5 (RFC 4122, section 4.3) in the namespace that STIX 2.1 gives observables. false:
 * SHA-1 is not to be had. */
bool kan_uuid_observable(char text[KAN_UUID_TEXT], struct kan_bytes name);

#endif
