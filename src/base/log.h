/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * log - one line per event on stderr, "<level>message", the prefix form journald reads.
 *
 * Programs log, library code does not. Levels mean actions: error = someone must act, warning =
 * degraded, notice = state change worth keeping. What happened to a request is in the journal. A
 * call site that logs more than LOG_BURST lines in a second is silenced until the second is over,
 * and the number of dropped lines is said. Never pass a secret.
 */
#pragma once

#include "base/error.h"

#include <stdint.h>

enum log_level {
	LOG_LEVEL_ERROR = 3,
	LOG_LEVEL_WARNING,
	LOG_LEVEL_NOTICE,
};
enum { LOG_BURST = 20 };

struct log_site {
	uint64_t second;
	unsigned count, dropped;
};

void log_write(struct log_site *site, enum log_level level, const char *fmt, ...) printf_like(3, 4);

#define LOG_AT(level, ...) \
	do { \
		static struct log_site site_; \
		log_write(&site_, (level), __VA_ARGS__); \
	} while (0)
#define log_error(...) LOG_AT(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) LOG_AT(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_notice(...) LOG_AT(LOG_LEVEL_NOTICE, __VA_ARGS__)
