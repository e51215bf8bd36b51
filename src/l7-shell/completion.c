/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l7-shell/completion.h"

#include "base/buf.h"
#include "l7-shell/shell.h"
#include "l7-shell/verbs.h"

#include <string.h>

enum { TEXT_BYTES_MAX = 256 * 1024, WORD_BYTES = 32 };

int completion_each_word(const char *usage, int (*act)(const char *word, void *data), void *data)
{
	char word[WORD_BYTES];
	int r = 0;

	while (*usage && r == 0) {
		size_t n = strspn(usage, "abcdefghijklmnopqrstuvwxyz-");

		if (n > 0 && n < sizeof(word)) {
			memcpy(word, usage, n);
			word[n] = '\0';
			r = act(word, data);
		}
		usage += n > 0 ? n : 1;
	}
	return r;
}

static int add_plain_word(const char *word, void *data)
{
	return buf_printf(data, " %s", word);
}

/* Between single quotes of any of the three. */
static int add_quoted(const char *text, const char *escaped, struct buf *out)
{
	int r = 0;

	for (; *text && r == 0; text++) {
		if (*text == '\'')
			r = buf_add_string(out, "'\\''");
		else if (strchr(escaped, *text))
			r = buf_printf(out, "\\%c", *text);
		else
			r = buf_add_char(out, *text);
	}
	return r;
}

static bool names_file(const char *value)
{
	return value && strcmp(value, "FILE") == 0;
}

static bool names_directory(const char *value)
{
	return value && strcmp(value, "DIR") == 0;
}

static bool names_effect(const char *value)
{
	return value && strcmp(value, "CLASS") == 0;
}

static int add_effects(struct buf *out)
{
	int r = 0;

	for (size_t i = 0; options_effects[i] && r == 0; i++)
		r = buf_printf(out, "%s%s", i > 0 ? " " : "", options_effects[i]);
	return r;
}

/* --- bash */

static int add_bash_options(unsigned use, struct buf *out)
{
	struct option_words option;
	int r = 0;

	for (size_t i = 0; options_words(i, &option) && r == 0; i++) {
		if (!(option.uses & use))
			continue;
		r = buf_printf(out, " --%s", option.name);
		if (r == 0 && option.letter)
			r = buf_printf(out, " -%c", option.letter);
	}
	return r;
}

/* A case of the option before the cursor: what its value can be. */
static int add_bash_values(struct buf *out)
{
	struct option_words option;
	int r = 0;

	for (size_t i = 0; options_words(i, &option) && r == 0; i++) {
		const char *how = names_file(option.value)        ? "compgen -f -- \"$cur\""
				  : names_directory(option.value) ? "compgen -d -- \"$cur\""
								  : ":";

		if (!option.value)
			continue;
		r = buf_printf(out, "    --%s", option.name);
		if (r == 0 && option.letter)
			r = buf_printf(out, "|-%c", option.letter);
		if (r == 0 && names_effect(option.value)) {
			r = buf_add_string(out, ") _claw_words '");
			if (r == 0)
				r = add_effects(out);
			if (r == 0)
				r = buf_add_string(out, "'; return ;;\n");
		} else if (r == 0) {
			r = buf_printf(out, ") mapfile -t COMPREPLY < <(%s); return ;;\n", how);
		}
	}
	return r;
}

static int add_bash_verbs(struct buf *out)
{
	int r = 0;

	for (size_t i = 0; i < verbs_table.n && r == 0; i++) {
		const struct command *row = &verbs_table.rows[i];

		r = buf_printf(out, "    %s) words='", row->name);
		if (r == 0)
			r = completion_each_word(row->usage, add_plain_word, out);
		if (r == 0)
			r = buf_add_string(out, "' options='");
		if (r == 0)
			r = add_bash_options(row->uses, out);
		if (r == 0)
			r = buf_printf(out, "' files=%s ;;\n",
				       strstr(row->usage, "FILE") ? "1" : "");
	}
	return r;
}

