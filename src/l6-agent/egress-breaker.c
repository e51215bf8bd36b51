/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l6-agent/egress-breaker.h"

#include <stddef.h>

static bool is_over(const struct egress_breaker *breaker, uint64_t now_us, uint64_t wait_us)
{
	return now_us - breaker->opened_us >= wait_us;
}

bool egress_breaker_admits(struct egress_breaker *breaker, uint64_t now_us, uint64_t wait_us,
			   bool *ret_is_probe)
{
	*ret_is_probe = false;
	if (breaker->opened_us == 0)
		return true;
	if (breaker->is_probing || !is_over(breaker, now_us, wait_us))
		return false;
	breaker->is_probing = *ret_is_probe = true;
	return true;
}

void egress_breaker_succeeded(struct egress_breaker *breaker)
{
	*breaker = (struct egress_breaker){ 0 };
}

void egress_breaker_failed(struct egress_breaker *breaker, uint64_t now_us, uint64_t max)
{
	breaker->failures++;
	breaker->is_probing = false;
	if (breaker->failures >= max)
		breaker->opened_us = now_us;
}

void egress_breaker_abandoned(struct egress_breaker *breaker)
{
	breaker->is_probing = false;
}

const char *egress_breaker_state(const struct egress_breaker *breaker, uint64_t now_us,
				 uint64_t wait_us)
{
	if (breaker->opened_us == 0)
		return "closed";
	return breaker->is_probing || is_over(breaker, now_us, wait_us) ? "half-open" : "open";
}
