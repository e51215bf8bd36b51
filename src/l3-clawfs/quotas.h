/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * quotas - the limits of the store, with their defaults and bounds (L3).
 *
 * Source     spec/tables/quotas [fs]: the defaults here are checked against it. The person may set
 *            others in [fs] of the configuration file.
 */
#pragma once

#include "base/config.h"

#include <stdint.h>

struct quotas {
	uint64_t document_bytes, identity_bytes, memory_prompt_bytes;
	uint64_t documents, versions, total_bytes;
	uint64_t questions, question_seconds;
	uint64_t list_entries;
	uint64_t connections;
};

extern const struct config_table quotas_table;

/* The defaults. */
void quotas_default(struct quotas *ret);
