/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l3-clawfs/chunks.h"

#include "harness/tap.h"

#include <stdio.h>

enum { WORDS_MAX = 5000, WORD_BYTES = 6, CHUNKS_MAX = 64 };

struct cut {
	size_t start, length;
};

/* n words of five letters and a blank. */
static size_t words(char *text, size_t n)
{
	for (size_t i = 0; i < n; i++)
		memcpy(text + i * WORD_BYTES, "tea s ", WORD_BYTES);
	for (size_t i = 0; i < n; i++)
		(void)snprintf(text + i * WORD_BYTES, WORD_BYTES + 1, "w%04zu ", i);
	return n * WORD_BYTES;
}

static size_t cut_all(const char *text, size_t length, struct cut *cuts)
{
	size_t n = 0, start = 0, next = 0;
	bool more = true;

	while (more) {
		EXPECT_INT(n, <, CHUNKS_MAX);
		more = chunk_next(text, length, start, &cuts[n].length, &next);
		cuts[n++].start = start;
		EXPECT_INT(!more || next > start, ==, 1);
		start = next;
	}
	return n;
}

TEST(a_short_text_is_one_chunk)
{
	static char text[WORDS_MAX * WORD_BYTES + 1];
	struct cut cuts[CHUNKS_MAX];
	size_t length = words(text, CHUNK_WORDS + CHUNK_REST);

	EXPECT_INT(cut_all(text, length, cuts), ==, 1);
	EXPECT_INT(cuts[0].length, ==, length);
	EXPECT_INT(cut_all("", 0, cuts), ==, 1);
	EXPECT_INT(cuts[0].length, ==, 0);
}

TEST(chunks_overlap_and_cover_everything)
{
	static char text[WORDS_MAX * WORD_BYTES + 1];
	struct cut cuts[CHUNKS_MAX];
	size_t length = words(text, 3000), n = cut_all(text, length, cuts);

	EXPECT_INT(n, ==, 5);
	for (size_t i = 0; i + 1 < n; i++) {
		EXPECT_INT(cuts[i].length, ==, CHUNK_WORDS * WORD_BYTES);
		EXPECT_INT(cuts[i + 1].start - cuts[i].start, ==, CHUNK_STEP * WORD_BYTES);
	}
	EXPECT_INT(cuts[n - 1].start + cuts[n - 1].length, ==, length);
	EXPECT_INT(cuts[n - 1].length, >, CHUNK_REST * WORD_BYTES);
}

TEST(an_append_changes_the_last_chunk_only)
{
	static char text[WORDS_MAX * WORD_BYTES + 1];
	struct cut before[CHUNKS_MAX], after[CHUNKS_MAX];
	size_t length = words(text, WORDS_MAX);

	for (size_t at = WORD_BYTES; at + 700 < length; at += 701) {
		size_t n = cut_all(text, at, before), m = cut_all(text, at + 700, after);

		EXPECT_INT(m, >=, n);
		for (size_t i = 0; i + 1 < n; i++)
			EXPECT_INT(memcmp(&before[i], &after[i], sizeof(after[i])), ==, 0);
		EXPECT_INT(before[n - 1].start, ==, after[n - 1].start);
	}
}

TEST(text_without_blanks_is_cut_too_and_between_characters)
{
	static char text[90000];
	struct cut cuts[CHUNKS_MAX];
	size_t n;

	for (size_t i = 0; i < sizeof(text); i += 3)
		memcpy(text + i, "\xe8\x8c\xb6", 3);
	n = cut_all(text, sizeof(text), cuts);
	EXPECT_INT(n, >, 5);
	for (size_t i = 0; i < n; i++) {
		EXPECT_INT(cuts[i].start % 3, ==, 0);
		EXPECT_INT(cuts[i].length, <=, (CHUNK_WORDS + CHUNK_REST) * (CHUNK_WORD_BYTES + 3));
	}
}
