/* What a person types: commands of the engine's own client. */
#include "engine/client.h"

#include <string.h>

static const char plain[] =
	"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./:@=,+-";

void kan_shell_word(struct kan_buf *out, const char *s)
{
	if (*s && strspn(s, plain) == strlen(s)) {
		kan_buf_adds(out, s);
		return;
	}
	kan_buf_addc(out, '\'');
	for (; *s; s++) {
		if (*s == '\'')
			kan_buf_adds(out, "'\\''");
		else
			kan_buf_addc(out, *s);
	}
	kan_buf_addc(out, '\'');
}

/* The client, told of the engine's address unless it is where the client looks by itself. */
void kan_client(struct kan_buf *out, const char *host)
{
	static const char *const usual[] = {"unix:///run/docker.sock",
					    "unix:///var/run/docker.sock",
					    "unix:///run/podman/podman.sock"};
	bool podman = strstr(host, "podman") != NULL;
	kan_buf_adds(out, podman ? "podman" : "docker");
	for (size_t i = 0; i < sizeof(usual) / sizeof(usual[0]); i++)
		if (strcmp(host, usual[i]) == 0)
			return;
	kan_buf_adds(out, podman ? " --url " : " -H ");
	kan_shell_word(out, host);
}

void kan_client_says(struct kan_buf *out, const char *host, const char *verb, const char *id)
{
	kan_client(out, host);
	kan_buf_addf(out, " %s %.12s", verb, id);
}
