/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l7-shell/options.h"

#include <string.h>

enum option_kind { OPTION_FLAG, OPTION_VALUE, OPTION_TEXT, OPTION_LIST, OPTION_FILES };

struct option_row {
	const char *name, *value, *help;
	size_t offset;
	enum option_kind kind;
	unsigned uses;
	char letter; /* 0: none */
};

#define ROW(letter_, name_, value_, kind_, field, uses_, help_) \
	{ .letter = (letter_), \
	  .name = (name_), \
	  .value = (value_), \
	  .kind = (kind_), \
	  .offset = offsetof(struct options, field), \
	  .uses = (uses_), \
	  .help = (help_) }

static const struct option_row table[] = {
	ROW('m', "message", "TEXT", OPTION_VALUE, message, OPTION_USE_ASK,
	    "ask once, print the answer, exit 0 answered, 1 failed, 2 refused, 130 interrupted"),
	ROW(0, "thread", "NAME", OPTION_VALUE, thread,
	    OPTION_USE_ASK | OPTION_USE_SHELL | OPTION_USE_HISTORY | OPTION_USE_TRACE |
		    OPTION_USE_SCRIPT,
	    "the thread to go on in (made when it does not exist; default main)"),
	ROW(0, "json", NULL, OPTION_FLAG, json,
	    OPTION_USE_ASK | OPTION_USE_LIST | OPTION_USE_TRACE | OPTION_USE_HISTORY |
		    OPTION_USE_SCRIPT,
	    "one JSON object per event or answer, nothing else"),
	ROW(0, "allow", "CLASS", OPTION_LIST, allow,
	    OPTION_USE_ASK | OPTION_USE_SHELL | OPTION_USE_SCRIPT,
	    "allow this effect without asking: write, execute, send, spend, install, reveal"),
	ROW(0, "attach", "FILE", OPTION_FILES, attach, OPTION_USE_ASK,
	    "show the model this picture, PDF or text with the message"),
	ROW(0, "workspace", "DIR", OPTION_VALUE, workspace,
	    OPTION_USE_ASK | OPTION_USE_SHELL | OPTION_USE_SCRIPT,
	    "work in this directory; read-only for tools unless --allow write"),
	ROW(0, "record", "FILE", OPTION_VALUE, record, OPTION_USE_ASK,
	    "write every model exchange to FILE"),
	ROW(0, "replay", "FILE", OPTION_VALUE, replay, OPTION_USE_ASK,
	    "play the model exchanges of FILE instead of asking a model"),
	ROW(0, "prompt", NULL, OPTION_FLAG, prompt, OPTION_USE_TRACE,
	    "show the prompt of every model call whole"),
	ROW(0, "all", NULL, OPTION_FLAG, all, OPTION_USE_TRACE,
	    "list the turns of all threads, or of the one of --thread"),
	ROW(0, "cages", NULL, OPTION_FLAG, cages, OPTION_USE_STOP,
	    "end what the agent is running now; the system goes on"),
	ROW('c', "command", "TEXT", OPTION_TEXT, command, OPTION_USE_HOST,
	    "run this with the host's shell, as sh -c does; the system is not needed"),
	ROW('l', "login", NULL, OPTION_FLAG, login, OPTION_USE_SHELL | OPTION_USE_HOST,
	    "be a login shell"),
	ROW('i', "interactive", NULL, OPTION_FLAG, interactive, OPTION_USE_SHELL | OPTION_USE_HOST,
	    NULL), /* as shells have it */
	ROW('s', "from-stdin", NULL, OPTION_FLAG, from_stdin, OPTION_USE_HOST,
	    "read commands for the host's shell from standard input"),
	ROW(0, "screen-reader", NULL, OPTION_FLAG, screen_reader,
	    OPTION_USE_ASK | OPTION_USE_SHELL | OPTION_USE_SCRIPT,
	    "write lines only: no spinner, nothing drawn again, no attributes"),
	ROW(0, "ready", NULL, OPTION_FLAG, ready, OPTION_USE_UP,
	    NULL), /* claw to itself: report on descriptor 3 */
	ROW(0, "state", "DIR", OPTION_VALUE, state, OPTION_USE_ALL,
	    "the state directory (default CLAWOS_STATE, else XDG data home or /var/lib/clawos)"),
	ROW(0, "agent", "NAME", OPTION_VALUE, agent, OPTION_USE_ALL,
	    "the agent that is meant (claw agent new makes one; default default)"),
	ROW('h', "help", NULL, OPTION_FLAG, help, OPTION_USE_ALL, "this text"),
	ROW('V', "version", NULL, OPTION_FLAG, version, OPTION_USE_ALL, "the version"),
};
enum { TABLE_ROWS = sizeof(table) / sizeof(table[0]) };
_Static_assert(TABLE_ROWS <= 32, "struct options.given has a bit per row");

