/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * Target   config_load(): a daemon's part of clawos.conf.
 * Property what is refused names file and line; what is taken is within the bounds of its rows.
 * Corpus   fuzz/corpus/config/
 */
#include "base/config.h"
#include "l6-agent/agentd-config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool good)
{
	if (!good)
		abort();
}

static void check(const struct config_item *item, const char *target)
{
	uint64_t number;
	unsigned choice;

	if (item->type == CONFIG_NUMBER) {
		memcpy(&number, target + item->offset, sizeof(number));
		must(number >= item->min && number <= item->max);
	} else if (item->type == CONFIG_CHOICE) {
		memcpy(&choice, target + item->offset, sizeof(choice));
		for (unsigned i = 0; i < choice; i++)
			must(item->choices[i] != NULL);
		must(item->choices[choice] != NULL);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct agentd_config config = { 0 };
	struct error err = { 0 };
	char *text = calloc(1, size + 1);
	int r;

	must(text != NULL);
	if (size > 0)
		memcpy(text, data, size);
	r = config_load(&agentd_config_table, "clawos.conf", text, &config, &err);
	must(r >= 0 || strncmp(err.text, "clawos.conf:", strlen("clawos.conf:")) == 0);
	for (size_t i = 0; r >= 0 && i < agentd_config_table.n_items; i++)
		check(&agentd_config_table.items[i], (const char *)&config);
	config_free(&agentd_config_table, &config);
	free(text);
	return 0;
}
