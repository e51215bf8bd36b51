/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * egress-breaker - a provider that fails again and again is left alone for a while (L6).
 *
 * closed: it is asked. After failures in a row it opens: it is not asked. When its time is over one
 * call is let through (half open) whose outcome closes it or opens it for another time.
 *
 * Units      Microseconds of the monotonic clock.
 * Source     spec/providers.md, "Fail-over".
 * Tests      tests/unit/l6-agent/test-provider-chain.c.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct egress_breaker {
	uint64_t failures;  /* in a row */
	uint64_t opened_us; /* 0: closed */
	bool is_probing;    /* the one call is under way */
};

/* Whether a call may be made now. It is then the probe when the breaker is open. */
bool egress_breaker_admits(struct egress_breaker *breaker, uint64_t now_us, uint64_t wait_us,
			   bool *ret_is_probe);

/* It answered: closed. */
void egress_breaker_succeeded(struct egress_breaker *breaker);
/* It did not; max failures in a row open it. */
void egress_breaker_failed(struct egress_breaker *breaker, uint64_t now_us, uint64_t max);

/* The probe ended without telling anything: another one may be made. */
void egress_breaker_abandoned(struct egress_breaker *breaker);

/* "closed", "open", "half-open" */
const char *egress_breaker_state(const struct egress_breaker *breaker, uint64_t now_us,
				 uint64_t wait_us);
