/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int error_set(struct error *err, int code, const char *where, const char *fmt, ...)
{
	va_list ap;

	if (!err)
		return code;

	err->code = code;
	err->where = where;
	va_start(ap, fmt);
	(void)vsnprintf(err->text, sizeof(err->text), fmt, ap); /* truncation is acceptable */
	va_end(ap);
	return code;
}

int error_prefix(struct error *err, const char *fmt, ...)
{
	char old[ERROR_TEXT_BYTES];
	va_list ap;
	int n;

	if (!err || err->code == 0)
		return -EIO;

	memcpy(old, err->text, sizeof(old));
	va_start(ap, fmt);
	n = vsnprintf(err->text, sizeof(err->text), fmt, ap);
	va_end(ap);
	if (n >= 0 && (size_t)n < sizeof(err->text) &&
	    snprintf(err->text + n, sizeof(err->text) - (size_t)n, ": %s", old) < 0)
		err->text[n] = '\0';
	return err->code;
}
