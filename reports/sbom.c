/* CycloneDX 1.5 of an inventory. The same bundle gives the same bytes: the serial number comes from
 * the seal, the time from the capture. */
#include "reports/sbom.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/row.h"
#include "reports/ids.h"

enum { PURL_OCTETS = 64 << 10, VALUE_OCTETS = 16 << 10, UUID_OCTETS = 16, SERIAL_TEXT = 64 };

/* Everything but what RFC 3986 leaves unreserved. */
static void encode(struct kan_buf *out, struct kan_bytes v)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
				    "-._~";
	for (size_t i = 0; i < v.n; i++)
		if (v.p[i] && strchr(plain, v.p[i]))
			kan_buf_addc(out, (char)v.p[i]);
		else
			kan_buf_addf(out, "%%%02X", v.p[i]);
}

/* The exact bytes of a value, encoded; what comes before stays away with it. */
static void add(struct kan_buf *out, const char *before, const json_t *o, const char *key)
{
	kan_auto_buf struct kan_buf v = KAN_BUF(VALUE_OCTETS);
	struct kan_err ignored = {0};
	if (kan_json_bytes(&v, o, key, &ignored) < 0 || v.len == 0)
		return;
	kan_buf_adds(out, before);
	encode(out, kan_buf_bytes(&v));
}

/* "?" once, "&" then. */
static const char *with(bool *first, const char *a, const char *b)
{
	const char *said = *first ? a : b;
	*first = false;
	return said;
}

static bool is_rpm(const json_t *row)
{
	return strcmp(kan_json_str(row, "manager"), "rpm") == 0;
}

/* The octets in front of the colon: rpm's purls have them as a qualifier. */
static size_t epoch_of(const struct kan_buf *version)
{
	const uint8_t *colon = version->len ? memchr(version->data, ':', version->len) : NULL;
	return colon ? (size_t)(colon - version->data) : 0;
}

static void add_version(struct kan_buf *out, const json_t *row, const json_t *version)
{
	kan_auto_buf struct kan_buf v = KAN_BUF(VALUE_OCTETS);
	struct kan_err ignored = {0};
	if (!is_rpm(row)) {
		add(out, "@", version, "version");
		return;
	}
	if (kan_json_bytes(&v, version, "version", &ignored) < 0 || v.len == 0)
		return;
	size_t epoch = epoch_of(&v), from = epoch ? epoch + 1 : 0;
	kan_buf_addc(out, '@');
	encode(out, (struct kan_bytes){v.data + from, v.len - from});
}

static void add_epoch(struct kan_buf *out, bool *first, const json_t *row, const json_t *version)
{
	kan_auto_buf struct kan_buf v = KAN_BUF(VALUE_OCTETS);
	struct kan_err ignored = {0};
	if (!is_rpm(row) || kan_json_bytes(&v, version, "version", &ignored) < 0 || !epoch_of(&v))
		return;
	kan_buf_adds(out, with(first, "?epoch=", "&epoch="));
	encode(out, (struct kan_bytes){v.data, epoch_of(&v)});
}

/* dpkg's and apk's sources by name and version, rpm's as the file it is. */
static void add_source(struct kan_buf *out, bool *first, const json_t *row, const json_t *version)
{
	if (!json_object_get(version, "source"))
		return;
	add(out, with(first, "?upstream=", "&upstream="), version, "source");
	add(out, is_rpm(row) ? "-" : "%40", version, "source_version");
	if (is_rpm(row))
		kan_buf_adds(out, ".src.rpm");
}

static void qualifiers(struct kan_buf *out, const json_t *row, const json_t *version,
		       const json_t *os)
{
	bool first = true;
	if (json_object_get(row, "arch"))
		add(out, with(&first, "?arch=", "&arch="), row, "arch");
	if (json_object_get(os, "id")) {
		add(out, with(&first, "?distro=", "&distro="), os, "id");
		add(out, "-", os, "version");
	}
	add_epoch(out, &first, row, version);
	add_source(out, &first, row, version);
}

/* pkg:deb/debian/NAME@VERSION?arch=..&distro=debian-12&upstream=SOURCE%40VERSION */
static void purl(struct kan_buf *out, const json_t *row, const json_t *version, const json_t *os)
{
	bool apk = strcmp(kan_json_str(row, "manager"), "apk") == 0;
	kan_buf_adds(out, is_rpm(row) ? "pkg:rpm" : apk ? "pkg:apk" : "pkg:deb");
	if (is_rpm(row) && strcmp(kan_json_str(os, "id"), "rhel") == 0)
		kan_buf_adds(out, "/redhat"); /* the vendor, as purls have it */
	else
		add(out, "/", os, "id");
	add(out, "/", row, "name");
	add_version(out, row, version);
	qualifiers(out, row, version, os);
}

static json_t *component(const json_t *row, const json_t *version, const json_t *os, size_t n)
{
	kan_auto_buf struct kan_buf url = KAN_BUF(PURL_OCTETS);
	char ref[SERIAL_TEXT];
	(void)snprintf(ref, sizeof ref, "package-%zu", n);
	purl(&url, row, version, os);
	json_t *o = json_pack("{s:s,s:s,s:O,s:s}", "type", "library", "bom-ref", ref, "name",
			      json_object_get(row, "name"), "purl", kan_buf_str(&url));
	if (json_object_get(version, "version"))
		json_object_set(o, "version", json_object_get(version, "version"));
	return o;
}

