/* verify: the tag manifest, each tag file against it, and the form of each. */
#include "evidence/verify.h"

#include <string.h>

#include "base/file.h"
#include "base/row.h"
#include "evidence/format.h"
#include "evidence/journalread.h"

static void check_info(struct kan_bagcheck *c, const char *path, struct kan_bytes text)
{
	struct kan_err why = {0};
	if (kan_baginfo_parse(&c->info, text, &why) < 0)
		kan_bagcheck_fail(c, KAN_BAGCHECK_BAGINFO, KAN_CHECK_ALTERED, path, "%s", why.text);
	else if (!kan_name_ok(c->info.bundle))
		kan_bagcheck_fail(c, KAN_BAGCHECK_BAGINFO, KAN_CHECK_ALTERED, path,
				  "External-Identifier is no name of a bundle");
	else
		c->has_info = true;
}

static const char *capture_fault(const struct kan_bagcheck *c, const json_t *doc)
{
	if (strcmp(kan_journal_text(doc, "schema"), "kanshiki.acquisition/1") != 0)
		return "not of schema kanshiki.acquisition/1";
	if (!c->has_info)
		return NULL;
	if (strcmp(kan_journal_text(doc, "bundle"), c->info.bundle) != 0)
		return "it names another bundle than bag-info.txt";
	const char *status = c->info.partial ? "partial" : "complete";
	return strcmp(kan_journal_text(doc, "status"), status) != 0
		       ? "its status is not that of bag-info.txt"
		       : NULL;
}

static void check_capture(struct kan_bagcheck *c, const char *path, struct kan_bytes text)
{
	json_auto_t *doc = NULL;
	struct kan_err why = {0};
	if (kan_json_parse(&doc, text, KAN_BAG_CAPTURE_CAP, KAN_BAG_CAPTURE_DEPTH, &why) < 0) {
		kan_bagcheck_fail(c, KAN_BAGCHECK_TAGMANIFEST, KAN_CHECK_ALTERED, path, "%s",
				  why.text);
		return;
	}
	const char *wrong = capture_fault(c, doc);
	if (wrong)
		kan_bagcheck_fail(c, KAN_BAGCHECK_TAGMANIFEST, KAN_CHECK_ALTERED, path, "%s",
				  wrong);
}

static void check_manifest(struct kan_bagcheck *c, const char *path, struct kan_bytes text)
{
	struct kan_err why = {0};
	kan_sha256_hex(c->manifest_sha256, text);
	if (kan_manifest_parse(&c->payload, text, true, &why) < 0)
		kan_bagcheck_fail(c, KAN_BAGCHECK_MANIFEST, KAN_CHECK_ALTERED, path, "%s",
				  why.text);
	else
		c->has_manifest = true;
}

static void check_form(struct kan_bagcheck *c, size_t tag, struct kan_buf *text)
{
	const char *path = kan_tags[tag].name;
	struct kan_bytes bytes = kan_buf_bytes(text);
	switch ((enum kan_tag_index)tag) {
	case KAN_TAG_BAGIT:
		c->has_bagit = true;
		if (!kan_bytes_eq(bytes, KAN_LIT(KAN_BAGIT_TEXT)))
			kan_bagcheck_fail(c, KAN_BAGCHECK_BAGIT, KAN_CHECK_ALTERED, path,
					  "not the two lines of a bag");
		break;
	case KAN_TAG_INFO:
		check_info(c, path, bytes);
		break;
	case KAN_TAG_CAPTURE:
		check_capture(c, path, bytes);
		break;
	case KAN_TAG_MANIFEST:
		check_manifest(c, path, bytes);
		break;
	case KAN_TAG_JOURNAL:
		kan_buf_addb(&c->journal, bytes);
		break;
	case KAN_TAG_GAPS:
		kan_buf_addb(&c->gaps, bytes);
		break;
	case KAN_TAG_README:
		break;
	}
}

/* Is it as it was sealed? */
static bool check_digest(struct kan_bagcheck *c, size_t tag, struct kan_bytes text)
{
	char is[KAN_SHA256_HEX];
	if (!c->tags.n)
		return false;
	kan_sha256_hex(is, text);
	if (strcmp(is, c->tags.files[tag].sha256) == 0)
		return true;
	kan_bagcheck_fail(c, KAN_BAGCHECK_TAGMANIFEST, KAN_CHECK_ALTERED, kan_tags[tag].name,
			  "altered: it has another digest than listed");
	return false;
}

/* What is gone is told by the layout. -1: it could not be read. */
static int read_tag(struct kan_buf *out, struct kan_bagcheck *c, const char *path, size_t cap,
		    struct kan_err *err)
{
	struct kan_err why = {0};
	if (kan_bag_read(out, c->dir_fd, path, cap, &why) == 0)
		return 1;
	if (kan_bagcheck_unreadable(&why)) {
		if (err)
			*err = why;
		return -1;
	}
	if (why.code != KAN_ENOTFOUND)
		kan_bagcheck_fail(c, KAN_BAGCHECK_TAGMANIFEST, KAN_CHECK_ALTERED, path, "%s",
				  why.text);
	return 0;
}

static int check_tagmanifest(struct kan_bagcheck *c, struct kan_err *err)
{
	struct kan_err why = {0};
	kan_auto_buf struct kan_buf text = KAN_BUF(KAN_BAG_TAGMANIFEST_CAP);
	int there = read_tag(&text, c, KAN_TAGMANIFEST, KAN_BAG_TAGMANIFEST_CAP, err);
	if (there <= 0)
		return there;
	kan_sha256_hex(c->seal, kan_buf_bytes(&text));
	if (kan_manifest_parse(&c->tags, kan_buf_bytes(&text), false, &why) < 0)
		kan_bagcheck_fail(c, KAN_BAGCHECK_TAGMANIFEST, KAN_CHECK_ALTERED, KAN_TAGMANIFEST,
				  "%s", why.text);
	return 0;
}

int kan_bagcheck_tags(struct kan_bagcheck *c, struct kan_err *err)
{
	if (check_tagmanifest(c, err) < 0)
		return -1;
	for (size_t tag = 0; tag < KAN_TAGS; tag++) {
		kan_auto_buf struct kan_buf text = KAN_BUF(kan_tags[tag].cap);
		int there = read_tag(&text, c, kan_tags[tag].name, kan_tags[tag].cap, err);
		if (there < 0)
			return -1;
		if (!there)
			continue;
		if (check_digest(c, tag, kan_buf_bytes(&text)) &&
		    kan_format_known(tag, kan_buf_bytes(&text), err) < 0)
			return -1;
		check_form(c, tag, &text);
	}
	return 0;
}
