/* Where a container has mounts: what they cover, and which names the engine made for them. */
#ifndef KAN_IMAGE_POINTS_H
#define KAN_IMAGE_POINTS_H

#include <kanshiki/bytes.h>
#include <kanshiki/err.h>

struct kan_points;
/* From the text of mountinfo. "/" itself is left out. */
int kan_points_new(struct kan_points **out, struct kan_bytes mountinfo, struct kan_err *err);
void kan_points_free(struct kan_points *p); /* NULL: none are known; so for the others */
int kan_points_at(const struct kan_points *p,
		  struct kan_bytes path); /* id of the topmost mount there; 0 */
bool kan_points_below(const struct kan_points *p,
		      struct kan_bytes path); /* is there one further down? */

#endif
