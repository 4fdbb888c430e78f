/* Errors: one fixed struct, filled where the fault is known, wrapped where the circumstances are.
 */
#include <kanshiki/err.h>

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void fill(struct kan_err *err, enum kan_code code, int sys, const char *fmt, va_list ap)
	__attribute__((format(printf, 4, 0)));

static void fill(struct kan_err *err, enum kan_code code, int sys, const char *fmt, va_list ap)
{
	err->code = code;
	err->sys = sys;
	(void)vsnprintf(err->text, sizeof(err->text), fmt, ap);
}

void kan_err_set(struct kan_err *err, enum kan_code code, int sys, const char *fmt, ...)
{
	if (!err)
		return;
	va_list ap;
	va_start(ap, fmt);
	fill(err, code, sys, fmt, ap);
	va_end(ap);
}

static enum kan_code code_of(int sys)
{
	switch (sys) {
	case EACCES:
	case EPERM:
		return KAN_EDENIED;
	case ENOENT:
	case ESRCH:
	case ENOTDIR:
		return KAN_ENOTFOUND;
	case ENOSYS:
	case EOPNOTSUPP:
	case EPROTONOSUPPORT:
	case EAFNOSUPPORT:
		return KAN_EUNSUPPORTED;
	case ELOOP:
	case EXDEV:
		return KAN_EREFUSED;
	default:
		return KAN_EIO;
	}
}

void kan_err_sys(struct kan_err *err, int sys, const char *fmt, ...)
{
	if (!err)
		return;
	va_list ap;
	va_start(ap, fmt);
	fill(err, code_of(sys), sys, fmt, ap);
	va_end(ap);
	size_t used = strlen(err->text);
	(void)snprintf(err->text + used, sizeof(err->text) - used, ": %s", strerror(sys));
}

void kan_err_wrap(struct kan_err *err, const char *fmt, ...)
{
	if (!err)
		return;
	char inner[KAN_ERR_TEXT];
	memcpy(inner, err->text, sizeof(inner));
	va_list ap;
	va_start(ap, fmt);
	(void)vsnprintf(err->text, sizeof(err->text), fmt, ap);
	va_end(ap);
	size_t used = strlen(err->text);
	(void)snprintf(err->text + used, sizeof(err->text) - used, ": %s", inner);
}
