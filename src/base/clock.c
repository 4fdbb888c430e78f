/* Clocks and the forms in which times are written. */
#include "base/clock.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

enum { YEAR_FIRST = 1970, YEAR_LAST = 2261 }; /* nanoseconds in an int64_t end in 2262 */

static const int64_t second_ns = 1000000000;

static int64_t read_clock(clockid_t id)
{
	struct timespec t = {0};
	(void)clock_gettime(id, &t);
	return (int64_t)t.tv_sec * second_ns + t.tv_nsec;
}

int64_t kan_now_ns(void)
{
	return read_clock(CLOCK_REALTIME);
}

int64_t kan_boot_ns(void)
{
	return read_clock(CLOCK_BOOTTIME);
}

int64_t kan_tick_ns(void)
{
	return read_clock(CLOCK_REALTIME_COARSE);
}

int64_t kan_statx_ns(const struct statx_timestamp *t)
{
	int64_t ns = 0;
	if (__builtin_mul_overflow(t->tv_sec, second_ns, &ns) ||
	    __builtin_add_overflow(ns, (int64_t)t->tv_nsec, &ns))
		return t->tv_sec < 0 ? INT64_MIN : INT64_MAX;
	return ns;
}

struct when {
	int year, month, day, hour, minute, second;
	int64_t ns;
};

/* Days to civil date, proleptic Gregorian: the usual algorithm over 400-year eras. */
static struct when civil(int64_t ns)
{
	int64_t s = ns / second_ns, rest = ns % second_ns;
	if (rest < 0) {
		rest += second_ns;
		s--;
	}
	int64_t days = s / 86400, of_day = s % 86400;
	if (of_day < 0) {
		of_day += 86400;
		days--;
	}
	int64_t z = days + 719468, era = (z >= 0 ? z : z - 146096) / 146097, doe = z - era * 146097;
	int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365,
		doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	int64_t mp = (5 * doy + 2) / 153, month = mp < 10 ? mp + 3 : mp - 9;
	return (struct when){
		.year = (int)(yoe + era * 400 + (month <= 2)),
		.month = (int)month,
		.day = (int)(doy - (153 * mp + 2) / 5 + 1),
		.hour = (int)(of_day / 3600),
		.minute = (int)(of_day / 60 % 60),
		.second = (int)(of_day % 60),
		.ns = rest,
	};
}

static int64_t days_of(int64_t y, int64_t m, int64_t d)
{
	y -= m <= 2;
	int64_t era = (y >= 0 ? y : y - 399) / 400, yoe = y - era * 400;
	int64_t doy = (153 * (m > 2 ? m - 3 : m + 9) + 2) / 5 + d - 1,
		doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
	return era * 146097 + doe - 719468;
}

void kan_rfc3339(char out[KAN_RFC3339], int64_t ns)
{
	struct when w = civil(ns);
	(void)snprintf(out, KAN_RFC3339, "%04d-%02d-%02dT%02d:%02d:%02d.%09ldZ", w.year, w.month,
		       w.day, w.hour, w.minute, w.second, (long)w.ns);
}

void kan_rfc3339_s(char out[KAN_RFC3339], int64_t ns)
{
	struct when w = civil(ns);
	(void)snprintf(out, KAN_RFC3339, "%04d-%02d-%02dT%02d:%02d:%02dZ", w.year, w.month, w.day,
		       w.hour, w.minute, w.second);
}

void kan_compact_utc(char out[KAN_COMPACT], int64_t ns)
{
	struct when w = civil(ns);
	/* Four digits of year: kan_now_ns ends in 2262. */
	(void)snprintf(out, KAN_COMPACT, "%04u%02u%02ut%02u%02u%02uz", (unsigned)w.year % 10000,
		       (unsigned)w.month % 100, (unsigned)w.day % 100, (unsigned)w.hour % 100,
		       (unsigned)w.minute % 100, (unsigned)w.second % 100);
}

/* n digits at *s; -1 when they are not. */
static int digits(const char **s, size_t n)
{
	int v = 0;
	for (size_t i = 0; i < n; i++) {
		if ((*s)[i] < '0' || (*s)[i] > '9')
			return -1;
		v = v * 10 + ((*s)[i] - '0');
	}
	*s += n;
	return v;
}

static bool literal(const char **s, char c)
{
	if (**s != c)
		return false;
	(*s)++;
	return true;
}

static int64_t fraction(const char **s)
{
	int64_t ns = 0, unit = second_ns;
	if (**s != '.')
		return 0;
	if ((*s)[1] < '0' || (*s)[1] > '9')
		return 0; /* the dot stays, and nothing allows it there */
	for ((*s)++; **s >= '0' && **s <= '9'; (*s)++) {
		unit /= 10;
		ns += (**s - '0') * unit;
	}
	return ns;
}

static bool offset(int64_t *seconds, const char **s)
{
	if (literal(s, 'Z')) {
		*seconds = 0;
		return **s == 0;
	}
	int sign = **s == '-' ? -1 : **s == '+' ? 1 : 0;
	if (!sign)
		return false;
	(*s)++;
	int hours = digits(s, 2);
	if (hours < 0 || hours > 23 || !literal(s, ':'))
		return false;
	int minutes = digits(s, 2);
	*seconds = sign * (hours * 3600L + minutes * 60L);
	return minutes >= 0 && minutes < 60 && **s == 0;
}

static int days_in(int y, int m)
{
	int64_t next = m == 12 ? days_of(y + 1, 1, 1) : days_of(y, m + 1, 1);
	return (int)(next - days_of(y, m, 1));
}

int kan_rfc3339_parse(int64_t *ns, const char *text, struct kan_err *err)
{
	const char *s = text;
	int64_t shift = 0;
	struct when w = {0};
	bool good = strlen(text) < KAN_RFC3339 && (w.year = digits(&s, 4)) >= 0 &&
		    literal(&s, '-') && (w.month = digits(&s, 2)) >= 1 && w.month <= 12 &&
		    literal(&s, '-') && (w.day = digits(&s, 2)) >= 1 &&
		    (literal(&s, 'T') || literal(&s, 't')) && (w.hour = digits(&s, 2)) >= 0 &&
		    w.hour <= 23 && literal(&s, ':') && (w.minute = digits(&s, 2)) >= 0 &&
		    w.minute <= 59 && literal(&s, ':') && (w.second = digits(&s, 2)) >= 0 &&
		    w.second <= 60;
	if (good) {
		w.ns = fraction(&s);
		good = offset(&shift, &s) && w.day <= days_in(w.year, w.month);
	}
	if (!good)
		return kan_fail(err, KAN_EFORMAT, "'%.40s' is no RFC 3339 time", text);
	if (w.year < YEAR_FIRST) { /* engines write the year 1 for "never" */
		*ns = 0;
		return 0;
	}
	if (w.year > YEAR_LAST)
		return kan_fail(err, KAN_ELIMIT, "'%.40s' is too late", text);
	int64_t day_s = w.hour * 3600L + w.minute * 60L + w.second;
	*ns = (days_of(w.year, w.month, w.day) * 86400 + day_s - shift) * second_ns + w.ns;
	return 0;
}
