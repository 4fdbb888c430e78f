/* allowed_signers: exact names, purposes and times. */
#include "custody/signers.h"

#include "base/row.h"
#include "custody/key.h"

#include <criterion/criterion.h>
#include <string.h>

#define KEY "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f"

static void key_blob(struct kan_buf *out)
{
	cr_assert_eq(kan_base64_decode(out, kan_bytes_of(strchr(KEY, 0x20) + 1), NULL), 0);
}

/* Whom the file trusts with KEY for the purpose at this second; NULL nobody. */
static const char *trusted(const char *text, const char *who, const char *ns, int64_t at,
			   const char **why)
{
	kan_auto_buf struct kan_buf blob = KAN_BUF(2048);
	static char name[256];
	struct kan_signers *s = NULL;
	struct kan_err err = {0};
	const char *found;

	key_blob(&blob);
	cr_assert_eq(kan_signers_parse(&s, kan_bytes_of(text), &err), 0, "%s", err.text);
	found = kan_signers_find(s, &(struct kan_signers_ask){who, kan_buf_bytes(&blob), ns, at},
				 why);
	if (found)
		snprintf(name, sizeof(name), "%s", found);
	kan_signers_free(s);
	return found ? name : NULL;
}

static void refused(const char *text, const char *reason)
{
	struct kan_signers *s = NULL;
	struct kan_err err = {0};

	cr_expect_eq(kan_signers_parse(&s, kan_bytes_of(text), &err), -1, "%s", text);
	cr_expect_eq(err.code, KAN_EUSAGE);
	cr_expect(strstr(err.text, reason), "%s: %s", text, err.text);
}

Test(signers, a_plain_line_trusts_its_principal_with_everything)
{
	const char *why;

	cr_assert_str_eq(trusted("# people\n\naiko@example.org " KEY " a comment\n",
				 "aiko@example.org", "git", 0, &why),
			 "aiko@example.org");
}

Test(signers, principals_are_exact)
{
	const char *why = NULL;

	cr_assert_null(trusted("aiko@example.org " KEY "\n", "aiko@example.or", "git", 0, &why));
	cr_assert_str_eq(why, "its key is trusted for another name");
	cr_assert_not_null(
		trusted("a@x,aiko@example.org,b@x " KEY "\n", "aiko@example.org", "git", 0, &why));
}

Test(signers, namespaces_are_honoured)
{
	const char *why = NULL;
	const char *text = "a@x namespaces=\"file,git\" " KEY "\n";

	cr_assert_not_null(trusted(text, "a@x", "git", 0, &why));
	cr_assert_null(trusted(text, "a@x", "kanshiki-custody", 0, &why));
	cr_assert_str_eq(why, "its key is not trusted for this purpose");
}

Test(signers, a_key_is_trusted_between_its_two_times_only)
{
	const char *why = NULL;
	const char *text =
		"a@x valid-after=\"20261122053000Z\",valid-before=\"20261122053100Z\" " KEY "\n";
	const int64_t from = 1795325400;

	cr_assert_null(trusted(text, "a@x", "git", from - 1, &why));
	cr_assert_str_eq(why, "signed before its key became valid");
	cr_assert_not_null(trusted(text, "a@x", "git", from, &why));
	cr_assert_not_null(trusted(text, "a@x", "git", from + 60, &why));
	cr_assert_null(trusted(text, "a@x", "git", from + 61, &why));
	cr_assert_str_eq(why, "signed after its key was no longer valid");
}

Test(signers, a_later_line_may_vouch_where_an_earlier_one_does_not)
{
	const char *why;

	cr_assert_not_null(
		trusted("a@x namespaces=\"file\" " KEY "\na@x " KEY "\n", "a@x", "git", 0, &why));
}

Test(signers, what_is_not_exact_is_refused_with_its_line)
{
	refused("*@example.org " KEY "\n", "line 1: principals are exact names");
	refused("a@x " KEY "\n!b@x " KEY "\n", "line 2");
	refused("a@x cert-authority " KEY "\n", "cert-authority is refused");
	refused("a@x namespaces=\"g*\" " KEY "\n", "patterns are refused");
	refused("a@x valid-after=\"yesterday\" " KEY "\n", "bad valid-after");
	refused("a@x verify-required " KEY "\n", "unknown option");
	refused("a@x ssh-rsa "
		"AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f\n",
		"another type");
	refused("a@x\n", "no key");
	refused("a@x ssh-ed25519 %%%\n", "base64");
}
