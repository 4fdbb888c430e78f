/* What a person types: commands of the engine's own client. */
#ifndef KAN_ENGINE_CLIENT_H
#define KAN_ENGINE_CLIENT_H

#include <kanshiki/bytes.h>

/* One word of a shell. Names come from an engine that may lie: a word can never become two. */
void kan_shell_word(struct kan_buf *out, const char *s);
/* docker or podman, told of the engine's address unless it is where the client looks by itself. */
void kan_client(struct kan_buf *out, const char *host);
/* "docker unpause 3f2a9c41d0be". The id and not the name: a name may mean another container by the
 * time somebody reads this. */
void kan_client_says(struct kan_buf *out, const char *host, const char *verb, const char *id);

#endif
