/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * priority - who goes first where turns wait for something scarce (L6).
 *
 * Source     spec/journal.md, "accepted"
 */
#pragma once

#include <stdbool.h>
#include <string.h>

enum priority { PRIORITY_PERSON, PRIORITY_ROUTINE, PRIORITY_BACKGROUND, PRIORITY_COUNT };

static inline const char *priority_name(enum priority priority)
{
	static const char *const names[PRIORITY_COUNT] = { "person", "routine", "background" };

	return names[priority];
}

static inline bool priority_parse(const char *name, enum priority *ret)
{
	for (unsigned i = 0; i < PRIORITY_COUNT; i++) {
		if (strcmp(name, priority_name((enum priority)i)) == 0) {
			*ret = (enum priority)i;
			return true;
		}
	}
	return false;
}
