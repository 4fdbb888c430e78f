/* Geometry of the pictures that are no tree and no graph, in integers; and how they are drawn. */
#ifndef KAN_REPORTS_PICTURES_H
#define KAN_REPORTS_PICTURES_H

#include "reports/model.h"

enum {
	KAN_PICTURE_WIDTH = 760,
	KAN_LANES_COLUMNS = 60, /* of times; beyond, neighbours share one */
	KAN_TREEMAP_CELLS = 60,
	KAN_ATTACK_CELLS = 120,
};

/* When: a lane a class of evidence, a column a moment; the distance says order, not duration. */
struct kan_dot {
	int x, y, count;
	int64_t n; /* the gravest finding there; 0: none */
};
struct kan_lanes {
	struct kan_dot *dots;
	size_t n;
	struct {
		int x;
		char text[24];
	} ticks[KAN_LANES_COLUMNS];
	size_t n_ticks;
	int height;
};
extern const char *const kan_lane_names[]; /* ends with NULL */
void kan_lanes_make(struct kan_lanes *out, const struct kan_model *m);
void kan_lanes_free(struct kan_lanes *l);

/* Where: a cell a directory, its area the number of changes below it. */
struct kan_cell {
	int x, y, w, h, count;
	const char *mark; /* foreign: most were added; memory: changed; gone: deleted; image */
	char *name;       /* as it may be shown: cut, escaped for no sink yet */
	int64_t n;
};
struct kan_treemap {
	struct kan_cell cells[KAN_TREEMAP_CELLS];
	size_t n;
	uint64_t left_out; /* changes that no cell has */
	int height;
};
void kan_treemap_make(struct kan_treemap *out, const struct kan_model *m);
void kan_treemap_free(struct kan_treemap *t);

/* How, in the words of ATT&CK: a column a tactic, in the order of an attack. */
struct kan_technique {
	int x, y;
	const json_t *of;
	int64_t n;
};
struct kan_attack {
	struct kan_technique at[KAN_ATTACK_CELLS];
	size_t n;
	struct {
		int x, y;
		const char *name;
	} tactics[16];
	size_t n_tactics;
	int width, height, band; /* band: where the row of tactics at hand begins */
};
void kan_attack_make(struct kan_attack *out, const struct kan_model *m);

void kan_html_lanes(struct kan_buf *out, const struct kan_model *m);
void kan_html_treemap(struct kan_buf *out, const struct kan_model *m);
void kan_html_attack(struct kan_buf *out, const struct kan_model *m);

#endif
