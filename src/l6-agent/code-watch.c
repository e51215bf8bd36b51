/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l6-agent/code-watch.h"

enum { FENCE_MARKS_MIN = 3 };

void code_watch_init(struct code_watch *watch)
{
	*watch = (struct code_watch){ .at_line_start = true };
}

/* A run of ` or ~ is over: it opens or closes a fence or a code span. */
static void end_marks(struct code_watch *watch)
{
	size_t n = watch->marks;

	watch->marks = 0;
	if (watch->fence) {
		if (watch->marks_at_start && watch->mark == watch->fence &&
		    n >= watch->fence_length)
			watch->fence = 0;
	} else if (watch->marks_at_start && n >= FENCE_MARKS_MIN) {
		watch->fence = watch->mark;
		watch->fence_length = n;
		watch->span_length = 0;
	} else if (watch->mark == '`') {
		if (watch->span_length == 0)
			watch->span_length = n;
		else if (watch->span_length == n)
			watch->span_length = 0;
	}
}

void code_watch_settle(struct code_watch *watch, char c)
{
	if (watch->marks > 0 && c != watch->mark)
		end_marks(watch);
}

void code_watch_take(struct code_watch *watch, char c)
{
	code_watch_settle(watch, c);
	if (c == '`' || c == '~') {
		if (watch->marks++ == 0)
			watch->marks_at_start = watch->at_line_start;
		watch->mark = c;
	}
	if (c == '\n')
		watch->span_length = 0;
	watch->at_line_start = c == '\n' || (watch->at_line_start && (c == ' ' || c == '\t'));
}

void code_watch_take_span(struct code_watch *watch, const char *text, size_t length)
{
	if (length == 0)
		return;
	code_watch_settle(watch, *text);
	for (size_t i = 0; i < length && watch->at_line_start; i++)
		watch->at_line_start = text[i] == ' ' || text[i] == '\t';
}

bool code_watch_is_inside(const struct code_watch *watch)
{
	return watch->fence || watch->span_length > 0 || watch->marks > 0;
}
