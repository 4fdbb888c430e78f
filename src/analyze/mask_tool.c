/* Secrets behind options of one letter, of tools that are known to take one there. */
#include "analyze/mask_part.h"

enum { LOOK_BACK = 256, WORDS_BACK = 12 };

static const struct {
	const char *tool, *letters;
	const char *behind; /* the secret begins behind it; "": at once */
} known[] = {{"mysql", "p", ""},         {"mysqldump", "p", ""},
	     {"mysqladmin", "p", ""},    {"mysqlimport", "p", ""},
	     {"mysqlshow", "p", ""},     {"mysqlcheck", "p", ""},
	     {"mariadb", "p", ""},       {"mariadb-dump", "p", ""},
	     {"mariadb-admin", "p", ""}, {"mariadb-import", "p", ""},
	     {"mariadb-check", "p", ""}, {"sshpass", "p", ""},
	     {"mongo", "p", ""},         {"mongosh", "p", ""},
	     {"mongodump", "p", ""},     {"mongorestore", "p", ""},
	     {"mongoexport", "p", ""},   {"redis-cli", "a", ""},
	     {"ldapsearch", "w", ""},    {"ldapmodify", "w", ""},
	     {"ldapadd", "w", ""},       {"ldapdelete", "w", ""},
	     {"ldapwhoami", "w", ""},    {"ldappasswd", "ws", ""},
	     {"curl", "uU", ":"},        {"lftp", "u", ","},
	     {"smbclient", "U", "%"},    {"rpcclient", "U", "%"},
	     {"sqlcmd", "P", ""},        {"bcp", "P", ""},
	     {"cqlsh", "p", ""},         {"rabbitmqadmin", "p", ""},
	     {"mosquitto_pub", "P", ""}, {"mosquitto_sub", "P", ""},
	     {"ipmitool", "P", ""},      {"unzip", "P", ""},
	     {"zip", "P", ""},           {"7z", "p", ""},
	     {"7za", "p", ""},           {"login", "p", ""}};

const char *kan_mask_takes(struct kan_bytes tool, uint8_t letter)
{
	for (size_t i = tool.n; i > 0; i--)
		if (tool.p[i - 1] == '/') {
			tool = (struct kan_bytes){tool.p + i, tool.n - i};
			break;
		}
	for (size_t i = 0; letter && i < sizeof known / sizeof *known; i++)
		if (tool.n == strlen(known[i].tool) && memcmp(tool.p, known[i].tool, tool.n) == 0 &&
		    strchr(known[i].letters, letter))
			return known[i].behind;
	return NULL;
}

/* A tool that takes it, among the words before, up to what begins the command. */
static const char *tool_before(struct kan_bytes t, size_t at, uint8_t letter)
{
	size_t low = at > LOOK_BACK ? at - LOOK_BACK : 0;
	size_t words = 0;
	if (!letter || !strchr("pauUwsP", letter))
		return NULL;
	for (size_t end = at; end > low && words < WORDS_BACK; words++) {
		size_t begin = end;
		while (begin > low && !isspace(t.p[begin - 1]) &&
		       !strchr("\"'`;|&(", t.p[begin - 1]))
			begin--;
		const char *how =
			kan_mask_takes((struct kan_bytes){t.p + begin, end - begin}, letter);
		if (how || begin == low || strchr(";|&\n", t.p[begin - 1]))
			return how;
		end = begin - 1;
	}
	return NULL;
}

/* Where a word of a shell ends, quotes and all. */
static size_t word_end(struct kan_bytes t, size_t i)
{
	uint8_t quote = i < t.n && (t.p[i] == '"' || t.p[i] == '\'') ? t.p[i] : 0;
	for (i += quote != 0; i < t.n; i++)
		if (quote ? t.p[i] == quote : isspace(t.p[i]) != 0)
			break;
	return i;
}

bool kan_mask_option(struct kan_secret *out, struct kan_bytes t, size_t at)
{
	if (t.p[at] != '-' || (at && !isspace(t.p[at - 1])) || at + 2 >= t.n ||
	    !isalpha(t.p[at + 1]))
		return false;
	const char *how = at ? tool_before(t, at - 1, t.p[at + 1]) : NULL;
	size_t from = at + 2;
	while (how && from < t.n && (t.p[from] == ' ' || t.p[from] == '\t'))
		from++;
	if (!how || from >= t.n || (from > at + 2 && t.p[from] == '-'))
		return false;
	size_t end = word_end(t, from);
	from += t.p[from] == '"' || t.p[from] == '\'';
	if (*how) {
		const uint8_t *mark = memchr(t.p + from, *how, end > from ? end - from : 0);
		if (!mark)
			return false;
		from = (size_t)(mark - t.p) + 1;
	}
	*out = (struct kan_secret){from, end > from ? end - from : 0, "password"};
	return out->n > 0;
}
