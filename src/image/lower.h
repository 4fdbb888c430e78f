/* What the image has at a name: lower directories looked up top-down, as the kernel does. */
#ifndef KAN_IMAGE_LOWER_H
#define KAN_IMAGE_LOWER_H

#include <kanshiki/bytes.h>
#include <kanshiki/err.h>
#include <kanshiki/target.h>
#include <linux/stat.h>

struct kan_idmaps;
struct kan_tree_opener;

enum { KAN_LOWER_PATH_MAX = 4096 }; /* of a path in a layer that is not our path */

/* One directory of one layer, of those that are merged at a path. */
struct kan_lowerdir {
	int fd;
	unsigned layer; /* index in the stack, 0 topmost */
	bool borrowed;  /* the stack's own descriptor */
	char *path;     /* its own in that layer, where a redirect made it another; or NULL */
};
struct kan_view {
	struct kan_lowerdir *v; /* topmost first */
	size_t n;
};
void kan_view_free(struct kan_view *v);

struct kan_stack {
	const struct kan_layer *layers; /* topmost first */
	size_t n;
	bool userxattr;
	const struct kan_idmaps *owners; /* NULL, or how the layers' mount moves ids */
	struct kan_view root;
	/* With which directories are listed: its own, or in its place one that others use, too, and
	 * what does not answer is counted for all of them. */
	struct kan_tree_opener *opener, *own;
};
void kan_stack_init(struct kan_stack *s, const struct kan_layer *layers, size_t n, bool userxattr);
void kan_stack_free(struct kan_stack *s);
/* Of an image layer: 0 is its base; -1 is the engine's init layer. */
int kan_stack_number(const struct kan_stack *s, unsigned index);

/* Does the pinned directory end what is merged? */
bool kan_lower_opaque(int pin, bool userxattr);
/* Or does it go on under another name than its own? */
bool kan_lower_redirected(int pin, bool userxattr, struct kan_bytes name, struct kan_bytes path);

/* What was found at a name. */
struct kan_below {
	bool found;
	bool bare;     /* a file that has no attributes for certain */
	int fd;        /* O_PATH of the topmost entry; -1 */
	int data_fd;   /* where its bytes are: fd, or for a metacopy file a lower one; borrowed when
			  equal to fd */
	int parent_fd; /* of the directory it was found in: for attributes of links; borrowed from
			  the view */
	unsigned layer;
	struct statx st;
	struct kan_view view; /* of a directory: what lies below it */
	/* Its path in that layer, where a redirect made it another; "": longer than is kept. */
	char *path;
};
void kan_below_free(struct kan_below *b);
struct kan_lower_name {
	struct kan_bytes name;
	struct kan_bytes redirect; /* the upper entry's, or empty */
	struct kan_bytes above;    /* path of the directory that it is in */
};
/* -1 only when a layer cannot be read. */
int kan_lower_lookup(struct kan_below *out, const struct kan_stack *s,
		     const struct kan_view *parent, const struct kan_lower_name *name,
		     struct kan_err *err);
/* What lies at the root of the stack. */
int kan_lower_root(struct kan_below *out, const struct kan_stack *s, struct kan_err *err);

/* Each name of a merged directory once, in byte order, whiteouts and what they hide left out by
 * lookup. */
typedef int kan_lower_name_fn(struct kan_bytes name, void *arg, struct kan_err *err);
int kan_lower_names(const struct kan_stack *s, const struct kan_view *view, kan_lower_name_fn *fn,
		    void *arg, struct kan_err *err);

#endif
