/* From hits to findings: grouped by key, put into words, ordered and numbered. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "analyze/object.h"
#include "analyze/run.h"
#include "base/digest.h"
#include "base/row.h"

enum {
	KEY_MAX_BYTES = 1 << 20,
	SENTENCE_MAX = 64 << 10,
	ID_SHORT = 8,
	ID_LONG = 12,
	CONTAINER_SHORT = 12,
};

/* A finding while it is being put together. */
struct draft {
	const struct kan_rule_run *of;
	struct kan_hit **hits;
	size_t n_hits;
	char digest[65];
	enum kan_severity severity;
	int64_t time_ns; /* earliest; INT64_MAX: none */
	json_t *objects, *evidence, *classes;
	size_t n_objects;
	bool unexcused;         /* of a hit at least */
	bool raised;            /* by a YARA rule that hits its bytes */
	const json_t *accepted; /* the user's entry; NULL: a finding */
};

static void key_of(char digest[65], const struct kan_rule *r, const struct kan_view *v)
{
	kan_auto_buf struct kan_buf key = KAN_BUF(KEY_MAX_BYTES);
	kan_buf_adds(&key, r->id);
	for (size_t i = 0; i < r->n_keys; i++) {
		struct kan_value value = kan_value_get(v, r->keys[i].column, false);
		kan_buf_addc(&key, '\0');
		for (size_t k = 0; value.known == KAN_KNOWN && k < kan_value_count(&value); k++) {
			kan_auto_buf struct kan_buf scratch = KAN_BUF(0);
			if (k)
				kan_buf_addc(&key, ',');
			kan_buf_addb(&key, kan_value_bytes(&value, k, &scratch));
		}
	}
	kan_sha256_hex(digest, kan_buf_bytes(&key));
}

static int64_t time_of(const struct kan_view *v)
{
	int64_t t = kan_get_int(v->row, "ctime_ns", INT64_MAX);
	return kan_get_int(v->row, "start_ns", t);
}

json_t *kan_run_evidence(const struct kan_run *run, const struct kan_view *v)
{
	char digest[65];
	/* What was derived from a document is on no line of it; or the row says where it is from.
	 */
	const char *own = v->kind->derive ? kan_json_str(v->row, "artefact") : "";
	const char *artefact = *own ? own : v->kind->artefact;
	json_int_t line = v->kind->derive ? kan_get_int(v->row, "row", 0) : (json_int_t)v->line;
	kan_source_digest(digest, run->facts->source, artefact);
	json_t *e = json_pack("{s:s}", "artefact", artefact);
	if (line)
		json_object_set_new(e, "row", json_integer(line));
	if (digest[0])
		json_object_set_new(e, "sha256", json_string(digest));
	return e;
}

static void add_object(const struct kan_run *run, struct draft *d, const struct kan_view *v)
{
	const char *trust = v->kind->derive ? kan_json_str(v->row, "trust") : "";
	kan_json_add_word(d->classes,
			  kan_trust_rank(trust) < KAN_TRUST_CLASSES ? trust : v->kind->trust);
	int64_t t = time_of(v);
	d->time_ns = t < d->time_ns ? t : d->time_ns;
	if (json_array_size(d->objects) == KAN_RUN_OBJECTS)
		return;
	json_array_append_new(d->objects, kan_object(v, false));
	json_array_append_new(d->evidence, kan_run_evidence(run, v));
}

/* A user's YARA rule hits the bytes that it is about: one step up, of a rule that does not mark
 * itself high as far as medium. */
static int raised_by_yara(const struct kan_run *run, const struct kan_view *v, int severity)
{
	const char *hex = kan_json_str(v->row, "sha256");
	if (!*hex)
		hex = kan_json_str(json_object_get(v->row, "exe"), "sha256");
	const json_t *high =
		strcmp(v->kind->name, "yara") == 0 ? NULL : json_object_get(run->facts->yara, hex);
	if (!high || (json_is_false(high) && severity >= KAN_MEDIUM))
		return severity;
	return severity + 1;
}

