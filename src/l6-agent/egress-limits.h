/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * egress-limits - the [egress] rows of spec/tables/quotas (L6).
 *
 * tests/unit/l6-agent/test-egress-limits.c compares the two. Why each has its value is said in the
 * table.
 */
#pragma once

enum {
	EGRESS_BODY_BYTES_MAX = 16 * 1024 * 1024,
	EGRESS_ANSWER_BYTES_MAX = 32 * 1024 * 1024,
	EGRESS_ERROR_BYTES_MAX = 64 * 1024,
	EGRESS_CALLS_MAX = 512,
	EGRESS_FETCHES_MAX = 128,
	EGRESS_CONNECTIONS_MAX = 1024,
	EGRESS_PATH_BYTES_MAX = 256,
	EGRESS_URL_BYTES_MAX = 8 * 1024,
	EGRESS_HEADERS_MAX = 64,
	EGRESS_HEADER_BYTES_MAX = 8 * 1024,
	EGRESS_FETCH_MS_MAX = 600 * 1000,
	EGRESS_QUESTIONS_MAX = 64,
	EGRESS_QUESTION_S_MAX = 15 * 60,
	EGRESS_RULES_MAX = 1024,
	EGRESS_LOG_BYTES_MAX = 4 * 1024 * 1024,
	EGRESS_LOG_KEPT = 32,
};
