/* One line a container, and one for each that cannot be read: what is missing is never absent. */
#include "cli/dataroot.h"

#include <string.h>
#include <unistd.h>

#include "base/row.h"
#include "cli/box.h"
#include "engine/dataroot.h"

enum {
	SHORT_ID = 12,
	SHOWN_MAX = 60,
	OTHERS_SHOWN = 8,
	DRIVERS = 64,
	DRIVER_OCTETS = 80,
	STORES_OCTETS = 256
};

struct listing {
	int root_fd;
	bool json;
	json_t *unreadable; /* with --json: what is printed at its end */
	json_t *tags;       /* an index of each driver that was met; null: it cannot be read */
	uint64_t n, lost;
	int written; /* an exit status */
};

static void lose(struct listing *l, const char *word, const struct kan_dataroot_entry *e);

/* What of the list of images is not to be believed, or cannot be read, is an entry of its own. */
static const json_t *tags_of(struct listing *l, const char *driver)
{
	const json_t *had = json_object_get(l->tags, driver);
	char name[DRIVER_OCTETS];
	if (had || json_object_size(l->tags) > DRIVERS)
		return had;
	struct kan_err why = {0};
	json_t *index = NULL;
	if (json_object_size(l->tags) == DRIVERS)
		(void)kan_fail(&why, KAN_ELIMIT, "of more than %d drivers names are not looked up",
			       DRIVERS);
	else
		index = kan_dataroot_tags(l->root_fd, driver, &why);
	json_object_set_new(l->tags, driver, index ? index : json_null());
	(void)snprintf(name, sizeof(name), "images of %.64s", driver);
	struct kan_dataroot_entry e = {.name = kan_bytes_of(name), .why = why.text};
	if (why.code != KAN_OK && why.sys != ENOENT)
		lose(l, index ? "doubtful" : "unreadable", &e);
	return index;
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

static void set_tags(json_t *o, const json_t *index, const char *image_id)
{
	const json_t *of = json_object_get(index, image_id);
	json_t *tags = json_object_get(of, "tags");
	json_object_set_new(o, "tags", tags ? json_incref(tags) : json_array());
	if (kan_json_int(of, "more") > 0)
		json_object_set(o, "more_tags", json_object_get(of, "more"));
}

static json_t *container(const struct kan_dataroot_entry *e, const json_t *index)
{
	const json_t *i = e->inspect, *state = json_object_get(i, "State");
	const json_t *host = json_object_get(i, "HostConfig");
	const char *driver = kan_json_str(i, "Driver");
	json_t *o = json_object();
	set_text(o, "id", kan_json_str(i, "Id"));
	kan_json_set_bytes(o, "name", kan_bytes_of(plain_name(i)));
	if (json_object_get(i, "OtherNames"))
		json_object_set(o, "other_names", json_object_get(i, "OtherNames"));
	set_text(o, "image", kan_json_str(json_object_get(i, "Config"), "Image"));
	set_text(o, "image_id", kan_json_str(i, "Image"));
	set_tags(o, index, kan_json_str(i, "Image"));
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

static size_t print_shown(const char *text)
{
	struct kan_bytes b = kan_bytes_of(text);
	b.n = b.n < SHOWN_MAX ? b.n : SHOWN_MAX;
	kan_print(stdout, b);
	return b.n;
}

static void print_cut(const char *text, size_t width)
{
	for (size_t i = print_shown(text); i < width; i++)
		(void)fputc(' ', stdout);
	(void)fputc(' ', stdout);
}

static void print_others(const json_t *names)
{
	size_t n = json_array_size(names), i = 0;
	for (; i < n && i < OTHERS_SHOWN; i++) {
		(void)fputs(i ? ", " : "also called: ", stdout);
		print_shown(json_string_value(json_array_get(names, i)));
	}
	if (n > i)
		(void)printf(" and %zu more", n - i);
	(void)fputs(n ? " " : "", stdout);
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
	print_others(json_object_get(i, "OtherNames"));
	if (e->why) {
		(void)fputs("without: ", stdout);
		kan_print(stdout, kan_bytes_of(e->why));
	}
	(void)fputc('\n', stdout);
}

static void print_unreadable(const char *word, const struct kan_dataroot_entry *e)
{
	struct kan_bytes name = e->name;
	name.n = e->is_id ? SHORT_ID : name.n < SHOWN_MAX ? name.n : SHOWN_MAX;
	kan_print(stdout, name);
	(void)printf(" %s ", word);
	kan_print(stdout, kan_bytes_of(e->why));
	(void)fputc('\n', stdout);
}

static void lose(struct listing *l, const char *word, const struct kan_dataroot_entry *e)
{
	l->lost++;
	if (l->json)
		json_array_append_new(l->unreadable, unreadable(e));
	else
		print_unreadable(word, e);
}

/* As they are met: so many as a disk may have are not held. */
static void print_element(struct listing *l, const json_t *o, bool first)
{
	struct kan_err err = {0};
	if (l->written != KAN_EXIT_OK)
		return;
	if (!first)
		(void)fputc(',', stdout);
	if (kan_print_line(o, true, &err) < 0)
		l->written = kan_say_err(&err);
}

/* A capture by such an id is refused: which of them is meant? */
static void tell_stores(struct listing *l, const struct kan_dataroot_entry *e)
{
	kan_auto_buf struct kan_buf where = KAN_BUF(STORES_OCTETS);
	kan_auto_buf struct kan_buf why = KAN_BUF(2 * STORES_OCTETS);
	const char *id = kan_json_str(e->inspect, "Id");
	struct kan_dataroot_entry told = {.name = kan_bytes_of(id), .is_id = true};
	if (kan_dataroot_stores(&where, l->root_fd, id) <= 1)
		return;
	kan_buf_addf(&why, "more than one store has it: %s", kan_buf_str(&where));
	told.why = kan_buf_str(&why);
	lose(l, "ambiguous", &told);
}

static int on_container(const struct kan_dataroot_entry *e, void *arg)
{
	struct listing *l = arg;
	if (!e->inspect) {
		lose(l, "unreadable", e);
		return 0;
	}
	const json_t *index = tags_of(l, kan_json_str(e->inspect, "Driver"));
	l->lost += e->why != NULL;
	tell_stores(l, e);
	if (l->json) {
		json_auto_t *o = container(e, index);
		print_element(l, o, l->n == 0);
	} else {
		print_container(e);
	}
	l->n++;
	return l->written == KAN_EXIT_OK ? 0 : -1;
}

/* {"schema":..,"root":..,"live":..,"containers":[ */
static void begin_document(const char *dir, bool live)
{
	json_auto_t *text = json_object();
	kan_auto_buf struct kan_buf line = KAN_BUF(1 << 20);
	json_object_set_new(text, "live", json_boolean(live));
	kan_json_set_bytes(text, "root", kan_bytes_of(dir));
	json_object_set_new(text, "schema", json_string("kanshiki.root/1"));
	if (kan_json_line(&line, text, true, NULL) == 0)
		(void)fwrite(line.data, 1, line.len - strlen("}\n"), stdout);
	(void)fputs(",\"containers\":[", stdout);
}

static void end_document(struct listing *l, int status)
{
	size_t i = 0;
	json_t *one = NULL;
	(void)fputs("],\"unreadable\":[", stdout);
	json_array_foreach (l->unreadable, i, one)
		print_element(l, one, i == 0);
	(void)printf("],\"exit\":%d}\n", status);
	kan_json_told();
}

static int list_all(struct listing *l, const struct kan_args *a, bool live)
{
	struct kan_err err = {0};
	int status = KAN_EXIT_OK;
	if (l->json)
		begin_document(kan_arg(a, "root"), live);
	if (kan_dataroot_each(l->root_fd, on_container, l, &err) < 0)
		status = kan_say_err(&err);
	if (err.code == KAN_ELIMIT) /* what was listed stands */
		status = KAN_EXIT_MISSING;
	if (l->lost)
		status = kan_status_worst(status, KAN_EXIT_MISSING);
	if (l->json && l->written == KAN_EXIT_OK)
		end_document(l, status);
	else if (!l->json && !l->n && status == KAN_EXIT_OK)
		kan_say("%s: no container", kan_arg(a, "root"));
	return kan_status_written(kan_status_worst(status, l->written));
}

/* Open it, then the readers' sandbox: from there on nothing outside of it can be read. */
static int open_boxed(int *fd, const char *dir, struct kan_err *err)
{
	const char *readable[] = {dir, NULL}, *writable[] = {NULL};
	if (kan_dataroot_open(fd, dir, err) < 0)
		return -1;
	return kan_box(readable, writable, err);
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
	struct listing l = {.root_fd = fd,
			    .json = kan_flag(a, "json"),
			    .unreadable = json_array(),
			    .tags = json_object(),
			    .written = KAN_EXIT_OK};
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
	json_decref(l.unreadable);
	json_decref(l.tags);
	return status;
}
