/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * Target   zone_parse() and zone_parse_rule() over any bytes.
 * Property a zone that was accepted has an answer for every moment, within a day and two hours of
 *          UTC where its rule does not say otherwise.
 * Corpus   fuzz/corpus/zone/
 */
#include "l6-agent/zone.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void ask(const struct zone *zone)
{
	enum { STEP_S = 200 * 24 * 3600 };

	for (int64_t at = INT64_C(-5000000000); at < INT64_C(9000000000); at += STEP_S) {
		const struct zone_type *type = zone_at(zone, at);
		enum zone_note note;

		if (strnlen(type->abbreviation, ZONE_ABBREVIATION_BYTES) == ZONE_ABBREVIATION_BYTES)
			abort();
		(void)zone_utc(zone, at, &note); /* any answer will do */
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct zone zone;

	if (zone_parse("fuzz", data, size, &zone, NULL) == 0)
		ask(&zone);
	memset(&zone, 0, sizeof(zone));
	if (zone_parse_rule((const char *)data, size, &zone))
		ask(&zone);
	return 0;
}
