/* What may not be done to a container, asked before anything is paused. */
#include <string.h>

#include "base/row.h"
#include "respond/respond.h"

static bool is_swarm(const struct kan_target *t)
{
	const json_t *labels = json_object_get(json_object_get(t->inspect, "Config"), "Labels");
	return json_object_get(labels, "com.docker.swarm.task.id") ||
	       json_object_get(labels, "com.docker.swarm.service.id");
}

/* The name of a pod's container is how the kubelet knows it. */
static bool is_kubernetes(const struct kan_target *t)
{
	const json_t *labels = json_object_get(json_object_get(t->inspect, "Config"), "Labels");
	return json_object_get(labels, "io.kubernetes.pod.uid") != NULL;
}

static int keeps_original(const struct kan_target *t, const char *what, struct kan_err *err)
{
	if (t->auto_remove)
		return kan_fail(err, KAN_EREFUSED,
				"%.64s was started with --rm: the engine removes it when it ends, "
				"so %s loses the original; pause keeps it, "
				"--yes-loses-original does it all the same",
				t->name, what);
	if (is_kubernetes(t))
		return kan_fail(
			err, KAN_EREFUSED,
			"%.64s belongs to a pod: the kubelet replaces what ends and removes "
			"it later, so %s loses the original; pause keeps it, "
			"--yes-loses-original does it all the same",
			t->name, what);
	if (is_swarm(t))
		return kan_fail(err, KAN_EREFUSED,
				"%.64s is a task of Swarm, which replaces and removes what ends, "
				"so %s loses the original; pause keeps it, "
				"--yes-loses-original does it all the same",
				t->name, what);
	return 0;
}

/* What has no network of its own cannot be taken off one. */
static int has_own_network(const struct kan_target *t, struct kan_err *err)
{
	const char *mode = json_string_value(
		json_object_get(json_object_get(t->inspect, "HostConfig"), "NetworkMode"));
	if (t->net_host)
		return kan_fail(err, KAN_EREFUSED,
				"%.64s uses the host's own network and cannot be disconnected "
				"from it: pause it, or filter on the host",
				t->name);
	if (mode && strncmp(mode, "container:", 10) == 0)
		return kan_fail(err, KAN_EREFUSED,
				"%.64s uses the network of container %.12s: disconnect that one",
				t->name, mode + 10);
	return 0;
}

int kan_respond_allowed(const struct kan_target *t, enum kan_respond_do what, bool loses,
			struct kan_err *err)
{
	switch (what) {
	case KAN_RESPOND_PAUSE:
		return 0;
	case KAN_RESPOND_DISCONNECT:
		return has_own_network(t, err);
	case KAN_RESPOND_KILL:
	case KAN_RESPOND_STOP:
		return loses ? 0 : keeps_original(t, kan_respond_words[what], err);
	case KAN_RESPOND_NO_RESTART:
		return 0;
	case KAN_RESPOND_LABEL:
		return is_kubernetes(t)
			       ? kan_fail(err, KAN_EREFUSED,
					  "%.64s belongs to a pod: the kubelet knows it by "
					  "its name, which stays",
					  t->name)
			       : 0;
	}
	return 0;
}
