/* One line a container, and one for each that cannot be read: what is missing is never absent. */
#include "cli/dataroot.h"

#include <string.h>
#include <unistd.h>

#include "base/row.h"
#include "base/sandbox.h"
#include "engine/dataroot.h"

enum { SHORT_ID = 12, SHOWN_MAX = 60 };

struct listing {
	int root_fd;
	json_t *containers, *unreadable; /* with --json */
	json_t *repositories;            /* of driver */
	char driver[64];
	uint64_t n, lost;
};

/* Read once for each driver in a row: there is nearly always one. */
static const json_t *repositories(struct listing *l, const char *driver)
{
	if (strcmp(l->driver, driver) != 0 && strlen(driver) < sizeof(l->driver)) {
		json_decref(l->repositories);
		l->repositories = kan_dataroot_repositories(l->root_fd, driver);
		(void)snprintf(l->driver, sizeof(l->driver), "%s", driver);
	}
	return strcmp(l->driver, driver) == 0 ? l->repositories : NULL;
}

static const char *plain_name(const json_t *inspect)
{
	const char *name = kan_json_str(inspect, "Name");
	return name + (name[0] == '/');
}

static void set_text(json_t *o, const char *key, const char *text)
{
	if (*text)
		kan_json_set_bytes(o, key, kan_bytes_of(text));
}

static json_t *container(struct listing *l, const struct kan_dataroot_entry *e)
{
	const json_t *i = e->inspect, *state = json_object_get(i, "State");
	const json_t *host = json_object_get(i, "HostConfig");
	const char *driver = kan_json_str(i, "Driver");
	json_t *o = json_object();
	set_text(o, "id", kan_json_str(i, "Id"));
	kan_json_set_bytes(o, "name", kan_bytes_of(plain_name(i)));
	set_text(o, "image", kan_json_str(json_object_get(i, "Config"), "Image"));
	set_text(o, "image_id", kan_json_str(i, "Image"));
	json_object_set_new(o, "tags",
			    kan_dataroot_tags(repositories(l, driver), kan_json_str(i, "Image")));
	set_text(o, "state", kan_json_str(state, "Status"));
	set_text(o, "created", kan_json_str(i, "Created"));
	set_text(o, "started", kan_json_str(state, "StartedAt"));
	set_text(o, "driver", driver);
	set_text(o, "log_driver", kan_json_str(json_object_get(host, "LogConfig"), "Type"));
	json_object_set_new(o, "layers", json_boolean(e->layered));
	if (e->why)
		kan_json_set_bytes(o, "lacks", kan_bytes_of(e->why));
	return o;
}

static json_t *unreadable(const struct kan_dataroot_entry *e)
{
	json_t *o = json_object();
	kan_json_set_bytes(o, "name", e->name);
	kan_json_set_bytes(o, "why", kan_bytes_of(e->why));
	return o;
}

static void print_cut(const char *text, size_t width)
{
	struct kan_bytes b = kan_bytes_of(text);
	b.n = b.n < SHOWN_MAX ? b.n : SHOWN_MAX;
	kan_print(stdout, b);
	for (size_t i = b.n; i < width; i++)
		(void)fputc(' ', stdout);
	(void)fputc(' ', stdout);
}

static void print_container(const struct kan_dataroot_entry *e)
{
	const json_t *i = e->inspect;
	(void)printf("%.*s ", SHORT_ID, kan_json_str(i, "Id"));
	const char *state = kan_json_str(json_object_get(i, "State"), "Status");
	print_cut(*state ? state : "?", 10);
	print_cut(plain_name(i), 20);
	print_cut(kan_json_str(json_object_get(i, "Config"), "Image"), 20);
	print_cut(kan_json_str(i, "Created"), 0);
	if (e->why) {
		(void)fputs("without: ", stdout);
		kan_print(stdout, kan_bytes_of(e->why));
	}
	(void)fputc('\n', stdout);
}

