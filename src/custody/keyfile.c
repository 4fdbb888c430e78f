/* openssh-key-v1: OpenSSH's private key file (PROTOCOL.key), read and written without cipher. */
#include "custody/keyfile.h"

#include "custody/sshwire.h"

#include <openssl/crypto.h>
#include <string.h>

enum { BLOCK = 8 }; /* padding of cipher "none" */

static const char armour[] = "OPENSSH PRIVATE KEY";
static const char type_name[] = "ssh-ed25519";

static void wipe(struct kan_buf *b)
{
	OPENSSL_cleanse(b->data, b->cap);
	kan_buf_free(b);
}
#define auto_secret __attribute__((cleanup(wipe)))

/* Padding is 1, 2, 3 ... up to the block. */
static bool padding_ok(struct kan_bytes pad)
{
	if (pad.n >= BLOCK)
		return false;
	for (size_t i = 0; i < pad.n; i++)
		if (pad.p[i] != i + 1)
			return false;
	return true;
}

static int parse_private(struct kan_keyfile *out, struct kan_bytes section, struct kan_err *err)
{
	struct kan_wire w = {.rest = section};
	uint32_t check1 = kan_wire_u32(&w), check2 = kan_wire_u32(&w);
	struct kan_bytes type = kan_wire_str(&w), public, secret, comment;

	if (w.bad || check1 != check2)
		return kan_fail(err, KAN_EFORMAT, "damaged OpenSSH key");
	if (!kan_bytes_eq(type, kan_bytes_of(type_name)))
		return kan_fail(err, KAN_EUNSUPPORTED, "the key is not Ed25519");
	public = kan_wire_str(&w);
	secret = kan_wire_str(&w);
	comment = kan_wire_str(&w);
	if (w.bad || public.n != KAN_KEY_RAW || secret.n != 2 * KAN_KEY_RAW ||
	    !padding_ok(w.rest) || memcmp(secret.p + KAN_KEY_RAW, public.p, KAN_KEY_RAW) != 0)
		return kan_fail(err, KAN_EFORMAT, "damaged OpenSSH key");
	memcpy(out->seed, secret.p, KAN_KEY_RAW);
	memcpy(out->public, public.p, KAN_KEY_RAW);
	out->check = check1;
	memset(out->comment, 0, sizeof(out->comment));
	for (size_t i = 0; i < comment.n && i + 1 < sizeof(out->comment); i++)
		out->comment[i] = (char)comment.p[i];
	return 0;
}

int kan_keyfile_parse(struct kan_keyfile *out, struct kan_bytes text, struct kan_err *err)
{
	auto_secret struct kan_buf raw = KAN_BUF(KAN_KEY_FILE_MAX);
	struct kan_wire w;
	struct kan_bytes cipher, kdf, section;

	if (kan_wire_dearmour(&raw, armour, text, err) < 0)
		return -1;
	w = (struct kan_wire){.rest = kan_buf_bytes(&raw)};
	kan_wire_expect(&w, (struct kan_bytes){(const uint8_t *)"openssh-key-v1", 15});
	cipher = kan_wire_str(&w);
	kdf = kan_wire_str(&w);
	(void)kan_wire_str(&w); /* options of the key derivation: empty without one */
	if (w.bad)
		return kan_fail(err, KAN_EFORMAT, "damaged OpenSSH key");
	if (!kan_bytes_eq(cipher, KAN_LIT("none")) || !kan_bytes_eq(kdf, KAN_LIT("none")))
		return kan_fail(err, KAN_EUNSUPPORTED,
				"the key is encrypted: ssh-add it, then --key agent");
	if (kan_wire_u32(&w) != 1)
		return kan_fail(err, KAN_EFORMAT, "not exactly one key in the file");
	(void)kan_wire_str(&w); /* the public key again; the private section's is compared */
	section = kan_wire_str(&w);
	if (!kan_wire_done(&w) || section.n % BLOCK)
		return kan_fail(err, KAN_EFORMAT, "damaged OpenSSH key");
	return parse_private(out, section, err);
}

static void private_section(struct kan_buf *out, const struct kan_keyfile *f)
{
	uint8_t secret[2 * KAN_KEY_RAW];

	memcpy(secret, f->seed, KAN_KEY_RAW);
	memcpy(secret + KAN_KEY_RAW, f->public, KAN_KEY_RAW);
	kan_wire_put_u32(out, f->check);
	kan_wire_put_u32(out, f->check);
	kan_wire_put_str(out, kan_bytes_of(type_name));
	kan_wire_put_str(out, (struct kan_bytes){f->public, KAN_KEY_RAW});
	kan_wire_put_str(out, (struct kan_bytes){secret, sizeof(secret)});
	kan_wire_put_str(out, kan_bytes_of(f->comment));
	for (char pad = 1; out->len % BLOCK; pad++)
		kan_buf_addc(out, pad);
	OPENSSL_cleanse(secret, sizeof(secret));
}

void kan_keyfile_encode(struct kan_buf *out, const struct kan_keyfile *f)
{
	auto_secret struct kan_buf raw = KAN_BUF(4096);
	auto_secret struct kan_buf section = KAN_BUF(1024);
	kan_auto_buf struct kan_buf public = KAN_BUF(128);

	kan_wire_put_str(&public, kan_bytes_of(type_name));
	kan_wire_put_str(&public, (struct kan_bytes){f->public, KAN_KEY_RAW});
	private_section(&section, f);
	kan_buf_add(&raw, "openssh-key-v1", 15);
	kan_wire_put_str(&raw, KAN_LIT("none"));
	kan_wire_put_str(&raw, KAN_LIT("none"));
	kan_wire_put_str(&raw, (struct kan_bytes){0});
	kan_wire_put_u32(&raw, 1);
	kan_wire_put_str(&raw, kan_buf_bytes(&public));
	kan_wire_put_str(&raw, kan_buf_bytes(&section));
	kan_wire_armour(out, armour, kan_buf_bytes(&raw));
}