static const struct option_row *find_letter(char letter)
{
	for (size_t i = 0; i < TABLE_ROWS; i++)
		if (table[i].letter == letter)
			return &table[i];
	return NULL;
}

static const struct option_row *find_name(const char *name, size_t length)
{
	for (size_t i = 0; i < TABLE_ROWS; i++)
		if (strlen(table[i].name) == length && memcmp(table[i].name, name, length) == 0)
			return &table[i];
	return NULL;
}

/* The effects that can be allowed; spec/tables/effects has them all. */
const char *const options_effects[] = { "write",   "execute", "send", "spend",
					"install", "reveal",  NULL };

static int add_to_list(struct options *options, const char *value, struct error *err)
{
	bool known = false;

	for (size_t i = 0; options_effects[i]; i++)
		known = known || strcmp(options_effects[i], value) == 0;
	if (!known)
		return FAIL(
			err, -EINVAL,
			"--allow %s: the classes are write, execute, send, spend, install, reveal",
			value);
	if (options->n_allow == OPTIONS_ALLOW_MAX)
		return FAIL(err, -EINVAL, "--allow is given more than %d times", OPTIONS_ALLOW_MAX);
	options->allow[options->n_allow++] = value;
	return 0;
}

static int store(struct options *options, const struct option_row *row, const char *value,
		 struct error *err)
{
	void *field = (char *)options + row->offset;
	unsigned bit = 1u << (unsigned)(row - table);

	switch (row->kind) {
	case OPTION_FLAG:
		*(bool *)field = true;
		break;
	case OPTION_VALUE:
	case OPTION_TEXT: /* may be empty */
		if (options->given & bit)
			return FAIL(err, -EINVAL, "--%s is given twice", row->name);
		if (*value == '\0' && row->kind == OPTION_VALUE)
			return FAIL(err, -EINVAL, "--%s needs a %s, not an empty one", row->name,
				    row->value);
		*(const char **)field = value;
		break;
	case OPTION_LIST:
		if (add_to_list(options, value, err) < 0)
			return -EINVAL;
		break;
	case OPTION_FILES:
		if (options->n_attach == OPTIONS_ATTACH_MAX)
			return FAIL(err, -EINVAL, "--attach is given more than %d times",
				    OPTIONS_ATTACH_MAX);
		options->attach[options->n_attach++] = value;
		break;
	}
	options->given |= bit;
	return 0;
}

/* --NAME, --NAME=VALUE, --NAME VALUE */
static int parse_long(int argc, char *const argv[], int *at, struct options *options,
		      struct error *err)
{
	const char *text = argv[*at], *value;
	size_t length = strcspn(text + 2, "=");
	const struct option_row *row = find_name(text + 2, length);

	if (!row)
		return FAIL(err, -EINVAL, "unknown option %s; claw help lists them", text);
	value = text[2 + length] == '=' ? text + 2 + length + 1 : NULL;
	if (row->kind == OPTION_FLAG && value)
		return FAIL(err, -EINVAL, "--%s takes no value", row->name);
	if (row->kind != OPTION_FLAG && !value) {
		if (*at + 1 >= argc)
			return FAIL(err, -EINVAL, "--%s needs a %s", row->name, row->value);
		value = argv[++*at];
	}
	return store(options, row, value, err);
}

