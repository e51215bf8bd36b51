/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l7-shell/person-line.h"

#include "l7-shell/link.h"

#include <string.h>

enum { TITLE_COLUMNS = 200 };

void person_line_message(struct screen *screen, const char *text)
{
	screen_fresh_line(screen);
	screen_own(screen, STYLE_BOLD, "! ");
	screen_foreign_block(screen, STYLE_PLAIN, text, strlen(text));
	screen_fresh_line(screen);
}

static void show_step(struct screen *screen, sd_json_variant *step)
{
	static const struct {
		const char *status, *mark;
		unsigned style;
	} marks[] = {
		{ "completed", "[x]", STYLE_GOOD },
		{ "in_progress", "[>]", STYLE_BOLD },
		{ "failed", "[!]", STYLE_BAD },
		{ "pending", "[ ]", STYLE_DIM },
	};
	const char *status = link_string(step, "status");
	size_t i = 0;

	while (i < sizeof(marks) / sizeof(marks[0]) - 1 && strcmp(marks[i].status, status) != 0)
		i++;
	screen_own(screen, marks[i].style, "  %s ", marks[i].mark);
	screen_foreign(screen, marks[i].style == STYLE_GOOD ? STYLE_PLAIN : marks[i].style,
		       link_string(step, "title"), TITLE_COLUMNS);
	screen_fresh_line(screen);
}

static void show_plan(struct screen *screen, sd_json_variant *arguments)
{
	sd_json_variant *steps = link_field(arguments, "steps");
	const char *title = link_string(arguments, "title");

	screen_fresh_line(screen);
	screen_own(screen, STYLE_BOLD, "plan");
	if (*title) {
		screen_own(screen, STYLE_BOLD, ": ");
		screen_foreign(screen, STYLE_BOLD, title, TITLE_COLUMNS);
	}
	screen_fresh_line(screen);
	for (size_t i = 0; steps && i < sd_json_variant_elements(steps); i++)
		show_step(screen, sd_json_variant_by_index(steps, i));
}

bool person_line_is_shown(const char *tool)
{
	return strcmp(tool, "message") == 0 || strcmp(tool, "plan_update") == 0;
}

bool person_line_show(struct screen *screen, const char *tool, sd_json_variant *arguments)
{
	if (strcmp(tool, "message") == 0)
		person_line_message(screen, link_string(arguments, "content"));
	else if (strcmp(tool, "plan_update") == 0)
		show_plan(screen, arguments);
	else
		return false;
	return true;
}
