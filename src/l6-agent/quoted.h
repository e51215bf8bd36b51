/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * quoted - does a text stand in what a model has read? (L6)
 *
 * Who quotes often lays out anew, with other quotes, and reads or writes escapes. So on both sides
 * blanks, backslashes and bytes that are no ASCII are passed over, ' is ", and \u003c, \x3c and
 * &lt; are what they mean. Of the text the first QUOTED_BYTES_MAX bytes that count are compared.
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
