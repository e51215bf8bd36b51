/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * think-split - separates thinking that a model wrote between tags from its text (L6).
 *
 * Tags count outside code fences and code spans only, in any letter case. A closing tag without an
 * opening one means that everything before it was thinking (the server's template had opened it).
 * Marks of channels that only say "the answer comes now" are left out of the text.
 *
 * Ownership  Embedded; think_split_init/_fini.
 * Errors     -ENOMEM, -EMSGSIZE when one piece is longer than the limit.
 * Tests      tests/data/openai-answers/thinking.cases, tests/data/printed-calls.jsonl
 */
#pragma once

#include "base/buf.h"
#include "l6-agent/code-watch.h"

#include <stdbool.h>
#include <stddef.h>

enum { THINK_TAG_BYTES_MAX = 40 };

struct think_sink {
	int (*on_text)(const char *text, size_t length, void *userdata);
	int (*on_thinking)(const char *text, size_t length, void *userdata);
	void (*on_stray_close)(void *userdata); /* the text given so far was thinking */
	void *userdata;
};

struct think_split {
	const struct think_sink *sink;
	struct buf run;                 /* of the current kind, not yet given out */
	char held[THINK_TAG_BYTES_MAX]; /* may become a tag */
	size_t n_held;
	bool thinking, had_tag, has_text, skip_space;
	size_t opened; /* the tag that began the thinking */
	struct code_watch code;
};

void think_split_init(struct think_split *split, size_t piece_max, const struct think_sink *sink);
void think_split_fini(struct think_split *split);

/* text is UTF-8, whole characters; so is what the sink gets. */
must_check int think_split_feed(struct think_split *split, const char *text, size_t length);

/* Gives out what was held back. */
must_check int think_split_finish(struct think_split *split);
