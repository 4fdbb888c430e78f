/* Which finding is told where, and what belongs to which row of the image. */
#include <string.h>

#include "base/row.h"
#include "reports/exposure.h"

bool kan_model_of_image(const json_t *finding)
{
	return strncmp(kan_json_str(finding, "rule"), "image.", 6) == 0;
}

enum kan_place kan_model_place(const json_t *finding)
{
	if (strcmp(kan_json_str(finding, "class"), "posture") != 0)
		return KAN_PLACE_FINDINGS;
	return kan_model_of_image(finding) ? KAN_PLACE_IMAGE : KAN_PLACE_POSTURE;
}

size_t kan_model_placed(const struct kan_model *m, enum kan_place place)
{
	size_t i = 0, n = 0;
	json_t *f = NULL;
	json_array_foreach (json_object_get(m->doc, "findings"), i, f)
		n += kan_model_place(f) == place;
	return n;
}

const char *kan_model_rung(const struct kan_model *m)
{
	static const char *const means[] = {
		"none: not even the image's own name could be checked, or it does not hold",
		"a reference from elsewhere agrees, and nothing of this host was checked",
		"the configuration is the one that the image's name names; the layers were not "
		"checked, or do not all hold",
		"each layer has the digest that the configuration names; its directory was not "
		"compared, or does not hold",
		"each file of the layers' directories is as the layer's tar has it",
		"and each file of a package is as the package recorded it"};
	int64_t n = kan_json_int(json_object_get(m->doc, "image_integrity"), "reached");
	return n >= 0 && n < (int64_t)(sizeof means / sizeof *means) ? means[n] : "";
}

int64_t kan_model_image_finding(const struct kan_model *m, const json_t *row)
{
	static const char *const keys[] = {"layer", "path", NULL};
	return kan_model_object_finding(m, kan_json_str(row, "kind"), row, keys);
}
