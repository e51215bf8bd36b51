/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * llm-config - the limits of claw-llmd, which the person may set: the [llm] rows of
 * spec/tables/quotas (L6).
 *
 * Units      Bytes, tokens and counts; seconds where the name says so.
 * Source     spec/tables/quotas [llm], spec/local-model.md
 */
#pragma once

#include "base/config.h"

#include <stdint.h>

enum { LLM_STATES_MAX = 64 }; /* states cannot be set higher */

struct llm_limits {
	uint64_t context_tokens, prompt_bytes, grammar_bytes, states, connections;
	uint64_t threads, idle_seconds;
};

extern const struct config_table llm_config_table; /* fills a struct llm_limits */
