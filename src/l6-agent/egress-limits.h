/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * egress-limits - what claw-egressd takes at most (L6).
 *
 * struct egress_limits are the [egress] rows of spec/tables/quotas, which the person may set; the
 * enum holds what belongs to the protocol and is not to be set.
 *
 * Units      Bytes and counts; seconds where the name says so.
 * Source     spec/tables/quotas [egress], spec/egress.md
 */
#pragma once

#include <stdint.h>

struct egress_limits {
	uint64_t body_bytes, answer_bytes; /* of one request, of one answer */
	uint64_t completes, fetches;       /* under way at once */
	uint64_t questions, question_seconds;
	uint64_t rules, thread_seconds;
	uint64_t log_bytes;
};

enum {
	EGRESS_BODY_BYTES_MAX = 64 * 1024 * 1024,    /* body_bytes cannot be set higher */
	EGRESS_ANSWER_BYTES_MAX = 256 * 1024 * 1024, /* answer_bytes neither */
	EGRESS_QUESTIONS_MAX = 256,
	EGRESS_RULES_MAX = 4096,
	EGRESS_ERROR_BYTES_MAX = 64 * 1024, /* of an error's body; its front says enough */
	EGRESS_CONNECTIONS_MAX = 1024,      /* more than completes and fetches together */
	EGRESS_CONNECTIONS_KEPT = 32,       /* of them not for one user: the person gets through */
	EGRESS_URL_BYTES_MAX = 8 * 1024,    /* what servers take */
	EGRESS_HEADERS_MAX = 64,
	EGRESS_HEADER_BYTES_MAX = 8 * 1024,
	EGRESS_FETCH_MS_MAX = 600 * 1000,
	EGRESS_LOG_KEPT = 32,          /* entries in Status */
	EGRESS_THREAD_BYTES_MAX = 256, /* of a name, as claw-agentd says it */
};
