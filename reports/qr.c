/* A QR code of libqrencode as one SVG path: a rectangle for each run of dark modules in a row. */
#include "reports/qr.h"

#include <qrencode.h>

enum { TEXT_MAX = 1024 };

static bool dark(const QRcode *code, int x, int y)
{
	return x < code->width && code->data[y * code->width + x] & 1;
}

static void row(struct kan_buf *out, const QRcode *code, int y)
{
	for (int x = 0; x < code->width; x++) {
		int from = x;
		while (dark(code, x, y))
			x++;
		if (x > from)
			kan_buf_addf(out, "M%d %dh%dv1h-%dz", from + KAN_QR_QUIET, y + KAN_QR_QUIET,
				     x - from, x - from);
	}
}

int kan_qr_path(struct kan_buf *out, struct kan_bytes text)
{
	if (text.n == 0 || text.n > TEXT_MAX)
		return 0;
	QRcode *code = QRcode_encodeData((int)text.n, text.p, 0, QR_ECLEVEL_M);
	if (!code)
		return 0;
	for (int y = 0; y < code->width; y++)
		row(out, code, y);
	int side = code->width + 2 * KAN_QR_QUIET;
	QRcode_free(code);
	return side;
}
