/* Which versions of the format this program reads. */
#ifndef KAN_EVIDENCE_FORMAT_H
#define KAN_EVIDENCE_FORMAT_H

#include <kanshiki/bytes.h>
#include <kanshiki/err.h>

/*
 * A tag file whose digest is the sealed one: it is not altered, but may be of another version,
 * which is no tampering. format: it says that it is, one sentence for people. 0 for everything
 * else: what has no form at all is the parsers' to tell. tag: enum kan_tag_index.
 */
int kan_format_known(size_t tag, struct kan_bytes text, struct kan_err *err);

#endif
