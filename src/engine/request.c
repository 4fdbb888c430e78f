/* The one table of requests that may ever be sent. */
#include <kanshiki/bytes.h>
#include <string.h>

#include "engine/control.h"

enum { NAME_OCTETS = 255 };
/* Limits of a whole call in milliseconds, and of silence in seconds where the default is too short.
 */
enum {
	CALL_MS = 60000,
	CHANGES_MS = 120000,
	CHANGES_SILENCE_S = 30, /* the engine walks two trees before it says the first word */
	PAUSE_MS = 4000,   /* what the lease waits for: a container may stand still meanwhile */
	UNPAUSE_MS = 2000, /* then the kernel's own file ends the pause */
	NETWORK_MS = 20000,
	UPDATE_MS = 20000,
	START_MS = 45000,
	END_MS = 45000, /* ten seconds of grace, then the engine kills, and waits as long again */
	END_SILENCE_S = 30,
	/* Bounded by silence and size, not by a minute; its collector has 900 s, so that the gap of
	 * a cut answer is still written. */
	STREAM_MS = 840000,
	EXPORT_MS = 720000,    /* after the list: its collector still writes the gap */
	IMAGE_MS = 600000,     /* half of its collector's time: what came is read after it */
	IMAGE_SILENCE_S = 240, /* Docker may pack the whole image before the first byte */
};

/* {id}: 12 to 64 hex digits or an engine's name; {image}: "sha256:" and hex; a '?' allows a query.
 */
static const struct kan_request table[] = {
	{"GET", "/_ping", CALL_MS, 0},
	{"GET", "/version", CALL_MS, 0},
	{"GET", "/info", CALL_MS, 0},
	{"GET", "/events?", CALL_MS, 0},
	{"GET", "/networks", CALL_MS, 0},
	{"GET", "/networks/{id}", CALL_MS, 0},
	{"GET", "/volumes", CALL_MS, 0},
	{"GET", "/volumes/{id}", CALL_MS, 0},
	{"GET", "/containers/json?", CALL_MS, 0},
	{"GET", "/containers/{id}/json", CALL_MS, 0},
	{"GET", "/containers/{id}/changes", CHANGES_MS, CHANGES_SILENCE_S},
	{"GET", "/containers/{id}/logs?", STREAM_MS, 0},
	{"GET", "/containers/{id}/stats?", CALL_MS, 0},
	{"GET", "/containers/{id}/export", EXPORT_MS, 0},
	{"GET", "/images/{id}/json", CALL_MS, 0},
	{"GET", "/images/{id}/history", CALL_MS, 0},
	{"GET", "/images/{id}/get", IMAGE_MS, IMAGE_SILENCE_S},
	{"POST", "/containers/{id}/pause", PAUSE_MS, 0},
	{"POST", "/containers/{id}/unpause", UNPAUSE_MS, 0},
	{"POST", "/containers/{id}/kill", END_MS, END_SILENCE_S}, /* no query: SIGKILL */
	{"POST", "/containers/{id}/stop?", END_MS, END_SILENCE_S},
	{"POST", "/containers/{id}/start", START_MS, 0},
	{"POST", "/containers/{id}/update", UPDATE_MS, 0},
	{"POST", "/containers/{id}/rename?", UPDATE_MS, 0},
	{"POST", "/networks/{id}/connect", NETWORK_MS, 0},
	{"POST", "/networks/{id}/disconnect", NETWORK_MS, 0},
};

/* One path segment that cannot climb, split or carry a query. */
static size_t segment(const char *p)
{
	size_t n = strspn(p, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.:-");
	if (n == 0 || n > NAME_OCTETS || strncmp(p, "..", n) == 0 || (n == 1 && p[0] == '.'))
		return 0;
	return n;
}

static bool matches(const char *shape, const char *path)
{
	while (*shape) {
		if (*shape == '?')
			return *path == 0 || (*path == '?' && !strpbrk(path, " \r\n"));
		if (strncmp(shape, "{id}", 4) == 0) {
			size_t n = segment(path);
			if (!n)
				return false;
			shape += 4;
			path += n;
			continue;
		}
		if (*shape++ != *path++)
			return false;
	}
	return *path == 0;
}

const struct kan_request *kan_request_find(const char *method, const char *path)
{
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (strcmp(table[i].method, method) == 0 && matches(table[i].path, path))
			return &table[i];
	return NULL;
}

bool kan_request_allowed(const char *method, const char *path)
{
	return kan_request_find(method, path) != NULL;
}