static void add_hit(const struct kan_run *run, struct draft *d, struct kan_hit *h)
{
	const struct kan_rule *r = d->of->rule;
	int severity = (int)r->severity;
	bool excused = kan_run_excused(run, r, h);
	if ((d->n_hits & (d->n_hits - 1)) == 0)
		d->hits = kan_xrealloc(d->hits, d->n_hits ? d->n_hits * 2 : 1, sizeof *d->hits);
	d->hits[d->n_hits++] = h;
	d->n_objects++;
	add_object(run, d, &h->view);
	for (size_t j = 0; j < r->n_joins; j++) {
		severity += h->joins[j].total ? r->joins[j].raise : 0;
		for (size_t i = 0; i < h->joins[j].n; i++)
			add_object(run, d, &h->joins[j].rows[i]);
	}
	int raised = raised_by_yara(run, &h->view, severity);
	d->raised |= raised > severity && !excused;
	severity = raised > KAN_CRITICAL ? KAN_CRITICAL : raised;
	if (excused)
		severity = KAN_LOW;
	d->unexcused |= !excused;
	if (severity > (int)d->severity)
		d->severity = (enum kan_severity)severity;
}

static struct draft *draft_for(struct draft *drafts, size_t *n, const struct kan_rule_run *of,
			       const struct kan_hit *h)
{
	char digest[65];
	key_of(digest, of->rule, &h->view);
	size_t mine = 0;
	for (size_t i = 0; i < *n; i++) {
		mine += drafts[i].of == of;
		if (drafts[i].of == of && strcmp(drafts[i].digest, digest) == 0)
			return &drafts[i];
	}
	if (mine == KAN_RUN_FINDINGS)
		return NULL;
	struct draft *d = &drafts[(*n)++];
	*d = (struct draft){.of = of, .severity = KAN_LOW, .time_ns = INT64_MAX};
	memcpy(d->digest, digest, sizeof digest);
	d->objects = json_array();
	d->evidence = json_array();
	d->classes = json_array();
	return d;
}

static const struct kan_view *view_for(const struct kan_hit *h, int which)
{
	if (which < 0)
		return &h->view;
	return h->joins[which].n ? &h->joins[which].rows[0] : NULL;
}

static void add_value(struct kan_buf *out, const struct kan_hit *h, const struct kan_ref *ref)
{
	const struct kan_view *v = view_for(h, ref->which);
	struct kan_value value = {.known = KAN_ABSENT};
	if (v)
		value = kan_value_get(v, ref->column, false);
	if (value.known != KAN_KNOWN) {
		kan_buf_adds(out, "(unknown)");
		return;
	}
	for (size_t i = 0; i < kan_value_count(&value); i++) {
		kan_auto_buf struct kan_buf scratch = KAN_BUF(0);
		struct kan_bytes b = kan_shown(ref->column, &value, i, &scratch);
		if (i)
			kan_buf_addc(out, ' ');
		kan_buf_add(out, b.p, b.n < KAN_TEXT_VALUE ? b.n : KAN_TEXT_VALUE);
		if (out->len > KAN_TEXT_VALUE)
			break;
	}
	if (out->len > KAN_TEXT_VALUE)
		out->len = KAN_TEXT_VALUE;
}

static void add_word(struct kan_buf *out, const struct kan_run *run, const char *word,
		     const char *id)
{
	if (strcmp(word, "finding") == 0) {
		kan_buf_adds(out, id);
		return;
	}
	const char *container = kan_json_str(kan_get(run->facts->capture, "target"), "id");
	if (!*container) /* an unsealed bundle has only the engine's word yet */
		container = kan_json_str(run->facts->inspect, "Id");
	kan_buf_add(out, container, strnlen(container, CONTAINER_SHORT));
}

/* What a sentence is about. */
struct about {
	const struct kan_run *run;
	const struct kan_hit *hit;
	const char *id;
	const char *also; /* NULL: nothing */
};

/* The sentence as one run of bytes, and as parts: {"text"} is ours, {"value"} is from the evidence,
 * of that column. */
static void add_part(struct kan_buf *whole, json_t *parts, const struct kan_column *of,
		     const struct kan_buf *one)
{
	kan_buf_addb(whole, kan_buf_bytes(one));
	if (!parts)
		return;
	json_t *part = json_object();
	kan_json_set_bytes(part, of ? "value" : "text", kan_buf_bytes(one));
	if (of)
		json_object_set_new(part, "of", json_string(of->name));
	json_array_append_new(parts, part);
}

