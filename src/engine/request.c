/* The one table of requests that may ever be sent. */
#include <kanshiki/bytes.h>
#include <string.h>

#include "engine/control.h"

enum { ID_DIGITS = 64, NAME_OCTETS = 255 };

/* {id}: 12 to 64 hex digits or an engine's name; {image}: "sha256:" and hex; a '?' allows a query.
 */
static const struct {
	const char *method, *path;
} table[] = {
	{"GET", "/_ping"},
	{"GET", "/version"},
	{"GET", "/info"},
	{"GET", "/events?"},
	{"GET", "/networks"},
	{"GET", "/networks/{id}"},
	{"GET", "/volumes"},
	{"GET", "/volumes/{id}"},
	{"GET", "/containers/json?"},
	{"GET", "/containers/{id}/json"},
	{"GET", "/containers/{id}/changes"},
	{"GET", "/containers/{id}/logs?"},
	{"GET", "/containers/{id}/stats?"},
	{"GET", "/containers/{id}/export"},
	{"GET", "/images/{id}/json"},
	{"GET", "/images/{id}/history"},
	{"GET", "/images/{id}/get"},
	{"POST", "/containers/{id}/pause"},
	{"POST", "/containers/{id}/unpause"},
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

bool kan_request_allowed(const char *method, const char *path)
{
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (strcmp(table[i].method, method) == 0 && matches(table[i].path, path))
			return true;
	return false;
}
