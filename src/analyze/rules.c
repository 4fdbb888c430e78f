/* Sets of rules: the shipped ones, and those of a directory. */
#include "analyze/rules.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/row.h"

enum { ATTACK_MAX = 1 << 20, ATTACK_DEPTH = 8, DIR_DEPTH = 4, DIR_ENTRIES = 10000 };

const char kan_attack_file[] = "attack.json", kan_rule_fixtures[] = "fixtures",
	   kan_rule_words[] = "i18n";

int kan_rules_begin(struct kan_rules **out, struct kan_err *err)
{
	struct kan_rules *r = kan_xalloc(sizeof *r);
	r->disabled = json_array();
	for (const struct kan_shipped *f = kan_shipped_rules; f->name; f++)
		if (strcmp(f->name, kan_attack_file) == 0 &&
		    kan_json_parse(&r->attack, (struct kan_bytes){f->data, f->n}, ATTACK_MAX,
				   ATTACK_DEPTH, err) < 0) {
			kan_rules_free(r);
			return -1;
		}
	*out = r;
	return 0;
}

int kan_rules_add(struct kan_rules *r, const char *file, struct kan_bytes text, struct kan_err *err)
{
	struct kan_rule rule;
	if (r->n == KAN_RULE_COUNT)
		return kan_fail(err, KAN_EUSAGE, "%s: more than %d rules", file, KAN_RULE_COUNT);
	if (kan_rule_parse(&rule, file, text, r->attack, err) < 0)
		return -1;
	r->rules = kan_xrealloc(r->rules, r->n + 1, sizeof *r->rules);
	r->rules[r->n++] = rule;
	return 0;
}

static int by_id(const void *a, const void *b)
{
	return strcmp(((const struct kan_rule *)a)->id, ((const struct kan_rule *)b)->id);
}

int kan_rules_finish(struct kan_rules *r, struct kan_err *err)
{
	if (r->n)
		qsort(r->rules, r->n, sizeof *r->rules, by_id);
	for (size_t i = 1; i < r->n; i++)
		if (strcmp(r->rules[i - 1].id, r->rules[i].id) == 0)
			return kan_fail(err, KAN_EUSAGE, "%s: %s: duplicate id, also in %s",
					r->rules[i].file, r->rules[i].id, r->rules[i - 1].file);
	return 0;
}

static bool is_words(const char *name)
{
	size_t n = strlen(kan_rule_words);
	return strncmp(name, kan_rule_words, n) == 0 && name[n] == '/';
}

int kan_rules_shipped(struct kan_rules **out, struct kan_err *err)
{
	struct kan_rules *r = NULL;
	if (kan_rules_begin(&r, err) < 0)
		return -1;
	int rc = 0;
	for (const struct kan_shipped *f = kan_shipped_rules; f->name && rc == 0; f++)
		if (strcmp(f->name, kan_attack_file) != 0 && !is_words(f->name))
			rc = kan_rules_add(r, f->name, (struct kan_bytes){f->data, f->n}, err);
	if (rc < 0 || kan_rules_finish(r, err) < 0) {
		kan_rules_free(r);
		return -1;
	}
	*out = r;
	return 0;
}

static int load_dir(struct kan_rules *r, int dir_fd, const char *name, unsigned depth,
		    struct kan_err *err);

static bool is_rule_file(const char *name)
{
	size_t n = strlen(name);
	return n > 5 && strcmp(name + n - 5, ".json") == 0 && strcmp(name, kan_attack_file) != 0;
}

static int load_file(struct kan_rules *r, int dir_fd, const char *name, const char *shown,
		     struct kan_err *err)
{
	kan_auto_buf struct kan_buf text = KAN_BUF(KAN_RULE_FILE_MAX);
	struct kan_err why = {0};
	if (kan_read_file(&text, dir_fd, name, &why) < 0)
		return kan_fail(err, KAN_EUSAGE, "%s: not a regular file of at most %d octets: %s",
				shown, KAN_RULE_FILE_MAX, why.text);
	int off = kan_rules_disable(r, shown, kan_buf_bytes(&text), err);
	return off ? (off < 0 ? -1 : 0) : kan_rules_add(r, shown, kan_buf_bytes(&text), err);
}

