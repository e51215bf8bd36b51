/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l6-agent/llm-config.h"

#define LIMIT(name, text, low, high, words) \
	{ .section = "llm", \
	  .key = #name, \
	  .type = CONFIG_NUMBER, \
	  .offset = offsetof(struct llm_limits, name), \
	  .fallback = (text), \
	  .min = (low), \
	  .max = (high), \
	  .help = (words) }

static const struct config_item items[] = {
	LIMIT(context_tokens, "4096", 512, 131072,
	      "Tokens a prompt and its answer may have together."),
	LIMIT(prompt_bytes, "1048576", 4096, 16777216, "Bytes of one prompt."),
	LIMIT(grammar_bytes, "262144", 4096, 4194304, "Bytes of one grammar."),
	LIMIT(states, "8", 1, LLM_STATES_MAX, "Computed prefixes kept on disk."),
	LIMIT(connections, "64", 2, 1024, "Connections at once, of all callers together."),
	LIMIT(threads, "8", 1, 64,
	      "Threads that read a prompt, at most; one while other work wants the processors."),
	LIMIT(idle_seconds, "300", 1, 86400,
	      "Seconds without a call after which the model leaves memory."),
};

const struct config_table llm_config_table = { .items = items,
					       .n_items = sizeof(items) / sizeof(items[0]) };
