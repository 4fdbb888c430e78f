/* Rows of integrity.ndjson as one table: a line a rung, and a sentence. */
#include "analyze/integrity.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "analyze/recorded.h"
#include "image/layerdir.h"

#define ROWS "data/image/integrity.ndjson"

enum { REFERENCE = 1, FIRST = 2, LAST = 4, PACKAGES = 5, TEXT = 800 };

static const char alone[] = "rungs 2 to 5 rest on this host alone",
		  sent[] = "rungs 2 to 5 rest on what the engine sent";
static const char *const whats[] = {[1] = "a reference from elsewhere",
				    [2] = "the image's own name",
				    [3] = "layers against their digests",
				    [4] = "layer directories against their headers",
				    [5] = "files against the checksums of their packages"};

struct rung {
	uint64_t verified, damaged, not_done;
	json_t *why;  /* of the first that was not done */
	bool differs; /* and no damage: who built the image may have changed what he installed */
};
struct table {
	struct rung rungs[PACKAGES + 1];
	uint64_t paths, reference_paths; /* named by this host's own data; by the reference */
	json_t *modified;                /* of rung 5, or NULL */
	uint64_t conffiles, unrecorded;
	json_t *digests;   /* of manifests that hold */
	uint64_t noted;    /* that differ in what honest tools change too, and are no damage */
	const char *rests; /* whose word the rungs are */
};

bool kan_integrity_noted(const json_t *row)
{
	size_t i = 0, other = 0;
	json_t *word = NULL;
	json_array_foreach (json_object_get(row, "differs"), i, word) {
		const char *w = json_string_value(word);
		other += !w || !kan_damage_is_noted(w);
	}
	return other == 0;
}

/* Of a manifest that the store keeps beside: one that is not what its name says is damage, and one
 * that holds has the digest by which registries know the image. */
static void take_manifest(struct table *t, const json_t *row, const char *result)
{
	t->rungs[FIRST].damaged += strcmp(result, "damaged") == 0;
	if (strcmp(result, "verified") != 0)
		return;
	if (!t->digests)
		t->digests = json_array();
	json_array_append(t->digests, json_object_get(row, "expected_digest"));
}

static int take(const json_t *row, uint64_t line, void *arg, struct kan_err *err)
{
	struct table *t = arg;
	int64_t n = kan_get_int(row, "rung", 0);
	const char *result = kan_json_str(row, "result");
	(void)line;
	(void)err;
	bool path = strcmp(kan_json_str(row, "about"), "path") == 0;
	t->noted += path && kan_integrity_noted(row);
	path = path && !kan_integrity_noted(row);
	t->paths += path && n != REFERENCE;
	t->reference_paths += path && n == REFERENCE;
	if (n < REFERENCE || n > LAST || !*result)
		return 0;
	if (strcmp(kan_json_str(row, "about"), "manifest") == 0) {
		take_manifest(t, row, result);
		return 0;
	}
	struct rung *r = &t->rungs[n];
	r->verified += strcmp(result, "verified") == 0;
	r->damaged += strcmp(result, "damaged") == 0;
	r->not_done += strcmp(result, "not-done") == 0;
	if (strcmp(result, "not-done") == 0 && !r->why)
		r->why = json_incref(json_object_get(row, "why"));
	return 0;
}

static const char *result_of(const struct rung *r)
{
	if (r->damaged)
		return r->differs ? "differs" : "damaged";
	return r->verified && !r->not_done ? "verified" : "not-done";
}

static json_t *line_of(const struct rung *r, int n)
{
	json_t *o = json_pack("{s:i,s:s,s:s,s:I,s:I,s:I}", "rung", n, "what", whats[n], "result",
			      result_of(r), "verified", (json_int_t)r->verified, "damaged",
			      (json_int_t)r->damaged, "not_done", (json_int_t)r->not_done);
	if (r->why)
		json_object_set(o, "why", r->why);
	else if (!r->verified && !r->damaged && !r->not_done)
		json_object_set_new(o, "why", json_string("it was not asked for"));
	return o;
}

/* The highest rung that holds with all below it. */
static int reached(const struct table *t)
{
	int n = FIRST;
	while (n <= PACKAGES && strcmp(result_of(&t->rungs[n]), "verified") == 0)
		n++;
	return n == FIRST ? 0 : n - 1;
}

/* What the reference says, when there was one. */
static const char *of_reference(const struct table *t)
{
	const struct rung *r = &t->rungs[REFERENCE];
	if (!r->verified && !r->damaged && !r->not_done)
		return "";
	if (r->damaged)
		return "it is not the reference; ";
	return r->not_done ? "it could not be compared whole with the reference; "
			   : "it is the reference (rung 1); ";
}

/* Behind what is said of the rest. */
static void and_noted(char out[TEXT], const struct table *t)
{
	size_t n = strlen(out);
	if (t->noted)
		(void)snprintf(out + n, TEXT - n,
			       "; %" PRIu64
			       " paths differ in a time, in attributes that builders leave or "
			       "in device nodes that a user's engine cannot make, which alone is "
			       "no damage",
			       t->noted);
}

