/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l7-shell/tool-line.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/utf8.h"
#include "l7-shell/glyph.h"
#include "l7-shell/link.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	ARGUMENT_COLUMNS_MIN = 20,
	PLAIN_COLUMNS = 200, /* of a plain stream */
	ARGUMENTS_BYTES_MAX = 8 * 1024,
	REASON_COLUMNS_MIN = 20,
	KB = 1000,
	MINUTE_S = 60,
};

#define MARK "\xE2\x80\xBA " /* "› " */
#define REASON_INDENT "    "
#define SEPARATOR " \xC2\xB7 " /* " · " */

void tool_line_span(uint64_t usec, char ret[TOOL_LINE_SPAN_BYTES])
{
	uint64_t ms = usec / CLOCK_MSEC_US, s = usec / CLOCK_SECOND_US;

	if (ms == 0)
		(void)snprintf(ret, TOOL_LINE_SPAN_BYTES, "%llu \xC2\xB5s",
			       (unsigned long long)usec);
	else if (s == 0)
		(void)snprintf(ret, TOOL_LINE_SPAN_BYTES, "%llu ms", (unsigned long long)ms);
	else if (s < MINUTE_S)
		(void)snprintf(ret, TOOL_LINE_SPAN_BYTES, "%llu.%llu s", (unsigned long long)s,
			       (unsigned long long)(ms % 1000 / 100));
	else
		(void)snprintf(ret, TOOL_LINE_SPAN_BYTES, "%llu min %02llu s",
			       (unsigned long long)(s / MINUTE_S),
			       (unsigned long long)(s % MINUTE_S));
}

void tool_line_size(uint64_t bytes, char ret[TOOL_LINE_SPAN_BYTES])
{
	if (bytes < KB)
		(void)snprintf(ret, TOOL_LINE_SPAN_BYTES, "%llu B", (unsigned long long)bytes);
	else if (bytes < (uint64_t)KB * KB)
		(void)snprintf(ret, TOOL_LINE_SPAN_BYTES, "%llu.%llu kB",
			       (unsigned long long)(bytes / KB),
			       (unsigned long long)(bytes % KB / (KB / 10)));
	else
		(void)snprintf(ret, TOOL_LINE_SPAN_BYTES, "%llu.%llu MB",
			       (unsigned long long)(bytes / KB / KB),
			       (unsigned long long)(bytes / KB % KB / (KB / 10)));
}

/* "first value, key=value …": the first argument is what the call is about. */
static int add_arguments(sd_json_variant *arguments, struct buf *out)
{
	size_t n = arguments && sd_json_variant_is_object(arguments)
			   ? sd_json_variant_elements(arguments)
			   : 0;
	int r = 0;

	for (size_t i = 0; i + 1 < n && r == 0 && out->length < ARGUMENTS_BYTES_MAX / 4; i += 2) {
		const char *key = sd_json_variant_string(sd_json_variant_by_index(arguments, i));
		sd_json_variant *value = sd_json_variant_by_index(arguments, i + 1);
		auto_free char *text = NULL;
		const char *shown;

		if (sd_json_variant_is_string(value))
			shown = sd_json_variant_string(value);
		else if (link_format(value, &text) < 0)
			continue;
		else
			shown = text;
		if (i > 0)
			r = buf_printf(out, " %s=", key);
		if (r == 0)
			r = buf_add(out, shown, strnlen(shown, ARGUMENTS_BYTES_MAX / 8));
	}
	return r;
}

void tool_line_start(struct screen *screen, const char *tool, sd_json_variant *arguments,
		     size_t kept)
{
	auto_buf struct buf text = BUF(ARGUMENTS_BYTES_MAX);
	size_t columns = screen->terminal ? screen->columns : PLAIN_COLUMNS;
	size_t used = kept + strlen("> ") + strlen(tool) + 1;
	size_t room = columns > used + ARGUMENT_COLUMNS_MIN ? columns - used : ARGUMENT_COLUMNS_MIN;

	screen_own(screen, STYLE_DIM, MARK);
	screen_foreign(screen, STYLE_CODE, tool, 0);
	if (add_arguments(arguments, &text) < 0 || text.length == 0)
		return;
	screen_own(screen, STYLE_PLAIN, " ");
	screen_foreign(screen, STYLE_DIM, buf_string(&text), room);
}

void tool_line_again(struct screen *screen, const char *tool)
{
	screen_own(screen, STYLE_DIM, "  ");
	screen_foreign(screen, STYLE_CODE, tool, 0);
}

static void add_number(struct screen *screen, sd_json_variant *data, const char *key,
		       const char *word, unsigned style)
{
	if (link_field(data, key))
		screen_own(screen, style, SEPARATOR "%s %lld", word,
			   (long long)link_integer(data, key));
}

void tool_line_end(struct screen *screen, sd_json_variant *data, uint64_t duration_us)
{
	bool ok = link_boolean(data, "ok");
	const char *why = link_string(data, "why");
	char text[TOOL_LINE_SPAN_BYTES];

	if (!ok)
		screen_own(screen, STYLE_BAD, SEPARATOR "failed");
	else if (link_integer(data, "exit") == 0 && link_integer(data, "signal") == 0)
		screen_own(screen, STYLE_GOOD, SEPARATOR "ok"); /* else its status says it */
	if (link_integer(data, "exit") != 0)
		add_number(screen, data, "exit", "exit", STYLE_BAD);
	if (link_integer(data, "signal") != 0)
		add_number(screen, data, "signal", "signal", STYLE_BAD);
	if (*why && strcmp(why, "exit") != 0) {
		screen_own(screen, STYLE_BAD, SEPARATOR);
		screen_foreign(screen, STYLE_BAD, why, 0);
	}
	if (link_field(data, "bytes")) {
		tool_line_size((uint64_t)link_integer(data, "bytes"), text);
		screen_own(screen, STYLE_DIM, SEPARATOR "%s", text);
	}
	if (duration_us > 0) {
		tool_line_span(duration_us, text);
		screen_own(screen, STYLE_DIM, SEPARATOR "%s", text);
	}
	screen_put(screen, STYLE_PLAIN, "\n", 1);
}

int tool_line_reason(sd_json_variant *data, struct buf *out)
{
	const char *said = link_string(data, "content");

	if (link_boolean(data, "ok") || link_integer(data, "exit") != 0 ||
	    link_integer(data, "signal") != 0)
		return 0;
	return buf_add(out, said, utf8_cut(said, strcspn(said, "\n"), TOOL_LINE_REASON_BYTES / 2));
}

void tool_line_add_reason(struct screen *screen, sd_json_variant *data)
{
	auto_buf struct buf reason = BUF(TOOL_LINE_REASON_BYTES);
	size_t columns = screen->terminal ? screen->columns : PLAIN_COLUMNS;
	size_t used = strlen(REASON_INDENT);

	if (tool_line_reason(data, &reason) < 0 || reason.length == 0)
		return;
	screen_own(screen, STYLE_PLAIN, REASON_INDENT);
	screen_foreign(screen, STYLE_BAD, buf_string(&reason),
		       columns > used + REASON_COLUMNS_MIN ? columns - used : REASON_COLUMNS_MIN);
	screen_put(screen, STYLE_PLAIN, "\n", 1);
}
