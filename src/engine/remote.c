/* An engine over the network: TLS with both ends known, or nothing. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/transport.h"

enum { PATH_OCTETS = 4096, PORT_LAST = 65535, PORT_DIGITS = 5, HOST_OCTETS = 300 };

static const char scheme[] = "tcp://";

/* host:port and nothing behind it; the host is a name, an address, or an IPv6 address in brackets.
 */
static bool plain_address(const char *s)
{
	size_t host = s[0] == '[' ? 1 + strspn(s + 1, "0123456789abcdefABCDEF:.")
				  : strspn(s, "abcdefghijklmnopqrstuvwxyz"
					      "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-");
	if (s[0] == '[' && s[host++] != ']')
		return false;
	const char *port = s + host;
	size_t digits = *port == ':' ? strspn(port + 1, "0123456789") : 0;
	unsigned number = 0;
	for (size_t i = 1; i <= digits && i <= PORT_DIGITS; i++)
		number = number * 10 + (unsigned)(port[i] - '0');
	return host && digits && digits <= PORT_DIGITS && !port[1 + digits] && number <= PORT_LAST;
}

static char *file_of(const char *dir, const char *name)
{
	char path[PATH_OCTETS];
	int n = snprintf(path, sizeof(path), "%s/%s", dir, name);
	return n > 0 && (size_t)n < sizeof(path) ? kan_xstrdup(path) : NULL;
}

/* The client's own words: DOCKER_CERT_PATH, else ~/.docker. */
static int find_files(struct kan_engine *e, struct kan_err *err)
{
	const char *given = getenv("DOCKER_CERT_PATH"), *home = getenv("HOME");
	kan_auto_free char *usual = home ? file_of(home, ".docker") : NULL;
	kan_auto_free char *dir = realpath(given && *given ? given : (usual ? usual : ""), NULL);
	if (!dir)
		return kan_fail(err, KAN_EUSAGE,
				"no directory with ca.pem, cert.pem and key.pem: set "
				"DOCKER_CERT_PATH");
	e->ca = file_of(dir, "ca.pem");
	e->cert = file_of(dir, "cert.pem");
	e->key = file_of(dir, "key.pem");
	return e->ca && e->cert && e->key ? 0 : kan_fail(err, KAN_EUSAGE, "a path too long");
}

int kan_remote_use(struct kan_engine *e, const char *host, struct kan_err *err)
{
	const char *verify = getenv("DOCKER_TLS_VERIFY");
	if (strncmp(host, scheme, sizeof(scheme) - 1) != 0 ||
	    !plain_address(host + sizeof(scheme) - 1))
		return kan_fail(err, KAN_EUSAGE, "'%.200s' is no tcp://host:port", host);
	if (!verify || !*verify)
		return kan_fail(err, KAN_EUSAGE,
				"%.200s: evidence is not asked for over a network without TLS: set "
				"DOCKER_TLS_VERIFY=1 and DOCKER_CERT_PATH",
				host);
	char url[PATH_OCTETS];
	if (snprintf(url, sizeof(url), "https://%s", host + sizeof(scheme) - 1) >= HOST_OCTETS)
		return kan_fail(err, KAN_EUSAGE, "'%.64s...' is longer than any host's name", host);
	e->remote = kan_xstrdup(url);
	return find_files(e, err);
}
