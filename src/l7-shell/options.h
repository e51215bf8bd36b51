/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * options - the command line of claw, from one table (L7).
 *
 * Options may stand before and behind the verb; "--" ends them. Which verbs take an option is part
 * of its row: an option that would have no effect is a usage error, never ignored.
 * -c TEXT, -s and a first argument with a slash in it (a script) end claw's own options: the rest
 * is the shell's, as it stands.
 *
 * Ownership  Strings are borrowed from argv.
 * Errors     -EINVAL with a sentence; the program then exits 64 (EX_USAGE).
 * Tests      tests/unit/l7-shell/test-options.c.
 */
#pragma once

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum { OPTIONS_ALLOW_MAX = 8, OPTIONS_ATTACH_MAX = 16, OPTIONS_ARGS_MAX = 32 };

/* What takes an option: a bit per kind of use. */
enum option_use {
	OPTION_USE_ASK = 1 << 0,   /* claw -m */
	OPTION_USE_SHELL = 1 << 1, /* claw */
	OPTION_USE_TRACE = 1 << 2,
	OPTION_USE_LIST = 1 << 3, /* verbs that print what a daemon answers */
	OPTION_USE_UP = 1 << 4,
	OPTION_USE_HISTORY = 1 << 5,
	OPTION_USE_OTHER = 1 << 6,
	OPTION_USE_STOP = 1 << 7,
	OPTION_USE_HOST = 1 << 8,   /* the host's shell: -c, -s, a script */
	OPTION_USE_SCRIPT = 1 << 9, /* claw run */
	OPTION_USE_ALL = (1 << 10) - 1,
};

struct options {
	const char *message; /* -m */
	const char *thread, *workspace, *record, *replay, *state, *agent;
	const char *allow[OPTIONS_ALLOW_MAX];
	size_t n_allow;
	const char *attach[OPTIONS_ATTACH_MAX];
	size_t n_attach;
	bool json, prompt, ready, help, version, all, cages;
	/* As the shells of the host have them (host-shell.h). */
	bool login; /* -l, or a name that begins with "-" */
	bool interactive, from_stdin;
	bool screen_reader;
	const char *command;     /* -c */
	char *const *shell_rest; /* what follows -c TEXT, -s or is a script; NULL: none */
	const char *args[OPTIONS_ARGS_MAX +
			 1]; /* verb first; NULL-terminated; empty: interactive or -m */
	size_t n_args;
	unsigned given; /* bit per row of the table that was given */
};

/* argv[0] is passed over; *ret is untouched on failure. */
must_check int options_parse(int argc, char *const argv[], struct options *ret, struct error *err);

/* Refuses an option that was given and that `use` does not take. */
must_check int options_check_use(const struct options *options, unsigned use, struct error *err);

/* True when the effect class was allowed on the command line. */
bool options_allow(const struct options *options, const char *effect);

/* What the table says of an option; value is NULL for one that takes none. */
struct option_words {
	char letter; /* 0: none */
	const char *name, *value, *help;
	unsigned uses;
};

/* The options that have a help text, by number from 0 on; false: there are no more. */
bool options_words(size_t number, struct option_words *ret);

/* The effects that can be allowed, up to a NULL. */
extern const char *const options_effects[];

/* One line per option that `use` takes, for help. */
void options_print(FILE *out, unsigned use);
