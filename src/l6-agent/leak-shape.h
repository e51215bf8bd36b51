/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * leak-shape - what secrets look like, as a table (L6).
 *
 * Made from spec/tables/secrets by tools/secrets-c.
 *
 * Units      Characters.
 * Source     spec/secrets.md
 */
#pragma once

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	LEAK_KIND_PROVIDER_KEY = 0, /* known by its value, of no shape */
	LEAK_PARTS_MAX = 8,
	LEAK_KINDS_MAX = 160,
	LEAK_CLASSES = 26,
	LEAK_PEM_MAX = 16384, /* behind its first line */
};

enum { LEAK_GRAM = 3 };
/* The place of a gram: its characters, the first one lowest. */
#define LEAK_GRAM_BIT(code) ((uint32_t)(code) * UINT32_C(0x9E3779B1) >> 16)

/* Of the small letter a class is called by. */
#define LEAK_CLASS(letter) (UINT32_C(1) << ((letter) - 'a'))

enum leak_before { LEAK_BEFORE_ANY, LEAK_BEFORE_ALNUM, LEAK_BEFORE_WORD };
enum leak_check { LEAK_CHECK_NONE, LEAK_CHECK_MIXED, LEAK_CHECK_FILLED };

/* Literal characters, a run of a class, or the rest of a PEM block. */
struct leak_part {
	const char *literal; /* NULL: no literal; small letters where any case counts */
	uint32_t mask;
	uint16_t length, min, max; /* length: of literal */
	bool is_pem;
};

struct leak_shape {
	uint8_t kind;
	enum leak_before before;
	enum leak_check check;
	bool any_case;
	uint8_t anchor;              /* the first literal part: 0, or 1 behind a run of digits */
	uint8_t n_parts, begin, end; /* parts begin to end - 1 are replaced */
	struct leak_part parts[LEAK_PARTS_MAX];
};

extern const struct leak_shape leak_shapes[];
extern const size_t leak_shape_count;
extern const char *const leak_kinds[]; /* their names */
extern const size_t leak_kind_count;
extern const uint32_t leak_classes[256]; /* which classes a character belongs to */
/* Bits of the three characters anchors begin with (with the next one, where there are two). */
extern const uint64_t leak_grams[1024];
/* Shapes whose anchor begins with a character: leak_by_first[leak_first[c]] up to leak_first[c +
 * 1]. */
extern const uint16_t leak_first[257], leak_by_first[];
extern const char *const leak_example_parts[], *const leak_example_words[];