/* The options whose next word is theirs. */
static int add_bash_takers(struct buf *out)
{
	struct option_words option;
	int r = 0;

	for (size_t i = 0, n = 0; options_words(i, &option) && r == 0; i++) {
		if (!option.value)
			continue;
		r = buf_printf(out, "%s--%s", n++ > 0 ? "|" : "", option.name);
		if (r == 0 && option.letter)
			r = buf_printf(out, "|-%c", option.letter);
	}
	return r;
}

static int print_bash(struct buf *out)
{
	int r = buf_add_string(
		out, "# bash completion for claw: source <(claw completion bash)\n"
		     "_claw_words() { mapfile -t COMPREPLY < <(compgen -W \"$1\" -- \"$cur\"); }\n"
		     "_claw() {\n"
		     "  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}\n"
		     "  local verb='' words='' options='' files='' i\n"
		     "  for ((i = 1; i < COMP_CWORD; i++)); do\n"
		     "    case ${COMP_WORDS[i]} in\n    ");

	if (r == 0)
		r = add_bash_takers(out);
	if (r == 0)
		r = buf_add_string(
			out, ") ((i++)) ;;\n    -*) ;;\n    *) verb=${COMP_WORDS[i]}; break ;;\n"
			     "    esac\n  done\n  case $prev in\n");
	if (r == 0)
		r = add_bash_values(out);
	if (r == 0)
		r = buf_add_string(out, "  esac\n  case $verb in\n    '') words='");
	for (size_t i = 0; i < verbs_table.n && r == 0; i++)
		r = buf_printf(out, " %s", verbs_table.rows[i].name);
	if (r == 0)
		r = buf_add_string(out, "' options='");
	if (r == 0)
		r = add_bash_options(OPTION_USE_ALL, out);
	if (r == 0)
		r = buf_add_string(out, "' files='' ;;\n");
	if (r == 0)
		r = add_bash_verbs(out);
	return r < 0 ? r
		     : buf_add_string(
			       out, "  esac\n"
				    "  case $cur in\n    -*) _claw_words \"$options\" ;;\n"
				    "    */*) mapfile -t COMPREPLY < <(compgen -f -- \"$cur\") ;;\n"
				    "    *) _claw_words \"$words\"\n"
				    "      [ -z \"$files\" ] || mapfile -t -O \"${#COMPREPLY[@]}\" "
				    "COMPREPLY "
				    "< <(compgen -f -- \"$cur\") ;;\n"
				    "  esac\n}\ncomplete -o filenames -F _claw claw\n");
}

/* --- zsh */

static int add_zsh_option(const struct option_words *option, struct buf *out)
{
	int r = buf_printf(out, "    '--%s%s[", option->name, option->value ? "=" : "");

	if (r == 0)
		r = add_quoted(option->help, "[]:\\", out);
	if (r == 0)
		r = buf_add_char(out, ']');
	if (r == 0 && option->value)
		r = buf_printf(out, ":%s:", option->value);
	if (r == 0 && names_effect(option->value)) {
		r = buf_add_char(out, '(');
		if (r == 0)
			r = add_effects(out);
		if (r == 0)
			r = buf_add_char(out, ')');
	} else if (r == 0 && option->value) {
		r = buf_add_string(out, names_file(option->value)        ? "_files"
					: names_directory(option->value) ? "_files -/"
									 : "");
	}
	return r < 0 ? r : buf_add_string(out, "' \\\n");
}

static int add_zsh_verbs(struct buf *out)
{
	int r = 0;

	for (size_t i = 0; i < verbs_table.n && r == 0; i++) {
		r = buf_printf(out, "    '%s:", verbs_table.rows[i].name);
		if (r == 0)
			r = add_quoted(verbs_table.rows[i].summary, ":\\", out);
		if (r == 0)
			r = buf_add_string(out, "'\n");
	}
	return r;
}

