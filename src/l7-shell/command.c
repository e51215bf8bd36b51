/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l7-shell/command.h"

#include "base/nearest.h"
#include "l7-shell/shell.h"

#include <assert.h>
#include <string.h>

const struct command *command_find(const struct command_table *table, const char *name)
{
	for (size_t i = 0; i < table->n; i++)
		if (strcmp(table->rows[i].name, name) == 0)
			return &table->rows[i];
	return NULL;
}

static const char *nearest(const struct command_table *table, const char *name)
{
	const char *names[COMMAND_ROWS_MAX];

	assert(table->n <= COMMAND_ROWS_MAX);
	for (size_t i = 0; i < table->n; i++)
		names[i] = table->rows[i].name;
	return nearest_name(name, names, table->n);
}

static unsigned count(const char *const args[])
{
	unsigned n = 0;

	while (args[n])
		n++;
	return n;
}

static int connect(struct shell *shell, const struct command *command, struct error *err)
{
	if (command->flags & COMMAND_CONNECT)
		return shell_connect(shell, err);
	return command->flags & COMMAND_ATTACH ? shell_attach(shell, err) : 0;
}

int command_unknown(const struct command_table *table, const char *name, struct error *err)
{
	const char *other = nearest(table, name);

	if (other)
		return FAIL(err, COMMAND_USAGE, "%s%s: no such command; did you mean %s%s?",
			    table->prefix, name, table->prefix, other);
	return FAIL(err, COMMAND_USAGE, "%s%s: no such command; %shelp lists them", table->prefix,
		    name, table->prefix);
}

int command_dispatch(const struct command_table *table, struct shell *shell,
		     const char *const argv[], struct error *err)
{
	const struct command *command = command_find(table, argv[0]);
	unsigned n = count(argv + 1);
	int r;

	if (!command)
		return command_unknown(table, argv[0], err);
	if (n < command->min_args || n > command->max_args)
		return FAIL(err, COMMAND_USAGE, "usage: %s%s%s%s", table->prefix, command->name,
			    *command->usage ? " " : "", command->usage);
	r = connect(shell, command, err);
	return r < 0 ? r : command->run(shell, argv + 1, err);
}

static char *next_word(char **at)
{
	char *word = *at + strspn(*at, " \t");
	size_t n = strcspn(word, " \t");

	if (n == 0)
		return NULL;
	*at = word + n + (word[n] != '\0');
	word[n] = '\0';
	return word;
}

int command_line(const struct command_table *table, struct shell *shell, char *line,
		 struct error *err)
{
	const char *argv[COMMAND_ARGS_MAX + 2] = { 0 };
	const struct command *command;
	size_t n = 1, length;

	argv[0] = next_word(&line);
	if (!argv[0])
		return FAIL(err, COMMAND_USAGE, "%shelp lists the commands", table->prefix);
	command = command_find(table, argv[0]);
	if (command && (command->flags & COMMAND_REST)) {
		line += strspn(line, " \t");
		length = strlen(line);
		while (length > 0 && strchr(" \t\n", line[length - 1]))
			line[--length] = '\0';
		argv[1] = length > 0 ? line : NULL;
		return command_dispatch(table, shell, argv, err);
	}
	while (n <= COMMAND_ARGS_MAX && (argv[n] = next_word(&line)))
		n++;
	return command_dispatch(table, shell, argv, err);
}