static void say(json_t *o, const char *key, json_t *parts, const struct kan_text *t,
		const struct about *a)
{
	kan_auto_buf struct kan_buf whole = KAN_BUF(SENTENCE_MAX);
	for (size_t i = 0; i < t->n; i++) {
		const struct kan_piece *p = &t->pieces[i];
		kan_auto_buf struct kan_buf one = KAN_BUF(SENTENCE_MAX);
		if (p->ref.column)
			add_value(&one, a->hit, &p->ref);
		else if (p->word)
			add_word(&one, a->run, p->text, a->id);
		else
			kan_buf_add(&one, p->text, p->n);
		add_part(&whole, parts, p->ref.column, &one);
	}
	if (parts && a->also) {
		kan_auto_buf struct kan_buf one = KAN_BUF(SENTENCE_MAX);
		kan_buf_adds(&one, a->also);
		add_part(&whole, parts, NULL, &one);
	}
	kan_json_set_bytes(o, key, kan_buf_bytes(&whole));
}

static void copy_keys(json_t *o, const json_t *doc)
{
	static const char *const keys[] = {"attack",     "class", "confidence", "false_positives",
					   "references", "title", "version",    "why"};
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
		json_t *v = json_object_get(doc, keys[i]);
		if (v)
			json_object_set(o, keys[i], v);
	}
}

/* Values of the key as a user writes them down to accept it. */
static json_t *key_texts(const struct draft *d)
{
	json_t *list = json_array();
	const struct kan_rule *r = d->of->rule;
	for (size_t i = 0; i < r->n_keys; i++) {
		kan_auto_buf struct kan_buf text = KAN_BUF(KEY_MAX_BYTES);
		struct kan_value v = kan_value_get(&d->hits[0]->view, r->keys[i].column, false);
		size_t n = v.known == KAN_KNOWN ? kan_value_count(&v) : 0;
		for (size_t k = 0; k < n; k++) {
			kan_auto_buf struct kan_buf scratch = KAN_BUF(0);
			kan_buf_adds(&text, k ? "," : "");
			kan_accepted_value(&text, kan_shown(r->keys[i].column, &v, k, &scratch),
					   n > 1);
		}
		if (text.len > KAN_ACCEPTED_KEY_MAX) { /* too long to be accepted */
			json_decref(list);
			return NULL;
		}
		json_array_append_new(list, json_string(kan_buf_str(&text)));
	}
	return list;
}

static json_t *finding(const struct kan_run *run, const struct draft *d, size_t id_length,
		       size_t number)
{
	char id[2 + ID_LONG + 1];
	const struct kan_rule *r = d->of->rule;
	(void)snprintf(id, sizeof id, "F-%.*s", (int)id_length, d->digest);
	json_t *o = json_pack("{s:s,s:s,s:s}", "id", id, "rule", r->id, "severity",
			      kan_severity_names[d->severity]);
	json_t *key = key_texts(d);
	if (number)
		json_object_set_new(o, "n", json_integer((json_int_t)number));
	if (key)
		json_object_set_new(o, "key", key);
	copy_keys(o, r->doc);
	json_t *parts = json_array(), *next = json_array();
	const struct about about = {run, d->hits[0], id,
				    !d->unexcused
					    ? "; explained by records of the image or the container"
				    : d->raised ? "; a YARA rule hits its bytes"
						: NULL};
	say(o, "says", parts, &r->says, &about);
	json_object_set_new(o, "parts", parts);
	for (size_t i = 0; i < r->n_next; i++) {
		json_t *line = json_object();
		say(line, "v", NULL, &r->next[i], &about);
		json_array_append(next, json_object_get(line, "v"));
		json_decref(line);
	}
	json_object_set_new(o, "next", next);
	json_object_set(o, "objects", d->objects);
	json_object_set_new(o, "objects_count", json_integer((json_int_t)d->n_objects));
	json_object_set(o, "evidence", d->evidence);
	json_object_set(o, "classes", d->classes);
	if (d->time_ns != INT64_MAX)
		json_object_set_new(o, "time_ns", json_integer(d->time_ns));
	return o;
}

static int confidence_of(const struct draft *d)
{
	const char *c = kan_json_str(d->of->rule->doc, "confidence");
	return c[0] == 'h' ? 2 : c[0] == 'm' ? 1 : 0;
}

