/* Every event that we write fits docs/schema/kanshiki.event-1.json, by somebody else's validator.
 */
#include "custody/act.h"
#include "fixture.h"

#include <criterion/criterion.h>
#include <stdlib.h>

Test(schema, every_event_we_write_fits_the_published_schema)
{
	auto_fixture struct fixture f;
	struct kan_custody *c = NULL;
	struct kan_receipt r, n;
	struct kan_act act = fixture_act;

	fixture_make(&f);
	fixture_commit(&r, &f, BUNDLE_A);
	act.request_id = "req-1";
	act.authority = "head of security";
	cr_assert_eq(kan_custody_open(&c, f.home, NULL, NULL), 0);
	cr_assert_eq(kan_custody_note(&n, c, &r, "seen", &act, NULL), 0);
	cr_assert_eq(kan_custody_note(&n, c, NULL, "called", &fixture_act, NULL), 0);
	cr_assert_eq(kan_custody_judge(&n, c, "F-e24b6005", "dismissed", "our own tool",
				       &fixture_act, NULL),
		     0);
	cr_assert_eq(kan_custody_close(&n, c, "rebuilt", &fixture_act, NULL), 0);
	kan_custody_free(c);
	free(fixture_must(
		f.dir,
		"for e in 000001-collect 000002-note 000003-note 000004-note 000005-close; do"
		" git -C %s cat-file blob main:cases/inc-42/events/$e.json > $e.json &&"
		" python3 -c \"import json,jsonschema,sys;jsonschema.Draft202012Validator("
		"json.load(open(sys.argv[1]))).validate(json.load(open(sys.argv[2])))\" " KAN_SOURCE
		"/docs/schema/kanshiki.event-1.json $e.json || exit 1; done",
		f.repo));
}
