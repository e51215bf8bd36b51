/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * tool-line - one line per tool call: name, short arguments, then how it ended (L7).
 */
#pragma once

#include "base/buf.h"
#include "l7-shell/screen.h"

#include <stdint.h>
#include <systemd/sd-json.h>

/* "› shell  ls -la", without the line's end; leaves room for the result. arguments may be NULL.
 * kept: columns in front of it and behind that are left free. */
void tool_line_start(struct screen *screen, const char *tool, sd_json_variant *arguments,
		     size_t kept);
/* The front of a result's line when its own start is no longer the last line. */
void tool_line_again(struct screen *screen, const char *tool);
/* " · exit 1 · 12 ms" and the line's end; data as of a tool-done event, duration_us 0: unknown. */
void tool_line_end(struct screen *screen, sd_json_variant *data, uint64_t duration_us);

/*
 * Why a call failed, the first line of what the tool said, "" when that is nothing a person needs:
 * it did not fail, or a command's own status says it. data as above.
 */
enum { TOOL_LINE_REASON_BYTES = 2048 };
must_check int tool_line_reason(sd_json_variant *data, struct buf *out);
/* The same as a line of its own; nothing when there is no reason. */
void tool_line_add_reason(struct screen *screen, sd_json_variant *data);

/* "850 µs", "12 ms", "3.4 s", "2 min 05 s" */
enum { TOOL_LINE_SPAN_BYTES = 32, TOOL_LINE_RESULT_COLUMNS = 32 };
void tool_line_span(uint64_t usec, char ret[TOOL_LINE_SPAN_BYTES]);
/* "512 B", "20 kB", "1.5 MB" */
void tool_line_size(uint64_t bytes, char ret[TOOL_LINE_SPAN_BYTES]);