/* -x, several flags in one word, at last one with a value: -xVALUE or -x VALUE. */
static int parse_letters(int argc, char *const argv[], int *at, struct options *options,
			 struct error *err)
{
	const char *text = argv[*at];

	for (const char *letter = text + 1; *letter; letter++) {
		const struct option_row *row = find_letter(*letter);
		const char *value = letter[1] != '\0' ? letter + 1 : NULL;
		int r;

		if (!row)
			return FAIL(err, -EINVAL, "unknown option %s; claw help lists them", text);
		if (row->kind == OPTION_FLAG) {
			r = store(options, row, NULL, err);
			if (r < 0)
				return r;
			continue;
		}
		if (!value && *at + 1 >= argc)
			return FAIL(err, -EINVAL, "--%s needs a %s", row->name, row->value);
		return store(options, row, value ? value : argv[++*at], err);
	}
	return 0;
}

/* A script's path: it and what follows are the host's shell's. */
static bool is_script(const struct options *options, const char *argument)
{
	return options->n_args == 0 && !options->message && strchr(argument, '/');
}

int options_parse(int argc, char *const argv[], struct options *ret, struct error *err)
{
	struct options options = { 0 };
	bool ended = false;

	options.login = argc > 0 && argv[0][0] == '-';
	for (int i = 1; i < argc && !options.shell_rest; i++) {
		bool is_option = !ended && argv[i][0] == '-' && argv[i][1] != '\0';

		if (!ended && strcmp(argv[i], "--") == 0) {
			ended = true;
		} else if (is_option) {
			int r = argv[i][1] == '-' ? parse_long(argc, argv, &i, &options, err)
						  : parse_letters(argc, argv, &i, &options, err);

			if (r < 0)
				return r;
			if (options.command || options.from_stdin)
				options.shell_rest = argv + i + 1;
		} else if (is_script(&options, argv[i])) {
			options.shell_rest = argv + i;
		} else {
			if (options.n_args == OPTIONS_ARGS_MAX)
				return FAIL(err, -EINVAL, "too many arguments (from %s on)",
					    argv[i]);
			options.args[options.n_args++] = argv[i];
		}
	}
	*ret = options;
	return 0;
}

int options_check_use(const struct options *options, unsigned use, struct error *err)
{
	for (size_t i = 0; i < TABLE_ROWS; i++)
		if ((options->given & (1u << i)) && !(table[i].uses & use))
			return FAIL(err, -EINVAL, "--%s has no meaning here", table[i].name);
	return 0;
}

bool options_allow(const struct options *options, const char *effect)
{
	for (size_t i = 0; i < options->n_allow; i++)
		if (strcmp(options->allow[i], effect) == 0)
			return true;
	return false;
}

void options_print(FILE *out, unsigned use)
{
	enum { NAME_COLUMNS = 24 };

	for (size_t i = 0; i < TABLE_ROWS; i++) {
		const struct option_row *row = &table[i];
		int n;

		if (!row->help || !(row->uses & use))
			continue;
		n = fprintf(out, "  %c%c%s--%s%s%s", row->letter ? '-' : ' ',
			    row->letter ? row->letter : ' ', row->letter ? ", " : "  ", row->name,
			    row->value ? " " : "", row->value ? row->value : "");

		fprintf(out, "%*s %s\n", n < NAME_COLUMNS ? NAME_COLUMNS - n : 0, "", row->help);
	}
}

bool options_words(size_t number, struct option_words *ret)
{
	for (size_t i = 0; i < TABLE_ROWS; i++) {
		const struct option_row *row = &table[i];

		if (!row->help || number-- > 0)
			continue;
		*ret = (struct option_words){ row->letter, row->name, row->value, row->help,
					      row->uses };
		return true;
	}
	return false;
}
