/* hunt: indicators in every bundle of a home. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <kanshiki/rule.h>

#include "analyze/rules.h"
#include "base/file.h"
#include "cli/hunt.h"
#include "cli/pool.h"

enum { WORDS_MAX = KAN_IOCS_MAX };

static const struct kan_option options[] = {
	{"file", 'f', "FILE", "indicators, one a line; # begins a comment"},
	{"case", 0, "ID", "only the bundles of this case"},
	{"analyze", 0, NULL, "rules: analyse a bundle that has no report in the repository (slow)"},
	{"rules", 0, "DIR", "rules of yours, for rule ids and --analyze"},
	{"exit-code", 0, NULL, "10 when there are hits"},
	{NULL, 0, NULL, NULL},
};

struct known {
	const struct kan_args *a;
	struct kan_rules *rules; /* loaded when the first word may be one */
	json_t *list;
	struct kan_err err;
	bool failed;
};

static bool load(struct known *k)
{
	if (k->list || k->failed)
		return !k->failed;
	k->failed = kan_take_rules(&k->rules, kan_arg(k->a, "rules"), &k->err) < 0;
	if (!k->failed)
		k->list = kan_rules_list(k->rules);
	return !k->failed;
}

static bool is_rule(const char *word, void *arg)
{
	struct known *k = arg;
	size_t i = 0;
	json_t *r = NULL;
	if (!strchr(word, '.') || !load(k))
		return false;
	json_array_foreach (k->list, i, r)
		if (strcmp(json_string_value(json_object_get(r, "id")), word) == 0)
			return true;
	return false;
}

/* A rule that nobody has is looked for in vain. */
static int rules_there(const struct kan_iocs *l, struct known *k, struct kan_err *err)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->v[i].kind == KAN_IOC_RULE && !is_rule(l->v[i].word, k) && !k->failed)
			return kan_fail(err, KAN_EUSAGE,
					"rule:%.100s: no rule has this id: see kanshiki rules list",
					l->v[i].word);
	if (!k->failed)
		return 0;
	*err = k->err;
	return -1;
}

static int take_file(struct kan_iocs *to, const char *path, const struct kan_ioc_rules *rules,
		     struct kan_err *err)
{
	kan_auto_buf struct kan_buf text = KAN_BUF(KAN_IOCS_FILE);
	kan_auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || kan_read_all(&text, fd, err) < 0)
		return kan_fail(err, KAN_EUSAGE, "--file %s: %s", path,
				fd < 0 ? strerror(errno) : err->text);
	return kan_iocs_lines(to, kan_buf_bytes(&text), rules, err) < 0
		       ? kan_wrap(err, "--file %s", path)
		       : 0;
}

static int take_iocs(struct kan_iocs *to, const struct kan_args *a, struct known *k,
		     struct kan_err *err)
{
	const struct kan_ioc_rules rules = {is_rule, k};
	for (size_t i = 0; i < a->n_words; i++)
		if (kan_iocs_add(to, kan_bytes_of(a->words[i]), &rules, err) < 0)
			return -1;
	if (kan_arg(a, "file") && take_file(to, kan_arg(a, "file"), &rules, err) < 0)
		return -1;
	if (!to->n)
		return kan_fail(err, KAN_EUSAGE, "name an indicator, or a --file of them");
	return rules_there(to, k, err);
}

/* Only those of the case; one that the case has and the home has not is told. */
static void only_case(struct kan_hunt_job *j)
{
	const char *name = NULL;
	json_t *of = NULL;
	size_t kept = 0;
	json_object_foreach (j->recorded, name, of) {
		bool there = false;
		for (size_t i = 0; i < j->home.n; i++)
			there |= strcmp(j->home.names[i], name) == 0;
		if (!there)
			json_array_append_new(j->gone, json_string(name));
	}
	for (size_t i = 0; i < j->home.n; i++) {
		if (json_object_get(j->recorded, j->home.names[i]))
			j->home.names[kept++] = j->home.names[i];
		else
			free(j->home.names[i]);
	}
	j->home.n = kept;
}

/* Without the repository the hunt goes on, and says that no seal was compared. */
static int take_record(struct kan_hunt_job *j, const struct kan_args *a, struct kan_err *err)
{
	const char *case_id = kan_arg(a, "case");
	const char *derived = j->iocs.rules ? "report.json" : NULL;
	if (kan_home_recorded(&j->recorded, j->home.home, case_id, derived, err) == 0) {
		if (case_id)
			only_case(j);
		return 0;
	}
	if (case_id || err->code == KAN_ENOTFOUND)
		return -1;
	kan_say("warning: the repository is not read, so no seal was compared with it: %s",
		err->text);
	j->status = err->code == KAN_ETAMPER ? KAN_EXIT_TAMPERED : KAN_EXIT_MISSING;
	*err = (struct kan_err){0};
	return 0;
}

static int search(struct kan_hunt_job *j, struct kan_err *err)
{
	const char *readable[] = {j->home.dir, j->home.reports ? j->home.reports : j->home.dir,
				  NULL};
	const struct kan_pool pool = {j->home.n, readable, kan_hunt_read, kan_hunt_take, j};
	j->sieve = kan_ioc_sieve_new(&j->iocs);
	j->total = kan_xalloc((j->iocs.n + 1) * sizeof *j->total);
	int rc = kan_pool_run(&pool, err);
	if (rc == 0)
		kan_hunt_summary(j);
	return rc;
}

static void end(struct kan_hunt_job *j, struct known *k)
{
	kan_ioc_sieve_free(j->sieve);
	free(j->total);
	kan_iocs_free(&j->iocs);
	kan_home_bundles_free(&j->home);
	json_decref(j->recorded);
	json_decref(j->gone);
	json_decref(j->skipped);
	kan_rules_free(k->rules);
	json_decref(k->list);
}

static int hunt(const struct kan_args *a)
{
	struct kan_err err = {0};
	struct known k = {.a = a};
	struct kan_hunt_job j = {.json = kan_flag(a, "json"),
				 .analyze = kan_flag(a, "analyze"),
				 .gone = json_array(),
				 .skipped = json_array()};
	int rc = take_iocs(&j.iocs, a, &k, &err);
	j.rules = k.rules;
	if (rc == 0)
		rc = kan_home_bundles(&j.home, a, &err);
	if (rc == 0)
		rc = take_record(&j, a, &err);
	if (rc == 0)
		rc = search(&j, &err);
	int status = rc < 0 ? kan_say_err(&err) : j.status;
	if (rc == 0 && j.hits && kan_flag(a, "exit-code"))
		status = kan_status_worst(status, KAN_EXIT_DIFFERENT);
	end(&j, &k);
	return status;
}

extern const struct kan_command kan_cmd_hunt;
const struct kan_command kan_cmd_hunt = {
	.name = "hunt",
	.args = "IOC... | --file FILE",
	.summary =
		"search the bundles of the home for digests, addresses, names, findings of rules",
	.options = options,
	.max_words = WORDS_MAX,
	.run = hunt,
};
