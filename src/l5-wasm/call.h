/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * call - one tool call inside a cage: what was asked and what is answered (L5).
 *
 * A tool is a function of a call that fills a reply. What a model can act on is content, also when
 * the call failed: reply_fail() puts the sentence there.
 *
 * Ownership  A call borrows; a reply owns its content.
 * Errors     A tool returns 0, or -errno after reply_fail(). -EPROTO from call_parse() breaks the
 *            contract of spec/toolwork.md.
 * Source     spec/toolwork.md, spec/tools.md
 * Tests      tests/unit/l5-wasm/test-call.c, fuzz/fuzz-call.c
 */
#pragma once

#include "base/buf.h"
#include "l5-wasm/json-read.h"

#include <stdbool.h>
#include <stdint.h>

enum {
	CALL_LIMIT_BYTES_MIN = 1024,
	CALL_LIMIT_BYTES_MAX = 4 * 1024 * 1024,
	CALL_TIMEOUT_MS_MAX = 24 * 60 * 60 * 1000,
};

struct call {
	struct json_tree request; /* owned: call_fini() */
	const struct json_value *arguments;
	const char *tool;
	int workspace_fd;     /* borrowed */
	size_t limit_bytes;   /* of content */
	uint64_t deadline_us; /* monotonic */
};

/* Absent members of meta are -1. */
struct reply {
	bool cut, timed_out;
	int64_t files, first_line, last_line, lines, bytes, matches, exit_status, signal_number,
		stdout_bytes, stderr_bytes;
	struct buf content;
};

/* Reads a request; *ret is then the caller's to call_fini(). The deadline counts from now. */
must_check int call_parse(const char *text, size_t length, int workspace_fd, struct call *ret,
			  struct error *err);
void call_fini(struct call *call);

bool call_is_late(const struct call *call);

/* An argument. When it is absent: fallback, or a failed reply when fallback is NULL. */
must_check int call_string(const struct call *call, const char *name, const char *fallback,
			   struct reply *reply, const char **ret);
must_check int call_bool(const struct call *call, const char *name, bool fallback,
			 struct reply *reply, bool *ret);
must_check int call_number(const struct call *call, const char *name, int64_t fallback, int64_t min,
			   int64_t max, struct reply *reply, int64_t *ret);

void reply_init(struct reply *reply);
void reply_fini(struct reply *reply);

/* Replaces the content by a sentence and returns code. */
int reply_fail(struct reply *reply, int code, const char *fmt, ...) printf_like(3, 4);

/* Makes content valid UTF-8 without NUL and at most limit bytes: head and tail are kept. */
must_check int reply_fit(struct reply *reply, size_t limit);

/* The JSON of the reply frame; content is left out when it goes as a body. */
must_check int reply_encode(const struct reply *reply, bool ok, uint64_t wall_us,
			    struct buf *frame);

/* One function a tool; 0, or -errno with the sentence in the reply. */
typedef int (*tool_fn)(const struct call *call, struct reply *reply);
int tool_read_file(const struct call *call, struct reply *reply);
int tool_write_file(const struct call *call, struct reply *reply);
int tool_list_dir(const struct call *call, struct reply *reply);
int tool_apply_patch(const struct call *call, struct reply *reply);
int tool_glob(const struct call *call, struct reply *reply);
int tool_grep(const struct call *call, struct reply *reply);
int tool_shell(const struct call *call, struct reply *reply);
