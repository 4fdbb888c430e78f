/* Words for tables of columns, and the tables that have a file of their own. */
#ifndef KAN_ANALYZE_KINDS_H
#define KAN_ANALYZE_KINDS_H

#include "analyze/column.h"

#define INT(n, d) \
	{ \
		.name = n, .type = KAN_TYPE_INT, .doc = d \
	}
#define BOOL(n, d) \
	{ \
		.name = n, .type = KAN_TYPE_BOOL, .doc = d \
	}
#define WORD(n, d) \
	{ \
		.name = n, .type = KAN_TYPE_WORD, .doc = d \
	}
#define BYTES(n, d) \
	{ \
		.name = n, .type = KAN_TYPE_BYTES, .doc = d \
	}
#define HEX(n, d) \
	{ \
		.name = n, .type = KAN_TYPE_HEX, .always = true, .doc = d \
	}
#define SPEAKS(n, d) \
	{ \
		.name = n, .type = KAN_TYPE_BYTES, .list = true, .speaks = true, .doc = d \
	}
#define LIST(t, n, d) \
	{ \
		.name = n, .type = t, .list = true, .doc = d \
	}
#define JOINED(t, n, f, d) \
	{ \
		.name = n, .type = t, .from = f, .doc = d \
	}
#define JOINED_SET(t, n, f, d) \
	{ \
		.name = n, .type = t, .list = true, .from = f, .doc = d \
	}
#define END \
	{ \
		.name = NULL \
	}

extern const struct kan_column kan_target_columns[], kan_event_columns[], kan_secret_columns[],
	kan_log_columns[], kan_http_columns[], kan_yara_columns[], kan_login_columns[],
	kan_contradiction_columns[];
extern const char *const kan_target_identity[];
extern const char *const kan_event_identity[];
extern const char *const kan_secret_identity[];
extern const char *const kan_log_identity[];
extern const char *const kan_http_identity[];
extern const char *const kan_login_identity[];
extern const char *const kan_contradiction_identity[];
extern const char *const kan_yara_identity[];
kan_join_fn kan_join_target;
/* The steps that built the image, as strings; NULL: there is no history. Yours. */
json_t *kan_image_history(const struct kan_facts *f);
kan_derive_fn kan_derive_target, kan_derive_event, kan_derive_secret, kan_derive_log,
	kan_derive_http, kan_derive_login, kan_derive_contradiction, kan_derive_yara;
json_t *kan_contradiction_unseen(const struct kan_facts *f);
json_t *kan_yara_unseen(const struct kan_facts *f);

#endif
