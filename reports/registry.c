/* The registry of reports, made from reports.list. */
#include <kanshiki/report.h>
#include <stddef.h>

#define X(name) extern const struct kan_report kan_report_##name;
#include "reports_list.h"
#undef X

const struct kan_report *const kan_reports[] = {
#define X(name) &kan_report_##name,
#include "reports_list.h"
#undef X
	NULL,
};
