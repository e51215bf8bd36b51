/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * reasoning-details - puts together the pieces of reasoning_details, which a provider wants back
 * with the calls they led to (L6).
 *
 * A piece belongs to the entry of the same index and type: text, summary and data are continued,
 * every other member is replaced.
 *
 * Ownership  Embedded. Zero it; reasoning_details_fini().
 * Errors     -ENOMEM; -EMSGSIZE over a limit.
 * Source     spec/providers.md, "Providers as data". Tests: tests/unit/l6-agent/test-openai.c
 */
#pragma once

#include "base/buf.h"

#include <stddef.h>
#include <stdint.h>

struct yyjson_val;
struct yyjson_mut_doc;
struct reasoning_entry;

struct reasoning_details {
	struct yyjson_mut_doc *doc; /* holds the members that are not continued */
	struct reasoning_entry *entries;
	size_t n;
};

void reasoning_details_fini(struct reasoning_details *details);

/* pieces is the value of reasoning_details; anything but a list says nothing. */
must_check int reasoning_details_take(struct reasoning_details *details, struct yyjson_val *pieces);

/* Appends the list as JSON; nothing when there are no entries. */
must_check int reasoning_details_write(struct reasoning_details *details, struct buf *out);
