/* Files that are pinned, and files that do not answer. */
#ifndef KAN_TEST_HELD_H
#define KAN_TEST_HELD_H

#include <sys/fanotify.h>

#include "base/tree.h"
#include "place.h"

static inline int test_pinned(int dir, const char *name)
{
	int pin = -1;
	cr_assert_eq(kan_tree_pin(&pin, dir, kan_bytes_of(name), NULL), 0);
	return pin;
}

/* Nobody answers until it is closed. */
static inline int test_held(int dir, const char *name, uint64_t of)
{
	int notes = fanotify_init(FAN_CLASS_CONTENT | FAN_CLOEXEC, O_RDONLY);
	cr_assert_geq(notes, 0, "root is needed");
	cr_assert_eq(fanotify_mark(notes, FAN_MARK_ADD, of, dir, name), 0);
	return notes;
}

#endif
