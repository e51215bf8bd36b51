/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * json-path - choosing values in a JSON document (L6).
 *
 * A path that is empty or starts with "/" is a JSON Pointer; "" is the whole document. Else it is a
 * dotted path: a.b[0].c, ["any key"], [-1] counts from the end, [*] and .* are all elements or
 * members; "$" and "." in front mean the document. Grammar: spec/tools.md.
 *
 * Errors     -EINVAL for a path that is not in the grammar; -ENOENT when something is not there:
 *            which part, and what there is instead. -E2BIG for more than JSON_PATH_VALUES_MAX.
 * Source     RFC 6901; spec/tools.md
 * Tests      tests/data/json.cases, fuzz/fuzz-json-path.c
 */
#pragma once

#include "base/buf.h"

#include <stdbool.h>
#include <yyjson.h>

enum { JSON_PATH_VALUES_MAX = 10000, JSON_PATH_STEPS_MAX = 64 };

/* Called for each value, in the document's order; a negative return ends it. */
typedef int (*json_path_sink_fn)(yyjson_val *value, void *data);

/* *ret_many: the path has a wildcard, so that the answer is a list; set before the first call. */
must_check int json_path_find(yyjson_val *root, const char *path, json_path_sink_fn sink,
			      void *data, bool *ret_many, struct error *err);
