/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * glyph - what a character is on a terminal: its code, its width in columns, whether anyone can see
 * it (L7).
 *
 * No locale is asked: a static program must know this on any host.
 *
 * Source     UAX #29 (clusters, without the conjuncts of Indic scripts); East_Asian_Width,
 * General_Category, Default_Ignorable_Code_Point (tools/glyph-tables). Tests
 * tests/unit/l7-shell/test-sanitise.c, test-markdown.c.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct glyph_range {
	uint32_t low, high;
};

extern const struct glyph_range glyph_unseen[], glyph_zero[], glyph_spacing[], glyph_wide[];
extern const size_t glyph_unseen_count, glyph_zero_count, glyph_spacing_count, glyph_wide_count;

enum glyph_read { GLYPH_READ, GLYPH_CUT, GLYPH_MALFORMED };

/*
 * Decodes the character at the front of left bytes (left > 0). GLYPH_READ: *ret_code and
 * *ret_length are set. GLYPH_CUT: more bytes could complete it. GLYPH_MALFORMED: the first byte is
 * no part of a character.
 */
enum glyph_read glyph_decode(const char *at, size_t left, uint32_t *ret_code, size_t *ret_length);

/* Format controls, fillers, noncharacters, line separators: characters that show nothing
 * themselves. */
bool glyph_is_unseen(uint32_t code);
/* A joiner or emoji selector: shows nothing, shapes what stands before it. */
bool glyph_is_joiner(uint32_t code);
/* A mark that is drawn over the character before it. */
bool glyph_is_mark(uint32_t code);
/* Columns: 0, 1 or 2. Control characters count 0. */
unsigned glyph_width(uint32_t code);
/*
 * What a person takes for one character, at the front of left bytes (left > 0): a letter with its
 * marks, a flag, an emoji of several joined ones, a Hangul syllable. Returns its bytes; columns are
 * the most a terminal gives it: some draw joined emoji as one, some one by one.
 */
size_t glyph_cluster(const char *at, size_t left, unsigned *ret_columns);
/* Where the last cluster of text starts; 0 when it is empty. */
size_t glyph_before(const char *text, size_t length);
/* Columns of a UTF-8 text; malformed bytes count 1. */
size_t glyph_text_width(const char *text, size_t length);
/* The longest front of text that fits in columns, in bytes. */
size_t glyph_fit(const char *text, size_t length, size_t columns);