static int print_zsh(struct buf *out)
{
	struct option_words option;
	int r = buf_add_string(out,
			       "#compdef claw\n# zsh completion for claw: claw completion zsh > a "
			       "file _claw of your fpath\n_claw() {\n"
			       "  local -a verbs words\n  local state line\n  verbs=(\n");

	if (r == 0)
		r = add_zsh_verbs(out);
	if (r == 0)
		r = buf_add_string(out, "  )\n  _arguments -C \\\n");
	for (size_t i = 0; options_words(i, &option) && r == 0; i++)
		r = add_zsh_option(&option, out);
	if (r == 0)
		r = buf_add_string(out, "    '1:verb:->verb' '*::argument:->argument'\n"
					"  case $state in\n"
					"  verb) _describe verb verbs; _files ;;\n"
					"  argument)\n    words=()\n    case $line[1] in\n");
	for (size_t i = 0; i < verbs_table.n && r == 0; i++) {
		r = buf_printf(out, "    %s) words=(", verbs_table.rows[i].name);
		if (r == 0)
			r = completion_each_word(verbs_table.rows[i].usage, add_plain_word, out);
		if (r == 0)
			r = buf_add_string(out, ") ;;\n");
	}
	return r < 0 ? r
		     : buf_add_string(out, "    esac\n    _describe argument words\n    _files ;;\n"
					   "  esac\n}\n_claw \"$@\"\n");
}

/* --- fish */

struct fish_words {
	struct buf *out;
	const struct command *row;
};

static int add_fish_word(const char *word, void *data)
{
	const struct fish_words *words = data;

	return buf_printf(words->out,
			  "complete -c claw -n '__fish_seen_subcommand_from %s' -a %s\n",
			  words->row->name, word);
}

static int add_fish_option(const struct option_words *option, struct buf *out)
{
	int r = buf_printf(out, "complete -c claw -l %s", option->name);

	if (r == 0 && option->letter)
		r = buf_printf(out, " -s %c", option->letter);
	if (r == 0 && option->value)
		r = buf_add_string(out, names_file(option->value) || names_directory(option->value)
						? " -r -F"
						: " -x");
	if (r == 0 && names_effect(option->value)) {
		r = buf_add_string(out, " -a '");
		if (r == 0)
			r = add_effects(out);
		if (r == 0)
			r = buf_add_char(out, '\'');
	}
	if (r == 0)
		r = buf_add_string(out, " -d '");
	if (r == 0)
		r = add_quoted(option->help, "", out);
	return r < 0 ? r : buf_add_string(out, "'\n");
}

static int print_fish(struct buf *out)
{
	struct option_words option;
	int r = buf_add_string(out, "# fish completion for claw: claw completion fish | source\n"
				    "complete -c claw -f\n");

	for (size_t i = 0; i < verbs_table.n && r == 0; i++) {
		struct fish_words words = { out, &verbs_table.rows[i] };

		r = buf_printf(out, "complete -c claw -n __fish_use_subcommand -a %s -d '",
			       words.row->name);
		if (r == 0)
			r = add_quoted(words.row->summary, "", out);
		if (r == 0)
			r = buf_add_string(out, "'\n");
		if (r == 0)
			r = completion_each_word(words.row->usage, add_fish_word, &words);
		if (r == 0 && strstr(words.row->usage, "FILE"))
			r = buf_printf(out,
				       "complete -c claw -n '__fish_seen_subcommand_from %s' -F\n",
				       words.row->name);
	}
	for (size_t i = 0; options_words(i, &option) && r == 0; i++)
		r = add_fish_option(&option, out);
	return r;
}

int completion_print(struct shell *shell, const char *const args[], struct error *err)
{
	static const struct {
		const char *name;
		int (*print)(struct buf *out);
	} shells[] = { { "bash", print_bash }, { "zsh", print_zsh }, { "fish", print_fish } };
	auto_buf struct buf text = BUF(TEXT_BYTES_MAX);

	for (size_t i = 0; i < sizeof(shells) / sizeof(shells[0]); i++) {
		int r;

		if (strcmp(args[0], shells[i].name) != 0)
			continue;
		r = shells[i].print(&text);
		if (r < 0)
			return FAIL(err, r, "completion: %s", strerror(-r));
		screen_put(&shell->out, STYLE_PLAIN, text.data, text.length);
		return 0;
	}
	return FAIL(err, COMMAND_USAGE, "completion is for bash, zsh and fish, not for \"%s\"",
		    args[0]);
}
