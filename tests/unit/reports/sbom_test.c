/* Two CycloneDX documents: what a scanner finds in them, and that no guess is among it. */
#include <string.h>

#include "base/row.h"
#include "incident.h"
#include "reports/sbom.h"

static const char two_sides[] =
	"{\"image\":{\"state\":\"whole\",\"count\":3,\"os\":{\"id\":\"debian\",\"version\":\"12\","
	"\"name\":\"Debian GNU/Linux 12\"}},"
	"\"container\":{\"state\":\"whole\",\"count\":3,\"os\":{\"id\":\"debian\",\"version\":"
	"\"12\"}},"
	"\"changes\":{},\"rows\":["
	"{\"name\":\"gone\",\"arch\":\"all\",\"manager\":\"dpkg\",\"image\":{\"version\":\"1\"},"
	"\"change\":\"removed\",\"logged\":true},"
	"{\"name\":\"kept\",\"arch\":\"amd64\",\"manager\":\"dpkg\",\"image\":{\"version\":\"2\"}},"
	"{\"name\":\"libstdc++6\",\"arch\":\"amd64\",\"manager\":\"dpkg\",\"image\":{\"version\":"
	"\"1:12.2.0-14+b1\",\"source\":\"gcc-12\",\"source_version\":\"12.2.0-14\"},"
	"\"container\":{\"version\":\"1:13~rc1\"},\"change\":\"upgraded\",\"logged\":false},"
	"{\"name\":\"new\",\"arch\":\"amd64\",\"manager\":\"dpkg\",\"container\":{\"version\":"
	"\"3\"},"
	"\"change\":\"installed\",\"logged\":true}]}";

/* The document of a side; packages as given. */
static json_t *made(const char *side, const char *packages)
{
	kan_auto_buf struct kan_buf out = KAN_BUF(1 << 20);
	struct kan_err err = {0};
	json_t *doc = incident(), *bom = NULL;
	json_object_set_new(doc, "packages", json_loads(packages, 0, NULL));
	json_object_set_new(doc, "seal",
			    json_string("00112233445566778899aabbccddeeff"
					"00112233445566778899aabbccddeeff"));
	struct kan_model *m = model_of(doc, NULL);
	cr_assert_eq(kan_sbom_render(&out, m, side, &err), 0, "%s", err.text);
	kan_model_free(m);
	json_decref(doc);
	bom = json_loads(kan_buf_str(&out), 0, NULL);
	cr_assert_not_null(bom);
	return bom;
}

static void lists(const json_t *bom, const char *const *purls)
{
	const json_t *list = json_object_get(bom, "components");
	size_t i = 1;
	cr_assert_str_eq(kan_json_str(json_array_get(list, 0), "type"), "operating-system");
	cr_assert_null(json_object_get(json_array_get(list, 0), "purl"));
	for (; *purls; purls++, i++)
		cr_assert_str_eq(kan_json_str(json_array_get(list, i), "purl"), *purls);
	cr_assert_eq(json_array_size(list), i);
}

Test(sbom, the_image_is_listed_as_shipped)
{
	json_t *bom = made("image", two_sides);
	lists(bom, (const char *const[]){
			   "pkg:deb/debian/gone@1?arch=all&distro=debian-12",
			   "pkg:deb/debian/kept@2?arch=amd64&distro=debian-12",
			   "pkg:deb/debian/libstdc%2B%2B6@1%3A12.2.0-14%2Bb1?arch=amd64&distro="
			   "debian-12&upstream=gcc-12%4012.2.0-14",
			   NULL});
	const json_t *os = json_array_get(json_object_get(bom, "components"), 0);
	cr_assert_str_eq(kan_json_str(os, "name"), "debian");
	cr_assert_str_eq(kan_json_str(os, "version"), "12");
	json_decref(bom);
}

Test(sbom, the_container_is_listed_as_found)
{
	json_t *bom = made("container", two_sides);
	lists(bom, (const char *const[]){
			   "pkg:deb/debian/kept@2?arch=amd64&distro=debian-12",
			   "pkg:deb/debian/libstdc%2B%2B6@1%3A13~rc1?arch=amd64&distro=debian-12",
			   "pkg:deb/debian/new@3?arch=amd64&distro=debian-12", NULL});
	json_decref(bom);
}

