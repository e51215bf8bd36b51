/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * json-read - a small strict JSON reader for the requests of claw-toolwork (L5).
 *
 * It exists because the program is static and starts for each call: yyjson has no static library
 * in the base, and sd-json refuses legal text (U+007F, noncharacters) that a file may well hold.
 * Numbers other than 64-bit integers are kept as JSON_FRACTION without a value. A NUL character
 * and a lone surrogate are refused.
 *
 * Ownership  json_tree_fini(); strings are borrowed from the tree.
 * Errors     -EINVAL for what is not JSON, -E2BIG beyond the limits, -ENOMEM.
 * Source     RFC 8259
 * Tests      tests/unit/l5-wasm/test-json-read.c, fuzz/fuzz-call.c
 */
#pragma once

#include "base/buf.h"

#include <stdbool.h>
#include <stdint.h>

enum { JSON_VALUES_MAX = 4096, JSON_DEPTH_MAX = 32 };

enum json_type {
	JSON_NULL,
	JSON_BOOLEAN,
	JSON_INTEGER,
	JSON_FRACTION,
	JSON_STRING,
	JSON_LIST,
	JSON_OBJECT,
};

struct json_value {
	enum json_type type;
	int64_t integer; /* BOOLEAN: 0 or 1 */
	size_t string;   /* STRING: offset in the strings */
	uint32_t end;    /* index behind the value and all in it */
};

/* Values in the order of the text, each object's members as name and value. Value 0 is the whole.
 */
struct json_tree {
	struct json_value *values;
	uint32_t count;
	struct buf strings; /* each with a NUL behind it */
};

/* Reads a whole text; *ret is the caller's, untouched on failure. */
must_check int json_read(const char *text, size_t length, struct json_tree *ret);
void json_tree_fini(struct json_tree *tree);

/* The value of an object's member, or NULL. The first counts when a name is there twice. */
const struct json_value *json_member(const struct json_tree *tree, const struct json_value *object,
				     const char *name);
const char *json_string(const struct json_tree *tree, const struct json_value *value);
