/* sbom-container.cdx.json: the packages of the container as found. */
#include "reports/sbom.h"

static int render(struct kan_buf *out, const struct kan_model *m, struct kan_err *err)
{
	return kan_sbom_render(out, m, "container", err);
}

extern const struct kan_report kan_report_sbom_container;
const struct kan_report kan_report_sbom_container = {
	.name = "sbom",
	.file = "sbom-container.cdx.json",
	.summary = "packages of the container as found, CycloneDX 1.5",
	.render = render,
};
