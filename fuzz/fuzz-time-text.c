/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * Target   time_text_parse() and time_text_format(): the first line is a format, the rest a time.
 * Property a time that was understood is written as ISO 8601 and read again as the same moment.
 * Corpus   fuzz/corpus/time-text/
 */
#include "l6-agent/civil.h"
#include "l6-agent/time-text.h"

#include <stdlib.h>
#include <string.h>

enum { NOW_S = 1710506096, OUT_BYTES_MAX = 64 * 1024 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_again(const struct moment *moment)
{
	struct buf iso = BUF(OUT_BYTES_MAX);
	struct moment again;
	struct zone utc;

	zone_fixed(0, &utc);
	if (time_text_put_iso(moment, &utc, &iso) < 0 ||
	    time_text_parse(buf_string(&iso), NOW_S, &utc, &again, NULL) < 0 ||
	    again.seconds != moment->seconds || again.nanoseconds != moment->nanoseconds)
		abort();
	buf_free(&iso);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1), *newline;
	struct buf out = BUF(OUT_BYTES_MAX);
	struct moment moment = { .seconds = NOW_S };
	struct zone zone;

	if (!text)
		abort();
	memcpy(text, data, size);
	text[size] = '\0';
	zone_fixed(3600, &zone);
	newline = strchr(text, '\n');
	if (newline) {
		*newline = '\0';
		if (time_text_parse(newline + 1, NOW_S, &zone, &moment, NULL) == 0 &&
		    moment.seconds >= civil_days(0, 1, 2) * CIVIL_DAY_SECONDS &&
		    moment.seconds < civil_days(CIVIL_YEAR_MAX, 12, 31) * CIVIL_DAY_SECONDS) {
			check_again(&moment);
			(void)!time_text_format(&moment, &zone, text, &out, NULL); /* survived */
		}
	}
	buf_free(&out);
	free(text);
	return 0;
}
