/* tar-split's entries, as github.com/vbatts/tar-split writes them: one JSON object a line. */
#include "image/tarsplit.h"

#include <jansson.h>
#include <string.h>

#include "base/row.h"

enum { DEPTH = 4, CRC_OCTETS = 8 };

void kan_split_init(struct kan_split *s)
{
	*s = (struct kan_split){.name = KAN_BUF(KAN_SPLIT_NAME),
				.payload = KAN_BUF(KAN_SPLIT_PAYLOAD)};
}

void kan_split_free(struct kan_split *s)
{
	kan_buf_free(&s->name);
	kan_buf_free(&s->payload);
}

/* Absent and null are empty. */
static int decode(struct kan_buf *out, const json_t *doc, const char *key, struct kan_err *err)
{
	const json_t *v = json_object_get(doc, key);
	kan_buf_reset(out);
	if (!v || json_is_null(v))
		return 0;
	if (!json_is_string(v))
		return kan_fail(err, KAN_EFORMAT, "tar-split: %s is no text", key);
	struct kan_bytes text = {(const uint8_t *)json_string_value(v), json_string_length(v)};
	return kan_base64_decode(out, text, err) < 0 ? kan_wrap(err, "tar-split: %s", key) : 0;
}

/* name_raw is there when the name is no UTF-8. */
static int name(struct kan_split *s, const json_t *doc, struct kan_err *err)
{
	if (decode(&s->name, doc, "name_raw", err) < 0)
		return -1;
	if (s->name.len == 0)
		kan_buf_adds(&s->name, kan_json_str(doc, "name"));
	if (s->name.failed)
		return kan_fail(err, KAN_ELIMIT, "tar-split: a name over %d bytes", KAN_SPLIT_NAME);
	return s->name.len ? 0 : kan_fail(err, KAN_EFORMAT, "tar-split: a file without a name");
}

static int file(struct kan_split *s, const json_t *doc, struct kan_err *err)
{
	const json_t *size = json_object_get(doc, "size");
	if (size && (!json_is_integer(size) || json_integer_value(size) < 0))
		return kan_fail(err, KAN_EFORMAT, "tar-split: a size that is none");
	s->size = size ? (uint64_t)json_integer_value(size) : 0;
	if (name(s, doc, err) < 0 || decode(&s->payload, doc, "payload", err) < 0)
		return -1;
	s->has_crc = s->payload.len > 0;
	if (s->payload.len != CRC_OCTETS && (s->has_crc || s->size))
		return kan_fail(err, KAN_EFORMAT, "tar-split: a file with a checksum of %zu bytes",
				s->payload.len);
	s->crc = 0;
	for (size_t i = 0; i < s->payload.len; i++)
		s->crc = s->crc << 8 | s->payload.data[i];
	return 0;
}

static int entry(struct kan_split *s, const json_t *doc, struct kan_err *err)
{
	int64_t type = kan_json_int(doc, "type");
	if (type != KAN_SPLIT_FILE && type != KAN_SPLIT_SEGMENT)
		return kan_fail(err, KAN_EFORMAT, "tar-split: an entry of type %lld",
				(long long)type);
	s->type = (enum kan_split_type)type;
	return type == KAN_SPLIT_FILE ? file(s, doc, err)
				      : decode(&s->payload, doc, "payload", err);
}

int kan_split_parse(struct kan_split *out, struct kan_bytes line, struct kan_err *err)
{
	json_t *doc = NULL;
	if (kan_json_parse(&doc, line, KAN_SPLIT_LINE, DEPTH, err) < 0)
		return kan_wrap(err, "tar-split");
	int rc = entry(out, doc, err);
	json_decref(doc);
	return rc;
}

/* Reflected polynomial x^64 + x^4 + x^3 + x + 1; table n is that of a byte with n zeros behind. */
void kan_crc64_init(struct kan_crc64 *c)
{
	const uint64_t polynomial = UINT64_C(0xd800000000000000);
	for (unsigned i = 0; i < 256; i++) {
		uint64_t v = i;
		for (int bit = 0; bit < 8; bit++)
			v = v & 1 ? v >> 1 ^ polynomial : v >> 1;
		c->table[0][i] = v;
	}
	for (unsigned i = 0; i < 256; i++)
		for (int n = 1; n < 8; n++) {
			uint64_t v = c->table[n - 1][i];
			c->table[n][i] = v >> 8 ^ c->table[0][v & 0xff];
		}
}

uint64_t kan_crc64_add(uint64_t crc, const struct kan_crc64 *c, struct kan_bytes b)
{
	crc = ~crc;
	for (; b.n >= 8; b.p += 8, b.n -= 8) {
		for (int i = 0; i < 8; i++)
			crc ^= (uint64_t)b.p[i] << (8 * i);
		uint64_t next = 0;
		for (int i = 0; i < 8; i++)
			next ^= c->table[7 - i][crc >> (8 * i) & 0xff];
		crc = next;
	}
	for (size_t i = 0; i < b.n; i++)
		crc = crc >> 8 ^ c->table[0][(crc ^ b.p[i]) & 0xff];
	return ~crc;
}
