/* An inventory as CycloneDX 1.5: one side of packages{}. Scanners read it; nothing is matched here.
 */
#ifndef KAN_REPORTS_SBOM_H
#define KAN_REPORTS_SBOM_H

#include "reports/model.h"

/* side: "image" or "container". */
int kan_sbom_render(struct kan_buf *out, const struct kan_model *m, const char *side,
		    struct kan_err *err);

#endif
