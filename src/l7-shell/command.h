/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * command - tables of commands and their one dispatcher: the verbs of the command line and the
 * slash commands of the shell (L7).
 *
 * Help is made from the same rows. An unknown name is answered with the nearest one.
 *
 * Tests      tests/unit/l7-shell/test-command.c.
 */
#pragma once

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

struct shell;

enum command_flag {
	COMMAND_REST = 1 << 0,    /* the rest of the line is one argument, as it stands */
	COMMAND_CONNECT = 1 << 1, /* needs the running system; it is started when it does not run */
	COMMAND_ATTACH = 1 << 2,  /* looks at the system whether it runs or not */
};

enum { COMMAND_ARGS_MAX = 32, COMMAND_ROWS_MAX = 64 };

/* What was typed makes no sense; no other failure has this code. */
enum { COMMAND_USAGE = -EBADRQC };

struct command {
	const char *name;
	const char *usage; /* argument part only, e.g. "[NAME]" */
	const char *summary;
	unsigned min_args, max_args; /* not counting the name */
	unsigned flags;              /* enum command_flag */
	unsigned uses;               /* of options: enum option_use; 0 for slash commands */
	/* A status for exit (>= 0), or -errno. args is NULL-terminated. */
	int (*run)(struct shell *shell, const char *const args[], struct error *err);
};

struct command_table {
	const struct command *rows;
	size_t n;
	const char *prefix; /* what stands in front of a name: "/" or "claw " */
};

/* The row of that name; NULL when there is none. */
const struct command *command_find(const struct command_table *table, const char *name);

/* COMMAND_USAGE, with the nearest name. */
int command_unknown(const struct command_table *table, const char *name, struct error *err);

/*
 * Runs the row named argv[0] (NULL-terminated). COMMAND_USAGE: no such command (the nearest is
 * named) or a wrong number of arguments; else the row's own result.
 */
must_check int command_dispatch(const struct command_table *table, struct shell *shell,
				const char *const argv[], struct error *err);

/*
 * Splits a slash command's line (without the slash) in place into name and arguments, by the row's
 * flags, and dispatches it.
 */
must_check int command_line(const struct command_table *table, struct shell *shell, char *line,
			    struct error *err);
