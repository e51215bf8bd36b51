/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * quoted - does a text stand in what a model has read? (L6)
 *
 * Blanks, line feeds, backslashes and JSON's escapes are passed over on both sides: who quotes
 * often lays out anew. Of the text the first QUOTED_BYTES_MAX bytes are compared.
 *
 * Errors     -ENOMEM, or of mmap(2).
 */
#pragma once

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { QUOTED_BYTES_MAX = 64 * 1024, QUOTED_BYTES_MIN = 12 };

/* The JSON text to look in: a file in memory, from and to in bytes. */
struct quoted_in {
	int fd;
	uint64_t from, to;
};

/* A text shorter than QUOTED_BYTES_MIN says nothing and is never found. */
must_check int quoted_find(const struct quoted_in *in, const char *text, size_t length,
			   bool *ret_found);
