/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * direct - the direct forms: a line that runs one tool without asking a model (L7).
 *
 * /read FILE, /run COMMAND, /remember TEXT, /recall TEXT, /time [ZONE]. They work at the prompt and
 * as the text of -m.
 *
 * Errors     COMMAND_USAGE for a form without what it needs.
 * Source     spec/tools (names of tools and arguments).
 * Tests      tests/unit/l7-shell/test-command.c.
 */
#pragma once

#include "base/error.h"

#include <stddef.h>
#include <systemd/sd-json.h>

struct direct_form {
	const char *name, *usage;
	const char *tool;
	const char *argument;      /* what the rest of the line is */
	const char *fixed, *value; /* an argument that is always given; NULL: none */
};

extern const struct direct_form direct_forms[];
extern const size_t direct_forms_count;

/* The form a line begins with; NULL: it is none. */
const struct direct_form *direct_find(const char *text);

/*
 * *ret is NULL when text is no direct form; else its row, and *ret_arguments are the tool's
 * arguments (the caller's).
 */
must_check int direct_parse(const char *text, const struct direct_form **ret,
			    sd_json_variant **ret_arguments, struct error *err);
