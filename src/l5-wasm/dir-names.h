/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * dir-names - the names in a directory, sorted by byte value (L5).
 *
 * Ownership  dir_names_fini() frees; names[i] and types[i] belong together.
 * Errors     -ENOMEM, or the errno of reading.
 * Tests      tests/process/test-toolwork-files.py
 */
#pragma once

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

struct dir_names {
	const char **names;
	unsigned char *types; /* DT_*; never DT_UNKNOWN */
	size_t count;
	bool more; /* the directory holds more than max */
	char *memory;
};

/* Reads fd (borrowed; read from its start) without "." and "..". At most max names. */
must_check int dir_names_read(int fd, size_t max, struct dir_names *ret);
void dir_names_fini(struct dir_names *names);
