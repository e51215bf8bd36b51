/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "base/log.h"

#include "base/clock.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 2048 };

void log_write(struct log_site *site, enum log_level level, const char *fmt, ...)
{
	uint64_t second = clock_monotonic_us() / CLOCK_SECOND_US;
	char line[LINE_MAX_BYTES];
	unsigned dropped = 0;
	va_list ap;
	int head, n;

	if (site->second != second) {
		dropped = site->dropped;
		*site = (struct log_site){ .second = second };
	}
	if (++site->count > LOG_BURST) {
		site->dropped++;
		return;
	}
	head = dropped > 0 ? snprintf(line, sizeof(line), "<%d>(%u like the next were dropped) ",
				      (int)level, dropped)
			   : snprintf(line, sizeof(line), "<%d>", (int)level);
	va_start(ap, fmt);
	n = vsnprintf(line + head, sizeof(line) - (size_t)head - 1, fmt, ap);
	va_end(ap);
	if (n < 0)
		return;
	n += head;
	if ((size_t)n > sizeof(line) - 2)
		n = sizeof(line) - 2; /* a log line may be cut */
	line[n] = '\n';
	(void)!write(STDERR_FILENO, line, (size_t)n + 1); /* nowhere to report it */
}