/* What a side has of a package; NULL: not there. */
static const json_t *version_on(const json_t *row, bool container)
{
	const json_t *own = json_object_get(row, "container");
	const char *change = kan_json_str(row, "change");
	bool kept = !own && !json_object_get(row, "unsure") && strcmp(change, "removed") != 0;
	return !container || kept ? json_object_get(row, "image") : own;
}

static json_t *operating_system(const json_t *os)
{
	json_t *o = json_pack("{s:s,s:s}", "type", "operating-system", "bom-ref", "os");
	json_t *id = json_object_get(os, "id"), *version = json_object_get(os, "version"),
	       *name = json_object_get(os, "name");
	json_object_set_new(o, "name", id ? json_incref(id) : json_string("unknown"));
	if (version)
		json_object_set(o, "version", version);
	if (name)
		json_object_set(o, "description", name);
	return o;
}

static json_t *components(const json_t *packages, const json_t *side, bool container)
{
	const json_t *os = json_object_get(side, "os");
	json_t *list = json_array(), *row = NULL;
	size_t i = 0;
	json_array_append_new(list, operating_system(os));
	if (strcmp(kan_json_str(side, "state"), "unknown") == 0)
		return list; /* the image's packages are no answer for the container */
	json_array_foreach (json_object_get(packages, "rows"), i, row) {
		const json_t *version = version_on(row, container);
		if (version)
			json_array_append_new(list, component(row, version, os, i + 1));
	}
	return list;
}

static void property(json_t *list, const char *name, const char *value)
{
	json_array_append_new(list, json_pack("{s:s,s:s}", "name", name, "value", value));
}

/* Of both sides together: who matches this list must know that it is not all. */
static void left_out(json_t *list, const json_t *packages)
{
	char text[SERIAL_TEXT];
	int64_t n = kan_json_int(packages, "left_out");
	(void)snprintf(text, sizeof text, "%" PRId64, n);
	if (n)
		property(list, "kanshiki:left_out", text);
}

static json_t *metadata(const struct kan_model *m, const json_t *side, const char *which)
{
	const json_t *container = json_object_get(m->doc, "container"),
		     *generator = json_object_get(m->doc, "generator"),
		     *record = json_object_get(m->doc, "record");
	json_t *about = json_pack("{s:s,s:s}", "type", "container", "bom-ref", "container"),
	       *said = json_array(),
	       *tool = json_pack("{s:s,s:O,s:O}", "type", "application", "name",
				 json_object_get(generator, "tool"), "version",
				 json_object_get(generator, "version"));
	json_t *name = json_object_get(container, "image"),
	       *id = json_object_get(container, "image_id");
	json_object_set_new(about, "name", name ? json_incref(name) : json_string("unknown"));
	if (id)
		json_object_set(about, "version", id);
	property(said, "kanshiki:bundle", kan_json_str(m->doc, "bundle"));
	property(said, "kanshiki:side", which);
	if (json_object_get(m->doc, "tlp"))
		property(said, "kanshiki:tlp", kan_json_str(m->doc, "tlp"));
	if (json_object_get(m->doc, "redacted"))
		property(said, "kanshiki:redacted", "yes");
	property(said, "kanshiki:state", kan_json_str(side, "state"));
	if (json_object_get(side, "why"))
		property(said, "kanshiki:why", kan_json_str(side, "why"));
	left_out(said, json_object_get(m->doc, "packages"));
	json_t *o = json_pack("{s:o,s:{s:[o]},s:o}", "component", about, "tools", "components",
			      tool, "properties", said);
	if (json_object_get(record, "started"))
		json_object_set(o, "timestamp", json_object_get(record, "started"));
	return o;
}

/* Of seal and side, in the shape of a version 4 UUID. An unsealed bundle has none. */
static void serial(json_t *doc, const struct kan_model *m, const char *which)
{
	char uuid[KAN_UUID_TEXT], text[SERIAL_TEXT], seed[256];
	const char *seal = kan_json_str(m->doc, "seal");
	if (!*seal)
		return;
	const char *tlp = kan_json_str(m->doc, "tlp");
	(void)snprintf(seed, sizeof seed, "%.64s %.16s%s%.32s%s", seal, which, *tlp ? " " : "", tlp,
		       json_object_get(m->doc, "redacted") ? " redacted" : "");
	kan_uuid_of(uuid, kan_bytes_of(seed));
	(void)snprintf(text, sizeof text, "urn:uuid:%s", uuid);
	json_object_set_new(doc, "serialNumber", json_string(text));
}

int kan_sbom_render(struct kan_buf *out, const struct kan_model *m, const char *side,
		    struct kan_err *err)
{
	const json_t *packages = json_object_get(m->doc, "packages"),
		     *about = json_object_get(packages, side);
	bool whole = strcmp(kan_json_str(about, "state"), "unknown") != 0;
	json_t *doc = json_pack(
		"{s:s,s:s,s:i,s:o,s:o,s:[{s:s,s:[s]}]}", "bomFormat", "CycloneDX", "specVersion",
		"1.5", "version", 1, "metadata", metadata(m, about, side), "components",
		components(packages, about, strcmp(side, "container") == 0), "compositions",
		"aggregate", whole ? "incomplete" : "unknown", "assemblies", "container");
	serial(doc, m, side);
	int rc = kan_json_dump(out, doc, err);
	json_decref(doc);
	return rc;
}
