/* What a responder hunts for: a digest, an address, a name or a rule; and whether bytes have it. */
#ifndef KAN_ANALYZE_IOC_H
#define KAN_ANALYZE_IOC_H

#include <kanshiki/bytes.h>
#include <kanshiki/err.h>

enum {
	KAN_IOCS_MAX = 4096,
	KAN_IOCS_FILE = 1 << 20, /* octets of a file of them */
	KAN_IOC_LONGEST = 1024,  /* octets of one */
	KAN_IOC_ADDRESS = 16,
};

enum kan_ioc_kind { KAN_IOC_DIGEST, KAN_IOC_ADDRESS_KIND, KAN_IOC_NAME, KAN_IOC_RULE };
extern const char *const kan_ioc_kinds[]; /* "digest", "address", "name", "rule", NULL */

/* Of a name: a byte, or one of these. */
enum { KAN_IOC_ANY = 256 /* * */, KAN_IOC_ONE = 257 /* ? */ };

struct kan_ioc {
	enum kan_ioc_kind kind;
	char *word; /* as it was given, without the word of its kind */
	char digest[65];
	uint8_t address[KAN_IOC_ADDRESS]; /* IPv4 as ::ffff:a.b.c.d */
	unsigned prefix;                  /* bits of it that count, 128 of one address */
	unsigned port;                    /* 0: any */
	uint16_t *pattern;
	size_t n_pattern;
};
struct kan_iocs {
	struct kan_ioc *v;
	size_t n, cap;
	bool rows, rules; /* there is one that is looked for in artefacts; one that is a rule */
};

/*
 * One word. Its kind is told by a word before it (digest:, sha256:, address:, name:, rule:), or is
 * what it looks like: 64 hex digits, an address with or without a length or a port, an id that
 * is_rule knows, and else a name. A word that is there already is not added again. usage: it cannot
 * be one.
 */
typedef bool kan_ioc_rule_fn(const char *word, void *arg);
struct kan_ioc_rules {
	kan_ioc_rule_fn *is; /* NULL: no word is a rule unless it says so */
	void *arg;
};
int kan_iocs_add(struct kan_iocs *to, struct kan_bytes word, const struct kan_ioc_rules *rules,
		 struct kan_err *err);
/* A file: one a line; empty lines and those that begin with # are none. usage, with the line. */
int kan_iocs_lines(struct kan_iocs *to, struct kan_bytes text, const struct kan_ioc_rules *rules,
		   struct kan_err *err);
void kan_iocs_free(struct kan_iocs *l);

/*
 * Is it in this value? span is the part of v that it is. port: what stands beside v in its row as
 * the port of it, 0 when nothing does. A rule is in no value.
 */
bool kan_ioc_in(struct kan_bytes *span, const struct kan_ioc *ioc, struct kan_bytes v,
		unsigned port);

/*
 * Raw bytes of an artefact, before anything is parsed: false only when no indicator can be in a
 * value that is written there, in whatever form: as it is, escaped, or in base64.
 */
struct kan_ioc_sieve;
struct kan_ioc_sieve *kan_ioc_sieve_new(const struct kan_iocs *l);
void kan_ioc_sieve_free(struct kan_ioc_sieve *s);
bool kan_ioc_sieve_may(const struct kan_ioc_sieve *s, struct kan_bytes raw);

/* An address anywhere in the bytes: the next one from *at on, and the port that is written behind
 * it, 0 for none. false: there is no more. */
bool kan_ioc_next_address(uint8_t out[KAN_IOC_ADDRESS], struct kan_bytes *span, unsigned *port,
			  struct kan_bytes v, size_t *at);

#endif
