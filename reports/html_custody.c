/* The Custody section of report.html: the seal as text and as a QR code, who committed it, and how
 * anybody checks that with tools that are not ours. */
#include <inttypes.h>
#include <string.h>

#include "base/digest.h"
#include "base/row.h"
#include "reports/html.h"
#include "reports/qr.h"

enum { QR_PATH = 64 << 10, QR_TEXT = 512, NAME_OCTETS = 63, COMMIT_HEX = 40 };

/* What may stand in a command, and in a code that others read: digests and ids of our own form. */
static const char *seal_of(const struct kan_model *m)
{
	const char *seal = kan_json_str(m->doc, "seal");
	return kan_is_sha256_hex(seal) ? seal : "";
}

static const char *commit_of(const struct kan_model *m)
{
	const char *commit = kan_json_str(m->receipt, "commit");
	bool good = strlen(commit) == COMMIT_HEX && !commit[strspn(commit, "0123456789abcdef")];
	return good ? commit : "";
}

static bool plain_name(const char *name)
{
	size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-");
	return n > 0 && n <= NAME_OCTETS && !name[n];
}

static void code(struct kan_buf *out, const struct kan_model *m)
{
	kan_auto_buf struct kan_buf path = KAN_BUF(QR_PATH), text = KAN_BUF(QR_TEXT);
	const char *name = kan_json_str(m->doc, "bundle");
	if (!*seal_of(m))
		return;
	kan_buf_addf(&text, "kanshiki seal %s\n", seal_of(m));
	if (plain_name(name))
		kan_buf_addf(&text, "bundle %s\n", name);
	int side = kan_qr_path(&path, kan_buf_bytes(&text));
	if (!side)
		return;
	kan_buf_addf(out,
		     "<svg class=\"qr\" viewBox=\"0 0 %d %d\" role=\"img\" "
		     "shape-rendering=\"crispEdges\"><title>The seal and the name of the bundle as "
		     "a QR code; both stand as text beside it.</title><rect width=\"%d\" "
		     "height=\"%d\"/><path d=\"",
		     side, side, side, side);
	kan_buf_addb(out, kan_buf_bytes(&path));
	kan_buf_adds(out, "\"/></svg>\n");
}

static void fact(struct kan_buf *out, const char *title, const json_t *o, const char *key)
{
	if (!json_object_get(o, key))
		return;
	kan_buf_addf(out, "<dt>%s</dt><dd>", title);
	kan_html_value(out, o, key);
	kan_buf_adds(out, "</dd>\n");
}

static void signer(struct kan_buf *out, const json_t *r)
{
	kan_buf_adds(out, "<dt>Signed by</dt><dd>");
	kan_html_value(out, r, "signer");
	kan_buf_adds(out, json_is_true(json_object_get(r, "host_key"))
				  ? "<br>This host's own key: it vouches for nothing before the "
				    "capture, and whoever is root there has it."
				  : "<br>A key that was given to the capture.");
	kan_buf_adds(out, " It signed the tag manifest and the commit.</dd>\n");
}

static void facts(struct kan_buf *out, const struct kan_model *m)
{
	const json_t *r = m->receipt;
	kan_buf_adds(out, "<dl>\n<dt>Seal</dt><dd class=\"seal\">");
	if (json_object_get(m->doc, "seal"))
		kan_html_value(out, m->doc, "seal");
	else
		kan_buf_adds(out, "not sealed: this report is provisional");
	kan_buf_adds(out, "</dd>\n");
	fact(out, "Bundle", m->doc, "bundle");
	fact(out, "Repository", r, "repo");
	fact(out, "Case", r, "case");
	fact(out, "Event", r, "event");
	fact(out, "Commit", r, "commit");
	if (r)
		signer(out, r);
	else
		kan_buf_adds(out, "<dt>Commit</dt><dd>no receipt: the bundle was not committed, or "
				  "its repository was not at hand</dd>\n");
	kan_buf_adds(out, "<dt>Time-stamp</dt><dd>no time-stamp is shown here: the times are "
			  "this host's own word; kanshiki verify checks the stamps of seal "
			  "and commit, when there are any</dd>\n</dl>\n");
}

static void bag_commands(struct kan_buf *out, const char *seal)
{
	kan_buf_adds(out, "<h3>Check it without kanshiki</h3>\n<p>In the bundle's directory, with "
			  "bash. The first line says whether the seal is the one above, the second "
			  "prints nothing when every byte is the one that was sealed, the third "
			  "names files that were added: it prints "
			  "<code>tagmanifest-sha256.txt</code> alone.</p>\n<pre id=\"check-bag\">");
	kan_buf_addf(out, "echo '%s  tagmanifest-sha256.txt' | sha256sum -c --strict\n", seal);
	kan_buf_adds(out, "sha256sum -c --strict --quiet tagmanifest-sha256.txt "
			  "manifest-sha256.txt\n"
			  "find . -type f ! -path './seal/*' -printf '%P\\n' | LC_ALL=C sort | "
			  "LC_ALL=C comm -3 - &lt;(cut -c67- manifest-sha256.txt "
			  "tagmanifest-sha256.txt | LC_ALL=C sort)</pre>\n");
}

static void repository_commands(struct kan_buf *out, const struct kan_model *m)
{
	const char *commit = commit_of(m);
	if (!*commit)
		return;
	kan_buf_adds(out,
		     "<p>Who signed it: <code>ALLOWED</code> is your allowed_signers file, "
		     "which must not come from the evidence; <code>WHO</code> is who should "
		     "have signed, <code>kanshiki@</code> and the host's name for a host's own "
		     "key.</p>\n<pre id=\"check-signature\">"
		     "ssh-keygen -Y verify -f \"$ALLOWED\" -I \"$WHO\" -n file -s "
		     "seal/tagmanifest-sha256.txt.sig &lt; tagmanifest-sha256.txt</pre>\n"
		     "<p>The commit, in a fresh clone of the repository <code>REPO</code>, an "
		     "absolute path. The last line prints the seal that the commit "
		     "names.</p>\n<pre id=\"check-commit\">"
		     "GIT_LFS_SKIP_SMUDGE=1 git clone -q --no-local \"file://$REPO\" v && "
		     "cd v\ngit fsck --full --strict\n");
	kan_buf_addf(out,
		     "git -c gpg.format=ssh -c gpg.ssh.allowedSignersFile=\"$ALLOWED\" "
		     "verify-commit %s\ngit log -1 --format=%%B %s | grep -x 'Kanshiki-Seal: "
		     "%s'</pre>\n",
		     commit, commit, seal_of(m));
}

void kan_html_custody(struct kan_buf *out, const struct kan_model *m)
{
	kan_buf_adds(out, "<section id=\"custody\"><h2>Custody</h2>\n<div class=\"panel "
			  "sealed\">\n");
	facts(out, m);
	code(out, m);
	kan_buf_adds(out, "</div>\n");
	if (*seal_of(m)) {
		kan_buf_adds(out, "<p>This page proves nothing by itself. Keep the seal where "
				  "nobody who could change the evidence reaches it: on paper, in a "
				  "ticket, on a phone.</p>\n");
		bag_commands(out, seal_of(m));
		repository_commands(out, m);
	}
	kan_buf_adds(out, "</section>\n");
}
