/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l3-clawfs/quotas.h"

#include <assert.h>
#include <stddef.h>

#define ROW(key_, fallback_, min_, max_, help_) \
	{ .section = "fs", \
	  .key = #key_, \
	  .type = CONFIG_NUMBER, \
	  .offset = offsetof(struct quotas, key_), \
	  .fallback = fallback_, \
	  .min = min_, \
	  .max = max_, \
	  .help = help_ }

static const struct config_item items[] = {
	ROW(document_bytes, "1048576", 1024, 16777216, "largest document"),
	ROW(identity_bytes, "16384", 1024, 65536,
	    "largest identity document: all of it is in every prompt"),
	ROW(memory_prompt_bytes, "8192", 0, 65536, "how much of MEMORY.md stands in the prompt"),
	ROW(documents, "20000", 16, 1000000, "documents in the store"),
	ROW(versions, "100", 1, 10000, "former versions kept of each document, at least"),
	ROW(total_bytes, "1073741824", 1048576, UINT64_C(1) << 40,
	    "bytes of all versions together"),
	ROW(questions, "16", 1, 256, "questions that wait for the person at one time"),
	ROW(question_seconds, "86400", 1, 2592000, "how long a question and its answer are valid"),
	ROW(list_entries, "2000", 16, 20000, "entries in one listing"),
	ROW(connections, "64", 2, 1024, "connections at one time"),
};

const struct config_table quotas_table = {
	.items = items,
	.n_items = sizeof(items) / sizeof(items[0]),
};

void quotas_default(struct quotas *ret)
{
	int r = config_load(&quotas_table, "defaults", NULL, ret, NULL);

	assert(r >= 0); /* the table's own texts; checked by test-quotas */
}
