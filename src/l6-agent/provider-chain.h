/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * provider-chain - the configured provider and those that stand in for it, in order (L6).
 *
 *   fallback = NAME [MODEL [BASE_URL]], NAME …
 *
 * NAME is a line of spec/tables/providers, in the chain once (the configured one is passed over);
 * never the local model. Times, retries
 * and limits are those of [provider]. The key of one that has an address of its own is not the
 * provider's: it gets none.
 *
 * Ownership  The first is borrowed from the configuration, the others are the chain's.
 * Errors     -EINVAL with a sentence; -ENOMEM.
 * Source     spec/providers.md, "Fail-over".
 * Tests      tests/unit/l6-agent/test-provider-chain.c.
 */
#pragma once

#include "l6-agent/provider-config.h"

enum { PROVIDER_CHAIN_MAX = 5 }; /* one and four */

struct provider_chain {
	struct provider_config list[PROVIDER_CHAIN_MAX];
	unsigned n;
	unsigned cheap; /* the place of the one that cheap names; 0: none */
};

/* A local first provider stands alone, whatever fallback says. */
must_check int provider_chain_open(const struct provider_config *first, struct provider_chain *ret,
				   struct error *err);
void provider_chain_free(struct provider_chain *chain);

/* The place of a provider of that name; -1: it is not in the chain. */
int provider_chain_find(const struct provider_chain *chain, const char *name);
