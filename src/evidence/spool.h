/* Room for what is too large to hold while a collector looks at it: no artefact. */
#ifndef KAN_EVIDENCE_SPOOL_H
#define KAN_EVIDENCE_SPOOL_H

#include <kanshiki/sink.h>

/*
 * A file without a name beside the artefacts, empty, for reading and writing: it goes away with its
 * last descriptor, however this process ends. Yours. -1: unsupported (the file system has no such
 * files), io.
 */
int kan_sink_spool(int *fd, struct kan_sink *s, struct kan_err *err);

#endif