static void print_unreadable(const struct kan_dataroot_entry *e)
{
	struct kan_bytes name = e->name;
	name.n = e->is_id ? SHORT_ID : name.n < SHOWN_MAX ? name.n : SHOWN_MAX;
	kan_print(stdout, name);
	(void)fputs(" unreadable ", stdout);
	kan_print(stdout, kan_bytes_of(e->why));
	(void)fputc('\n', stdout);
}

static int on_container(const struct kan_dataroot_entry *e, void *arg)
{
	struct listing *l = arg;
	l->n += e->inspect != NULL;
	l->lost += e->why != NULL;
	if (l->containers && e->inspect)
		json_array_append_new(l->containers, container(l, e));
	else if (l->containers)
		json_array_append_new(l->unreadable, unreadable(e));
	else if (e->inspect)
		print_container(e);
	else
		print_unreadable(e);
	return 0;
}

static json_t *document(const struct listing *l, const char *dir, bool live, int status)
{
	json_t *o = json_object();
	json_object_set_new(o, "schema", json_string("kanshiki.root/1"));
	kan_json_set_bytes(o, "root", kan_bytes_of(dir));
	json_object_set_new(o, "live", json_boolean(live));
	json_object_set(o, "containers", l->containers);
	json_object_set(o, "unreadable", l->unreadable);
	json_object_set_new(o, "exit", json_integer(status));
	return o;
}

static int list_all(struct listing *l, const struct kan_args *a, bool live)
{
	struct kan_err err = {0};
	int status = KAN_EXIT_OK;
	if (kan_dataroot_each(l->root_fd, on_container, l, &err) < 0)
		status = kan_say_err(&err);
	if (err.code == KAN_ELIMIT) /* what was listed stands */
		status = KAN_EXIT_MISSING;
	if (l->lost)
		status = kan_status_worst(status, KAN_EXIT_MISSING);
	if (l->containers) {
		json_auto_t *doc = document(l, kan_arg(a, "root"), live, status);
		status = kan_status_worst(status, kan_print_json(doc));
	} else if (!l->n && status == KAN_EXIT_OK) {
		kan_say("%s: no container", kan_arg(a, "root"));
	}
	return status;
}

/* Open it, then the readers' sandbox: from there on nothing outside of it can be read. */
static int open_boxed(int *fd, const char *dir, struct kan_err *err)
{
	struct kan_sandbox_state box = {0};
	const char *readable[] = {dir, NULL}, *writable[] = {NULL};
	if (kan_dataroot_open(fd, dir, err) < 0)
		return -1;
	return kan_sandbox_reader(&box, readable, writable, err);
}

int kan_list_root(const struct kan_args *a)
{
	struct kan_err err = {0};
	kan_auto_close int fd = -1;
	if (a->n_words || kan_arg(a, "bundle") || !*kan_arg(a, "root")) {
		kan_say("--root takes a directory, and no bundle beside it");
		return KAN_EXIT_USAGE;
	}
	bool linked = kan_dataroot_linked(kan_arg(a, "root")); /* told from outside the sandbox */
	if (open_boxed(&fd, kan_arg(a, "root"), &err) < 0)
		return kan_say_err(&err);
	bool json = kan_flag(a, "json");
	struct listing l = {.root_fd = fd,
			    .containers = json ? json_array() : NULL,
			    .unreadable = json ? json_array() : NULL};
	bool live = kan_dataroot_live(fd);
	if (linked)
		kan_say("warning: %s: a symbolic link on the way was followed: is that the disk "
			"that is meant?",
			kan_arg(a, "root"));
	if (live)
		kan_say("warning: %s: an engine of this machine holds it: it may change while it "
			"is read",
			kan_arg(a, "root"));
	int status = list_all(&l, a, live);
	json_decref(l.containers);
	json_decref(l.unreadable);
	json_decref(l.repositories);
	return status;
}