Test(sbom, the_serial_number_is_of_the_seal_and_the_side)
{
	json_t *a = made("image", two_sides), *b = made("image", two_sides),
	       *c = made("container", two_sides);
	cr_assert(json_equal(a, b));
	cr_assert_str_neq(kan_json_str(a, "serialNumber"), kan_json_str(c, "serialNumber"));
	cr_assert_eq(strlen(kan_json_str(a, "serialNumber")), strlen("urn:uuid:") + 36);
	cr_assert_eq(kan_json_str(a, "serialNumber")[strlen("urn:uuid:00000000-0000-")], '4');
	json_decref(a);
	json_decref(b);
	json_decref(c);
}

Test(sbom, a_container_whose_database_is_not_known_is_not_given_the_images)
{
	static const char unknown[] =
		"{\"image\":{\"state\":\"whole\",\"count\":1},"
		"\"container\":{\"state\":\"unknown\",\"why\":\"it was not read\"},\"changes\":{},"
		"\"rows\":[{\"name\":\"kept\",\"manager\":\"dpkg\",\"image\":{\"version\":\"2\"}}]"
		"}";
	json_t *bom = made("container", unknown), *image = made("image", unknown);
	lists(bom, (const char *const[]){NULL});
	lists(image, (const char *const[]){"pkg:deb/kept@2", NULL});
	const json_t *said = json_object_get(json_object_get(bom, "metadata"), "properties");
	cr_assert_str_eq(kan_json_str(json_array_get(said, 3), "value"), "it was not read");
	json_decref(bom);
	json_decref(image);
}

Test(sbom, apk_and_names_of_any_bytes_are_encoded)
{
	json_t *bom = made(
		"image",
		"{\"image\":{\"state\":\"whole\",\"os\":{\"id\":\"alpine\",\"version\":\"3.19\"}},"
		"\"container\":{\"state\":\"whole\"},\"changes\":{},\"rows\":[{\"name\":\"a?"
		"\\ufffd\","
		"\"name_b64\":\"YT//\",\"arch\":\"x86_64\",\"manager\":\"apk\",\"image\":"
		"{\"version\":\"1-r0\",\"source\":\"musl\"}}]}");
	lists(bom,
	      (const char *const[]){"pkg:apk/alpine/a%3F%FF@1-r0?arch=x86_64&distro=alpine-3.19"
				    "&upstream=musl",
				    NULL});
	json_decref(bom);
}

Test(sbom, rpms_epoch_is_a_qualifier_and_its_source_a_file)
{
	json_t *bom = made(
		"image",
		"{\"image\":{\"state\":\"whole\",\"os\":{\"id\":\"rhel\",\"version\":\"8.9\"}},"
		"\"container\":{\"state\":\"whole\"},\"changes\":{},\"rows\":["
		"{\"name\":\"curl\",\"arch\":\"x86_64\",\"manager\":\"rpm\",\"image\":"
		"{\"version\":\"7.61.1-33.el8\"}},"
		"{\"name\":\"gpg-pubkey\",\"manager\":\"rpm\",\"image\":{\"version\":\"fd431d51-"
		"4ae0493b\"}},"
		"{\"name\":\"vim-minimal\",\"arch\":\"x86_64\",\"manager\":\"rpm\",\"image\":"
		"{\"version\":\"2:8.0.1763-19.el8\",\"source\":\"vim\",\"source_version\":"
		"\"8.0.1763-19.el8\"}}]}");
	lists(bom, (const char *const[]){
			   "pkg:rpm/redhat/curl@7.61.1-33.el8?arch=x86_64&distro=rhel-8.9",
			   "pkg:rpm/redhat/gpg-pubkey@fd431d51-4ae0493b?distro=rhel-8.9",
			   "pkg:rpm/redhat/vim-minimal@8.0.1763-19.el8?arch=x86_64&distro=rhel-8.9"
			   "&epoch=2&upstream=vim-8.0.1763-19.el8.src.rpm",
			   NULL});
	json_decref(bom);
}

Test(sbom, what_is_left_out_of_the_list_is_counted)
{
	json_t *bom = made("image", "{\"image\":{\"state\":\"cut\",\"why\":\"too many\"},"
				    "\"container\":{\"state\":\"cut\"},\"changes\":{},"
				    "\"rows\":[],\"left_out\":7}");
	const json_t *said = json_object_get(json_object_get(bom, "metadata"), "properties");
	const json_t *last = json_array_get(said, json_array_size(said) - 1);
	cr_assert_str_eq(kan_json_str(last, "name"), "kanshiki:left_out");
	cr_assert_str_eq(kan_json_str(last, "value"), "7");
	json_decref(bom);
}
