/* sbom-image.cdx.json: the packages of the image as shipped. */
#include "reports/sbom.h"

static int render(struct kan_buf *out, const struct kan_model *m, struct kan_err *err)
{
	return kan_sbom_render(out, m, "image", err);
}

extern const struct kan_report kan_report_sbom_image;
const struct kan_report kan_report_sbom_image = {
	.name = "sbom",
	.file = "sbom-image.cdx.json",
	.summary = "packages of the image as shipped, CycloneDX 1.5",
	.render = render,
};
