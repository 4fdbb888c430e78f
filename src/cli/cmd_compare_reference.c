/* compare --reference: the image of a bundle against one from elsewhere. */
#include <inttypes.h>
#include <unistd.h>

#include <kanshiki/bundle.h>

#include "analyze/against.h"
#include "base/file.h"
#include "base/raised.h"
#include "base/row.h"
#include "cli/box.h"
#include "cli/cmd_compare.h"
#include "image/reference.h"

struct print {
	const struct kan_side *side;
	bool json, begun;
};

/* Only when there is something to say: an error leaves no line behind. */
static int begin(struct print *p, struct kan_err *err)
{
	bool first = p->json && !p->begun;
	p->begun = true;
	return first ? kan_compare_header("reference", p->side, NULL, NULL, err) : 0;
}

static int print_row(const json_t *row, void *arg, struct kan_err *err)
{
	struct print *p = arg;
	size_t k = 0;
	json_t *word = NULL;
	if (begin(p, err) < 0)
		return -1;
	if (p->json)
		return kan_print_line(row, false, err);
	(void)printf("layer %-3" JSON_INTEGER_FORMAT " ",
		     json_integer_value(json_object_get(row, "layer")));
	kan_compare_bytes(row, "path");
	json_array_foreach (json_object_get(row, "differs"), k, word)
		(void)printf("%s%s", k ? "," : "  ", json_string_value(word));
	(void)fputc('\n', stdout);
	return ferror(stdout) ? kan_fail_sys(err, "standard output") : 0;
}

static uint64_t number(const json_t *doc, const char *key)
{
	return (uint64_t)json_integer_value(json_object_get(doc, key));
}

static uint64_t other_layers(const json_t *doc)
{
	size_t i = 0, n = 0;
	json_t *one = NULL;
	json_array_foreach (json_object_get(doc, "layers"), i, one)
		n += !json_is_true(json_object_get(one, "same"));
	return n;
}

static void summary(const json_t *doc)
{
	bool same = json_is_true(json_object_get(json_object_get(doc, "image"), "same"));
	uint64_t noted = number(doc, "noted");
	kan_say("the reference %s; %" PRIu64 " layers with another digest, %" PRIu64
		" paths differ",
		same                ? "is the same image"
		: other_layers(doc) ? "is another image"
				    : "has another config, which may have been written anew",
		other_layers(doc), number(doc, "count") - noted);
	if (noted)
		kan_say("%" PRIu64 " more only in a time, in attributes that builders leave or in "
			"device nodes that a user's engine cannot make: that is no difference",
			noted);
}

static int settle(const struct kan_args *a, const json_t *doc)
{
	uint64_t unread = number(doc, "unread");
	bool same = json_is_true(json_object_get(json_object_get(doc, "image"), "same")) &&
		    !other_layers(doc) && number(doc, "count") == number(doc, "noted");
	if (unread)
		kan_say("%" PRIu64 " files of the bundle's image have no digest", unread);
	if (unread)
		return KAN_EXIT_MISSING;
	return !same && kan_flag(a, "exit-code") ? KAN_EXIT_DIFFERENT : KAN_EXIT_OK;
}

static int end(struct print *p, json_t *doc, struct kan_err *err)
{
	if (!p->json) {
		summary(doc);
		return 0;
	}
	if (begin(p, err) < 0)
		return -1;
	return kan_compare_line(json_pack("{s:{s:O,s:I}}", "end", "against", doc, "n_gaps",
					  (json_int_t)number(doc, "unread")),
				err);
}

/* Of several images in an archive it is the one that the bundle names. */
static int against(const struct kan_args *a, const char *bundle, int fd, uint64_t room)
{
	struct kan_err err = {0};
	struct kan_open_side s = {0};
	json_t *doc = NULL;
	if (kan_open_side(&s, bundle, &err) < 0)
		return kan_say_err(&err);
	const json_t *target = json_object_get(s.side->capture, "target");
	const struct kan_reference_from from = {.fd = fd,
						.room = kan_raised(room, KAN_REFERENCE_ROOM),
						.image_id = kan_json_str(target, "image_id")};
	struct print p = {.side = s.side, .json = kan_flag(a, "json")};
	int rc = kan_against_reference(&doc, s.source, &from, print_row, &p, &err);
	if (rc == 0)
		rc = end(&p, doc, &err);
	int status = rc < 0 ? kan_say_err(&err) : settle(a, doc);
	json_decref(doc);
	kan_close_side(&s);
	return status;
}

int kan_compare_reference_run(const struct kan_args *a, const char *reference)
{
	struct kan_err err = {0};
	kan_auto_free char *path = NULL;
	kan_auto_close int fd = -1;
	uint64_t room = 0;
	if (kan_arg_number(&room, a, "max-bytes", 0, UINT64_MAX / 2) < 0)
		return KAN_EXIT_USAGE;
	if (kan_find_bundle(&path, a, a->n_words ? a->words[0] : NULL, &err) < 0 ||
	    kan_reference_open(&fd, reference, &err) < 0)
		return kan_say_err(&err);
	const char *read_paths[] = {path, reference, NULL}, *write_paths[] = {NULL};
	if (kan_box(read_paths, write_paths, &err) < 0)
		return kan_say_err(&err);
	return against(a, path, fd, room);
}
