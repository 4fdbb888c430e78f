/* An engine that answers what the test says: a folder of "recorded" answers, made on the spot. */
#ifndef KAN_TEST_ANSWERS_H
#define KAN_TEST_ANSWERS_H

#include <kanshiki/engine.h>

#include "../base/place.h"
#include "engine/claims.h"
#include "engine/control.h"
#include "engine/transport.h"

#define ID_A "3f2a9c41d0be5d7e0c6a1b9f48e2d37750aa6c1f9be4d2830717c5e6a9b0f3d1"
#define ID_B "3f2a9c41d0be00000000000000000000000000000000000000000000000000ff"

struct answers {
	struct test_place p;
	char host[80];
};

static inline struct answers answers_new(void)
{
	struct answers a = {.p = test_place()};
	(void)snprintf(a.host, sizeof(a.host), "replay:%s", a.p.path);
	test_put(a.p.fd, "_ping", "OK");
	test_put(a.p.fd, "version", "{\"ApiVersion\":\"1.41\",\"MinAPIVersion\":\"1.12\"}");
	return a;
}

static inline void answers_put(struct answers *a, const char *name, const char *text)
{
	(void)unlinkat(a->p.fd, name, 0);
	test_put(a->p.fd, name, text);
}

static inline void answers_leave(struct answers *a)
{
	test_leave(&a->p);
}

static inline struct kan_engine *answers_engine(const struct answers *a)
{
	struct kan_engine *e = NULL;
	struct kan_err err = {0};
	cr_assert_eq(kan_engine_open(&e, a->host, &err), 0, "%s", err.text);
	return e;
}

/* A claim by its name; "" when there is none. */
static inline const char *answers_verdict(const struct kan_target *t, const char *claim)
{
	size_t i = 0;
	json_t *o = NULL;
	json_array_foreach (t->claims, i, o)
		if (strcmp(json_string_value(json_object_get(o, "claim")), claim) == 0)
			return json_string_value(json_object_get(o, "verdict"));
	return "";
}

#endif
