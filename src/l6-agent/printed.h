/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * printed - tells tool calls that a model printed as text from its answer (L6).
 *
 * A call counts when it stands at the end of the model's own message, outside code, and when
 * everything from its first byte to the end of the message is nothing but calls of offered tools in
 * a spelling that is known. All else is text, byte for byte. What may become a call is held back,
 * everything else flows at once.
 *
 * Ownership  Embedded; printed_init/_fini. tools are borrowed.
 * Errors     -ENOMEM, or what on_text returned.
 * Source     spec/providers.md, "Calls printed as text".
 * Tests      tests/data/printed-calls.jsonl, fuzz/fuzz-printed.c
 */
#pragma once

#include "base/buf.h"
#include "l6-agent/code-watch.h"

#include <stdbool.h>
#include <stddef.h>

struct tool;

enum { PRINTED_TRIED_BYTES = 256, PRINTED_CALLS_MAX = 128 };

struct printed_call {
	const struct tool *tool;
	char *arguments;    /* JSON; when the call was cut or malformed: what the model wrote */
	const char *source; /* the call in the segment; NULL when it can never run */
	size_t length;
};
void printed_calls_free(struct printed_call *calls, size_t n_calls);

struct printed {
	const struct tool *const *tools;
	size_t n_tools;
	int (*on_text)(const char *text, size_t length, void *userdata);
	void *userdata;
	struct code_watch code;
	struct buf run;                  /* text of this feed, not yet given out */
	char tried[PRINTED_TRIED_BYTES]; /* may become the beginning of a call */
	size_t n_tried;
	struct buf held; /* from the beginning of what looks like a call */
	bool is_holding, has_text;
};

/* held_max bounds what is held back; more than that is text. */
void printed_init(struct printed *printed, const struct tool *const *tools, size_t n_tools,
		  size_t held_max);
void printed_fini(struct printed *printed);

/* text is UTF-8, whole characters; so is what on_text gets. */
must_check int printed_feed(struct printed *printed, const char *text, size_t length);

/*
 * The message has ended: the calls at its end (the caller's to free), none for a message that ends
 * in text. What is held stays held until it is released or dropped.
 */
must_check int printed_finish(struct printed *printed, struct printed_call **ret, size_t *ret_n);
must_check int printed_release(struct printed *printed); /* what is held is text */
/* What is held is forgotten; the source of its calls ends with it. */
void printed_drop(struct printed *printed);

/*
 * The offered tool that a name written by a model means: the same but for case, "-" for "_",
 * a namespace in front, "()" and tokens behind. NULL when there is none.
 */
const struct tool *printed_tool(const struct printed *printed, const char *name);
