/* A text as a QR code: what a camera takes off a page or a screen. */
#ifndef KAN_REPORTS_QR_H
#define KAN_REPORTS_QR_H

#include <kanshiki/bytes.h>

enum { KAN_QR_QUIET = 4 }; /* modules of white around it, ISO/IEC 18004 */

/*
 * Its dark modules as data of an SVG path, one unit a module, the white around it included; returns
 * the units of a side. 0: the text is too long for a code, or empty. Byte mode, error correction M.
 */
int kan_qr_path(struct kan_buf *out, struct kan_bytes text);

#endif
