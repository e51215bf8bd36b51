/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * ini - the lines of a configuration file: [section], key = value, # or ; comment.
 *
 * The one reader of this form. What sections and keys there may be, and what a value means, is the
 * caller's; a key given twice in one section is his to notice.
 *
 * Ownership  Texts are borrowed for the call.
 * Errors     -EINVAL "NAME:LINE: reason"; else what a callback returns.
 * Tests      tests/unit/base/test-ini.c.
 */
#pragma once

#include "base/error.h"

enum { INI_LINE_BYTES = 4096, INI_WHERE_BYTES = 160 };

struct ini_acts {
	/* A section begins. where is "NAME:LINE", for errors. May be NULL. */
	int (*on_section)(const char *section, const char *where, void *data, struct error *err);
	int (*on_pair)(const char *section, const char *key, const char *value, unsigned line,
		       const char *where, void *data, struct error *err);
	void *data;
};

/* Reads the lines in order; 0, or the first negative return. */
must_check int ini_read(const char *name, const char *text, const struct ini_acts *acts,
			struct error *err);
