/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * config - one table per program: section, key, parser, where it goes, default, bounds, help.
 *
 * The file is INI (ini.h). An unknown section or key, a value out of
 * range or a key given twice is an error with file:line; a program then refuses to start. Sections
 * that belong to another program's table are named by the caller in `others` and passed over.
 *
 * Ownership  String values are copied into the target (char *, freed with config_free).
 * Errors     -EINVAL with "file:line: reason", or the errno of reading.
 */
#pragma once

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum config_type {
	CONFIG_STRING, /* char * */
	CONFIG_NUMBER, /* uint64_t, in [min, max] */
	CONFIG_BOOL,   /* bool: yes/no/true/false */
	CONFIG_CHOICE, /* unsigned: index into choices */
};

struct config_item {
	const char *section, *key;
	enum config_type type;
	size_t offset;
	const char
		*fallback; /* default as text, parsed by the same parser; NULL: string stays NULL */
	uint64_t min, max;
	const char *const *choices; /* NULL-terminated, for CONFIG_CHOICE */
	const char *env;            /* environment name that overrides the file; NULL: none */
	const char *help;           /* one sentence */
};

struct config_table {
	const struct config_item *items;
	size_t n_items;
	const char *const
		*others; /* NULL-terminated section names of other programs; may be NULL */
};

/* Fills target: defaults, then text (may be NULL), then the environment names of the table. */
must_check int config_load(const struct config_table *table, const char *name, const char *text,
			   void *target, struct error *err);

/* Sets one value by its row, as the file would. where is put in front of an error. */
must_check int config_set(const struct config_item *item, const char *value, const char *where,
			  void *target, struct error *err);

/* Frees the strings. */
void config_free(const struct config_table *table, void *target);
