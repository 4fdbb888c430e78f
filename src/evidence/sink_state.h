/* Inside the sink: what artefacts, rows and messages share. */
#ifndef KAN_EVIDENCE_SINK_STATE_H
#define KAN_EVIDENCE_SINK_STATE_H

#include <stdatomic.h>

#include "evidence/channel.h"

struct kan_sink {
	int dir;     /* data/<collector>, made with the first artefact; -1 */
	int bundle;  /* <bundle>.partial, borrowed */
	int channel; /* borrowed */
	char collector[64], name[64];
	const struct kan_window *window;
	const char *const *artefacts;
	struct kan_artefact *open;
	unsigned files, temporary;
	_Atomic int failed;
	bool inside;
};

void kan_sink_send(struct kan_sink *s, struct kan_msg *m);
void kan_sink_broken(struct kan_sink *s); /* evidence cannot be written: nothing may be sealed */
/* For NDJSON: an artefact that counts its rows. */
void kan_artefact_count_row(struct kan_artefact *a);

#endif
