/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * egress-log - what left this machine and what was refused, one JSON line each (L6).
 *
 * Written to requests.log in the state folder; at max bytes it becomes requests.log.1
 * and a new one begins. The last EGRESS_LOG_KEPT entries are kept in memory for Status. Holds no
 * header, no body and no query.
 *
 * Errors     errno of opening. A line that cannot be written is counted and shown by Status; it
 *            does not stop a request.
 * Source     spec/egress.md
 */
#pragma once

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

struct egress_log;

struct egress_entry {
	uint64_t time_us; /* realtime */
	int64_t intent;
	const char *kind; /* "complete", "fetch"; static */
	char method[8];
	char host[256];                     /* host:port */
	char result[32];                    /* "ok" or the error's short name */
	int status;                         /* 0: none came */
	uint64_t bytes_out, bytes_in, rule; /* rule 0: none, or the provider */
	uint64_t total_us;
	unsigned attempts;
	uint32_t secrets; /* replaced in the body */
};

/* Opens or makes the file; folder_fd is borrowed until egress_log_close(). */
must_check int egress_log_open(int folder_fd, uint64_t max, struct egress_log **ret,
			       struct error *err);
void egress_log_close(struct egress_log *log);
/* Writes the line and keeps a copy of the entry. */
void egress_log_add(struct egress_log *log, const struct egress_entry *entry);

/* The n-th newest entry; NULL behind the oldest kept. */
const struct egress_entry *egress_log_recent(const struct egress_log *log, size_t n);

struct egress_totals {
	uint64_t requests, bytes_out, bytes_in, lost_lines; /* since start */
};
struct egress_totals egress_log_totals(const struct egress_log *log);