/* Rung 5 in words. */
static void of_packages(char out[TEXT / 2], const struct table *t)
{
	const struct rung *r = &t->rungs[PACKAGES];
	if (r->damaged)
		(void)snprintf(out, TEXT / 2,
			       "%" PRIu64
			       " files are not as their packages recorded them, of %" PRIu64
			       ": whoever built the image may have changed them",
			       r->damaged, r->damaged + r->verified);
	else if (r->not_done)
		(void)snprintf(out, TEXT / 2, "packages were not checked");
	else
		(void)snprintf(out, TEXT / 2,
			       "%" PRIu64 " files are as their packages recorded them",
			       r->verified);
}

static int packages(struct table *t, const struct kan_facts *f, struct kan_err *err)
{
	struct kan_recorded found;
	struct rung *r = &t->rungs[PACKAGES], *digests = &t->rungs[LAST - 1];
	if (!digests->verified && !digests->damaged && !digests->not_done)
		return 0;
	int rc = kan_recorded_check(&found, f, err);
	r->differs = true;
	r->verified = found.as_recorded;
	r->damaged = found.modified;
	r->not_done = found.why != NULL || found.as_recorded == 0;
	if (r->not_done)
		r->why = json_string(found.why ? found.why : "no file has a checksum recorded");
	t->modified = found.paths;
	t->conffiles = found.conffiles;
	t->unrecorded = found.unrecorded;
	return rc;
}

static void and_digests(char out[TEXT], const struct table *t)
{
	size_t n = strlen(out);
	const char *first = json_string_value(json_array_get(t->digests, 0));
	if (json_array_size(t->digests) == 1 && first)
		(void)snprintf(out + n, TEXT - n, "; its manifest here is %.71s", first);
	else if (first)
		(void)snprintf(out + n, TEXT - n, "; its manifests here have %zu digests",
			       json_array_size(t->digests));
}

static void sentence(char out[TEXT], const struct table *t)
{
	const struct rung *digests = &t->rungs[3];
	bool damaged = false, asked = digests->verified || digests->damaged || digests->not_done;
	int n = reached(t);
	char packaged[TEXT / 2];
	of_packages(packaged, t);
	for (int i = FIRST; i <= LAST; i++)
		damaged |= t->rungs[i].damaged > 0;
	if (damaged)
		(void)snprintf(out, TEXT, "%sthe image is damaged: %" PRIu64 " paths are named; %s",
			       of_reference(t), t->paths, t->rests);
	else if (n >= LAST)
		(void)snprintf(out, TEXT,
			       "%srung %d of %d: its name, the digests of %" PRIu64
			       " layers and every header hold; %s; %s",
			       of_reference(t), n, PACKAGES, digests->verified, packaged, t->rests);
	else if (n && !asked)
		(void)snprintf(out, TEXT,
			       "%srung %d of %d: its name holds; layers were not checked%s",
			       of_reference(t), n, PACKAGES,
			       t->rungs[REFERENCE].verified ? " against their own digests" : "");
	else
		(void)snprintf(out, TEXT,
			       "%srung %d of %d; not all of the rest could be checked; %s",
			       of_reference(t), n, PACKAGES, t->rests);
	and_digests(out, t);
	and_noted(out, t);
}

static json_t *document(struct table *t)
{
	char says[TEXT];
	json_t *rungs = json_array();
	for (int i = REFERENCE; i <= PACKAGES; i++)
		json_array_append_new(rungs, line_of(&t->rungs[i], i));
	sentence(says, t);
	json_t *out = json_pack("{s:s,s:i,s:o,s:I,s:I}", "says", says, "reached", reached(t),
				"rungs", rungs, "damaged_paths", (json_int_t)t->paths,
				"reference_paths", (json_int_t)t->reference_paths);
	if (t->digests)
		json_object_set(out, "digests", t->digests);
	if (t->modified)
		json_object_set(out, "modified", t->modified);
	if (t->conffiles)
		json_object_set_new(out, "conffiles", json_integer((json_int_t)t->conffiles));
	if (t->unrecorded)
		json_object_set_new(out, "unrecorded", json_integer((json_int_t)t->unrecorded));
	return out;
}

static void free_table(struct table *t)
{
	for (int i = REFERENCE; i <= PACKAGES; i++)
		json_decref(t->rungs[i].why);
	json_decref(t->digests);
	json_decref(t->modified);
}

int kan_image_integrity(json_t **out, const struct kan_facts *f, struct kan_err *err)
{
	struct table t = {.rests = kan_facts_engine_only(f) ? sent : alone};
	struct kan_err why = {0};
	json_t *doc = NULL;
	int rc = kan_source_rows(f->source, ROWS, take, &t, &why); /* not-found: it has none */
	if (rc < 0) /* rows that cannot be read are as those that are not there; altered ones not */
		rc = why.code == KAN_ETAMPER ? kan_fail(err, why.code, "%s", why.text) : 0;
	else if ((rc = packages(&t, f, err)) == 0)
		doc = document(&t);
	free_table(&t);
	if (rc == 0)
		*out = doc;
	return rc;
}
