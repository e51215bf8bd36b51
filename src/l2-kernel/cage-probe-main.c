/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * claw-cageprobe: tries what a cage forbids, from inside, and reports on descriptor 3 (L2).
 *
 * usage: claw-cageprobe read|write|execute ro|rw
 *
 * The table is probe-attempts.c. Exits 0 when it reported, whatever the report says.
 */
#include "l2-kernel/cage-probe.h"
#include "l2-kernel/probe-attempts.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { STREAM_FD = 3 };

/* True when the cage did what it should: refused, or where the row works, let it be done. */
static bool holds(const struct probe_attempt *attempt, unsigned kind)
{
	bool works = (attempt->works & kind) != 0, done = probe_attempt_make(attempt) >= 0;

	return works == done;
}

static unsigned parse_kind(const char *profile, const char *view)
{
	unsigned kind = strcmp(profile, "read") == 0      ? PROBE_READ
			: strcmp(profile, "write") == 0   ? PROBE_WRITE
			: strcmp(profile, "execute") == 0 ? PROBE_EXECUTE
							  : 0;

	return strcmp(view, "rw") == 0 ? kind | PROBE_VIEW_WRITABLE : kind;
}

int main(int argc, char **argv)
{
	struct probe_report report = { .version = PROBE_VERSION };
	unsigned kind = argc == 3 ? parse_kind(argv[1], argv[2]) : 0;

	if (!(kind & PROBE_ALL))
		return EXIT_FAILURE;
	(void)namespaces_read(report.namespaces); /* what stays 0 is judged as not seen */
	for (size_t i = 0; i < PROBE_ATTEMPTS; i++, report.tried++)
		if (!holds(&probe_attempts[i], kind) && report.failed++ == 0)
			(void)snprintf(report.first_failed, sizeof(report.first_failed), "%s",
				       probe_attempts[i].name); /* names fit: test-cage-probe.c */
	return send(STREAM_FD, &report, sizeof(report), MSG_NOSIGNAL) == sizeof(report)
		       ? EXIT_SUCCESS
		       : EXIT_FAILURE;
}
