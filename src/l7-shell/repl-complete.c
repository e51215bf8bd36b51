/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l7-shell/repl-complete.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "l7-shell/completion.h"
#include "l7-shell/inner-shell.h"
#include "l7-shell/link.h"
#include "l7-shell/path-names.h"
#include "l7-shell/repl.h"

#include <limits.h>
#include <string.h>

enum { NAME_BYTES_MAX = 2 * PATH_MAX };
#define AGENT_LIMIT_US CLOCK_SECOND_US

typedef void (*found_fn)(const char *name, void *found_data);

/* Who is told, and how a name is written there. */
struct offer {
	found_fn found;
	void *found_data;
	const char *begin; /* what was typed of it */
	bool escaped;      /* a word of a command: special characters behind a backslash */
};

static void offer_name(const char *name, void *data)
{
	const struct offer *offer = data;
	auto_buf struct buf written = BUF(NAME_BYTES_MAX);
	int r = 0;

	if (strncmp(name, offer->begin, strlen(offer->begin)) != 0)
		return;
	if (!offer->escaped) {
		offer->found(name, offer->found_data);
		return;
	}
	for (const char *at = name; *at && r == 0; at++) {
		bool special =
			strchr(" \t\\'\"`$&|;<>()[]{}*?!#", *at) || (*at == '~' && at > name);

		r = special ? buf_printf(&written, "\\%c", *at) : buf_add_char(&written, *at);
	}
	if (r == 0)
		offer->found(buf_string(&written), offer->found_data);
}

static int offer_word(const char *word, void *data)
{
	offer_name(word, data);
	return 0;
}

/* --- what the agent knows */

static void offer_listed(struct repl *repl, const char *method, const char *list,
			 struct offer *offer)
{
	auto_link sd_varlink *link = NULL;
	auto_json sd_json_variant *reply = NULL;
	sd_json_variant *rows;

	if (repl->lost ||
	    link_open_within(repl->shell->run_fd, "agent", AGENT_LIMIT_US, &link, NULL) < 0 ||
	    link_call(link, method, NULL, &reply, NULL) < 0)
		return; /* nothing is offered */
	rows = link_field(reply, list);
	for (size_t i = 0;
	     rows && sd_json_variant_is_array(rows) && i < sd_json_variant_elements(rows); i++)
		offer_name(link_string(sd_json_variant_by_index(rows, i), "name"), offer);
}

/* Where the agent's tools look for files. */
static int workspace_path(const struct repl *repl, struct buf *out)
{
	const char *folder = repl->shell->options->workspace;

	return folder ? buf_add_string(out, folder)
		      : buf_printf(out, "%s/workspace", repl->shell->paths.state);
}

static void offer_workspace_files(struct repl *repl, struct offer *offer)
{
	auto_buf struct buf base = BUF(PATH_MAX);

	if (workspace_path(repl, &base) == 0)
		path_names_files(buf_string(&base), offer->begin, offer_name, offer);
}

/* --- lines by their kind */

static void offer_commands(struct offer *offer)
{
	char name[64] = "/";

	for (size_t i = 0; i < repl_commands.n; i++) {
		size_t n = strlen(repl_commands.rows[i].name);

		if (n + 2 > sizeof(name))
			continue;
		memcpy(name + 1, repl_commands.rows[i].name, n + 1);
		offer_name(name, offer);
	}
}

/* The row of "/name " at the front of text; NULL: there is none. */
static const struct command *find_row(const char *text)
{
	size_t n = strcspn(text, " \t");
	auto_free char *name = *text == '/' && text[n] ? strndup(text + 1, n - 1) : NULL;

	return name ? command_find(&repl_commands, name) : NULL;
}

static size_t complete_slash(struct repl *repl, const char *text, struct offer *offer)
{
	const struct command *row = find_row(text);
	const char *last = strrchr(text, ' ');

	if (!last) {
		offer_commands(offer);
		return 0;
	}
	offer->begin = last + 1;
	if (!row)
		return strlen(text);
	(void)!completion_each_word(row->usage, offer_word, offer); /* offer_word() never fails */
	if (strcmp(row->name, "thread") == 0)
		offer_listed(repl, "io.clawos.Agent.Threads", "threads", offer);
	if (strcmp(row->name, "read") == 0)
		offer_workspace_files(repl, offer);
	else if (strstr(row->usage, "FILE"))
		path_names_files(".", offer->begin, offer_name, offer);
	return (size_t)(offer->begin - text);
}

static size_t complete_message(struct repl *repl, const char *text, struct offer *offer)
{
	size_t start = strlen(text);

	while (start > 0 && !strchr(" \t\n", text[start - 1]))
		start--;
	offer->begin = text + start;
	if (*offer->begin == '?')
		offer->begin++;
	if (*offer->begin == '\0')
		return start;
	if (!strchr(offer->begin, '/'))
		offer_listed(repl, "io.clawos.Agent.Tools", "tools", offer);
	offer_workspace_files(repl, offer);
	return (size_t)(offer->begin - text);
}

/* Where the word begins that the text ends in; *ret_first: it is a command's name. */
static size_t find_word(const char *text, bool *ret_first, bool *ret_quoted)
{
	size_t start = 0;
	char quote = '\0';

	*ret_first = true;
	for (size_t i = 0; text[i]; i++) {
		if (text[i] == '\\' && quote != '\'' && text[i + 1]) {
			i++;
		} else if (quote) {
			quote = text[i] == quote ? '\0' : quote;
		} else if (text[i] == '\'' || text[i] == '"') {
			quote = text[i];
			start = i + 1;
		} else if (strchr(" \t\n;|&<>()=`", text[i])) {
			bool blank = strchr(" \t", text[i]) != NULL;

			*ret_first = blank ? *ret_first && i == start : !strchr("<>=", text[i]);
			start = i + 1;
		}
	}
	*ret_quoted = quote != '\0';
	return start;
}

static size_t complete_command(struct repl *repl, const char *text, struct offer *offer)
{
	auto_buf struct buf typed = BUF(PATH_MAX);
	bool first, quoted;
	size_t start = find_word(text, &first, &quoted);
	int r = 0;

	for (const char *at = text + start; *at && r == 0; at++) {
		if (*at == '\\' && at[1] && !quoted)
			at++;
		r = buf_add_char(&typed, *at);
	}
	if (r < 0)
		return strlen(text);
	offer->begin = buf_string(&typed);
	offer->escaped = !quoted;
	if (first && !strchr(offer->begin, '/'))
		path_names_programs(offer->begin, offer_name, offer);
	else
		path_names_files(repl->inner ? inner_shell_directory(repl->inner) : ".",
				 offer->begin, offer_name, offer);
	return start;
}

size_t repl_complete(const char *text, found_fn found, void *found_data, void *data)
{
	struct repl *repl = data;
	struct offer offer = { .found = found, .found_data = found_data, .begin = text };

	if (text[0] == '!')
		return 1 + complete_command(repl, text + 1, &offer);
	if (text[0] == '/' && (!repl->commands || find_row(text) || !strchr(text + 1, '/')))
		return complete_slash(repl, text, &offer);
	if (repl->commands && text[0] != '?')
		return complete_command(repl, text, &offer);
	return complete_message(repl, text, &offer);
}

int repl_hint(const char *text, struct buf *out, void *data)
{
	const struct command *row = find_row(text);

	(void)data;
	if (!row || !*row->usage || text[strlen(row->name) + 2] != '\0')
		return 0;
	return buf_printf(out, "  %s  %s", row->usage, row->summary);
}
