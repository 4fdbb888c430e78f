/* Ourselves and the machine: version, digest of the executable, operator, host names. */
#ifndef KAN_BASE_SELF_H
#define KAN_BASE_SELF_H

#include <jansson.h>
#include <kanshiki/err.h>

#define KAN_NAME "kanshiki"
const char *kan_version(void); /* "0.1.0" */
const char *kan_commit(void);  /* 40 hex, or "unknown" */

/* {tool, version, commit, exe_sha256, argv[]}: capture.json `tool` and an event's `how`. */
int kan_self_json(json_t **out, const char *const *argv, struct kan_err *err);
/* {name, machine_id, boot_id, kernel, tz}. What cannot be read has no key. */
json_t *kan_host_json(void);
/* {realtime_ns, boottime_ns, ntp_synced, clock_source}. */
json_t *kan_clock_json(void);
/* The same with monotonic_ns, tz and all that adjtimex says of how far the clock may be off. */
json_t *kan_clocks_json(void);
/* {name, email, login, uid, sudo_user?}; name and email as given, default login@host. */
json_t *kan_operator_json(const char *name, const char *email);

#endif
