/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * leak-scan - MB of a text that leak_replace() looks at in a second of CPU.  usage: leak-scan <
 * TEXT
 *
 * The text is repeated up to BYTES; the median of RUNS is printed.
 */
#include "base/buf.h"
#include "base/cleanup.h"
#include "l6-agent/leak-text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { BYTES = 16 << 20, RUNS = 7, PIECE = 64 * 1024 };

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static int fill(struct buf *text)
{
	size_t n, once;
	char *at;
	int r;

	do {
		r = buf_reserve(text, PIECE, &at);
		if (r < 0)
			return r;
		n = fread(at, 1, PIECE, stdin);
		buf_commit(text, n);
	} while (n > 0 && text->length < BYTES - PIECE);
	once = text->length;
	if (once == 0)
		return -ENODATA;
	while (r >= 0 && text->length + once <= BYTES) {
		r = buf_reserve(text, once, &at);
		if (r >= 0)
			memcpy(at, text->data, once);
		if (r >= 0)
			buf_commit(text, once);
	}
	return r;
}

int main(void)
{
	auto_buf struct buf text = BUF(2 * BYTES), out = BUF(8 * BYTES);
	double speeds[RUNS];
	int r = fill(&text), found = 0;

	for (size_t i = 0; i < RUNS && r >= 0; i++) {
		struct leak_tally tally = { 0 };
		clock_t begun = clock();

		buf_truncate(&out, 0);
		r = found = leak_replace(text.data, text.length, &tally, &out);
		speeds[i] =
			(double)text.length / 1e6 / ((double)(clock() - begun) / CLOCKS_PER_SEC);
	}
	if (r < 0) {
		(void)fprintf(stderr, "leak-scan: %s\n", strerror(-r));
		return 1;
	}
	qsort(speeds, RUNS, sizeof(speeds[0]), compare);
	printf("%.1f %d\n", speeds[RUNS / 2], found);
	return 0;
}