/* Severity, confidence, time, rule, id. */
static int by_report_order(const void *a, const void *b)
{
	const struct draft *x = a, *y = b;
	if (x->severity != y->severity)
		return x->severity > y->severity ? -1 : 1;
	if (confidence_of(x) != confidence_of(y))
		return confidence_of(x) > confidence_of(y) ? -1 : 1;
	if (x->time_ns != y->time_ns)
		return x->time_ns < y->time_ns ? -1 : 1;
	int rule = strcmp(x->of->rule->id, y->of->rule->id);
	return rule ? rule : strcmp(x->digest, y->digest);
}

static size_t id_length(const struct draft *drafts, size_t n, size_t i)
{
	for (size_t k = 0; k < n; k++)
		if (k != i && strncmp(drafts[k].digest, drafts[i].digest, ID_SHORT) == 0)
			return ID_LONG;
	return ID_SHORT;
}

static void group(struct kan_run *run, struct kan_rule_run *r, struct draft *drafts, size_t *n)
{
	size_t before = *n;
	for (size_t h = 0; h < r->n_hits; h++) {
		enum kan_truth t = kan_run_joined(run, r->rule, &r->hits[h]);
		struct draft *d = NULL;
		if (t == KAN_UNDECIDED) {
			r->undecided++;
			if (!r->why_kind)
				r->why_kind = r->rule->joins[0].kind;
		}
		if (t != KAN_TRUE)
			continue;
		d = draft_for(drafts, n, r, &r->hits[h]);
		if (d)
			add_hit(run, d, &r->hits[h]);
		else
			r->over++;
	}
	r->findings = *n - before;
}

/* Which of them the user has accepted. */
static void partition(struct kan_run *run, struct draft *drafts, size_t n)
{
	const json_t *target = json_object_get(run->facts->capture, "target");
	struct kan_acceptable f = {.image = kan_json_str(target, "image_id"),
				   .captured_ns =
					   kan_get_int(run->facts->capture, "started_ns", 0)};
	for (size_t i = 0; run->accepted && i < n; i++) {
		struct kan_rule_run *r = (struct kan_rule_run *)(uintptr_t)drafts[i].of;
		json_t *key = key_texts(&drafts[i]);
		f.rule = r->rule->id;
		f.key = key;
		drafts[i].accepted = key ? kan_accepted_find(run->accepted, &f) : NULL;
		r->suppressed += drafts[i].accepted != NULL;
		json_decref(key);
	}
}

/* {"state", what the entry says, "finding"}. */
static json_t *suppressed_of(const struct draft *d, json_t *finding)
{
	json_t *o = json_copy((json_t *)(uintptr_t)d->accepted);
	json_object_set(o, "key", json_object_get(finding, "key"));
	json_object_set_new(o, "state", json_string("suppressed"));
	json_object_set_new(o, "finding", finding);
	return o;
}

static void number(json_t *list, json_t *suppressed, struct kan_run *run, struct draft *drafts,
		   size_t n)
{
	size_t shown = 0;
	for (size_t i = 0; i < n; i++) {
		struct draft *d = &drafts[i];
		shown += d->accepted == NULL;
		json_t *f = finding(run, d, id_length(drafts, n, i), d->accepted ? 0 : shown);
		if (d->accepted)
			json_array_append_new(suppressed, suppressed_of(d, f));
		else
			json_array_append_new(list, f);
		for (size_t h = 0; h < d->n_hits; h++) {
			d->hits[h]->finding = d->accepted ? 0 : shown;
			d->hits[h]->accepted = d->accepted != NULL;
		}
	}
}

json_t *kan_run_findings(json_t **suppressed, struct kan_run *run)
{
	json_t *list = json_array();
	size_t n = 0;
	struct draft *drafts = kan_xalloc((run->n * KAN_RUN_FINDINGS + 1) * sizeof *drafts);
	for (size_t i = 0; i < run->n; i++)
		if (strcmp(kan_json_str(run->rules[i].rule->doc, "class"), "context") != 0)
			group(run, &run->rules[i], drafts, &n);
	if (n)
		qsort(drafts, n, sizeof *drafts, by_report_order);
	*suppressed = json_array();
	partition(run, drafts, n);
	number(list, *suppressed, run, drafts, n);
	kan_accepted_idle(*suppressed, run->accepted);
	for (size_t i = 0; i < n; i++) {
		free(drafts[i].hits);
		json_decref(drafts[i].objects);
		json_decref(drafts[i].evidence);
		json_decref(drafts[i].classes);
	}
	free(drafts);
	return list;
}