static int load_entry(struct kan_rules *r, int dir_fd, const char *dir, const char *name,
		      unsigned depth, struct kan_err *err)
{
	kan_auto_buf struct kan_buf shown = KAN_BUF(64 << 10);
	struct stat st;
	kan_buf_addf(&shown, "%s/%s", dir, name);
	if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return kan_fail_sys(err, "%s", kan_buf_str(&shown));
	if (S_ISDIR(st.st_mode)) {
		int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (fd < 0)
			return kan_fail_sys(err, "%s", kan_buf_str(&shown));
		return load_dir(r, fd, kan_buf_str(&shown), depth + 1, err);
	}
	return is_rule_file(name) ? load_file(r, dir_fd, name, kan_buf_str(&shown), err) : 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Names in byte order, so that the first fault is the same one everywhere. Takes the descriptor. */
static int list_names(char ***out, size_t *n, int dir_fd, const char *shown, struct kan_err *err)
{
	int fd = fcntl(dir_fd, F_DUPFD_CLOEXEC, 0);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	if (!d)
		return kan_fail_sys(err, "%s", shown);
	for (struct dirent *e = readdir(d); e && *n < DIR_ENTRIES; e = readdir(d)) {
		if (e->d_name[0] == '.' || strcmp(e->d_name, kan_rule_fixtures) == 0 ||
		    strcmp(e->d_name, kan_rule_words) == 0)
			continue;
		*out = kan_xrealloc(*out, *n + 1, sizeof **out);
		(*out)[(*n)++] = kan_xstrdup(e->d_name);
	}
	closedir(d);
	if (*n)
		qsort(*out, *n, sizeof **out, by_name);
	return 0;
}

static int load_dir(struct kan_rules *r, int dir_fd, const char *name, unsigned depth,
		    struct kan_err *err)
{
	kan_auto_close int owned = dir_fd;
	char **names = NULL;
	size_t n = 0;
	if (depth > DIR_DEPTH)
		return kan_fail(err, KAN_EUSAGE, "%s: deeper than %d directories", name, DIR_DEPTH);
	int rc = list_names(&names, &n, owned, name, err);
	for (size_t i = 0; i < n && rc == 0; i++)
		rc = load_entry(r, owned, name, names[i], depth, err);
	for (size_t i = 0; i < n; i++)
		free(names[i]);
	free(names);
	return rc;
}

int kan_rules_load(struct kan_rules **out, const char *dir, struct kan_err *err)
{
	struct kan_rules *r = NULL;
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return kan_fail(err, KAN_EUSAGE, "%s: not a directory of rules", dir);
	if (kan_rules_begin(&r, err) < 0) {
		close(fd);
		return -1;
	}
	if (load_dir(r, fd, dir, 1, err) < 0 || kan_rules_finish(r, err) < 0) {
		kan_rules_free(r);
		return -1;
	}
	*out = r;
	return 0;
}

void kan_rules_free(struct kan_rules *r)
{
	if (!r)
		return;
	for (size_t i = 0; i < r->n; i++)
		kan_rule_free(&r->rules[i]);
	free(r->rules);
	json_decref(r->attack);
	json_decref(r->disabled);
	kan_accepted_free(r->accepted);
	free(r);
}

size_t kan_rules_count(const struct kan_rules *r)
{
	return r->n;
}

json_t *kan_rules_list(const struct kan_rules *r)
{
	static const char *const keys[] = {"id",    "title", "severity", "confidence",
					   "class", "rows",  "attack",   "version"};
	json_t *list = json_array();
	for (size_t i = 0; i < r->n; i++) {
		json_t *o = json_object();
		for (size_t k = 0; k < sizeof keys / sizeof *keys; k++)
			json_object_set(o, keys[k], json_object_get(r->rules[i].doc, keys[k]));
		json_object_set_new(o, "file", json_string(r->rules[i].file));
		json_object_set_new(o, "sha256", json_string(r->rules[i].sha256));
		json_object_set_new(o, "origin", json_string(kan_rule_origins[r->rules[i].origin]));
		json_array_append_new(list, o);
	}
	size_t i = 0;
	json_t *off = NULL;
	json_array_foreach (r->disabled, i, off) {
		json_t *o = json_copy(off);
		json_object_set_new(o, "origin", json_string("disabled"));
		json_array_append_new(list, o);
	}
	return list;
}
