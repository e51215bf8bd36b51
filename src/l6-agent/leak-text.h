/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * leak-text - secrets in a text, whole or in pieces, become [secret:KIND] (L6).
 *
 * Escapes of JSON count as what they stand for, behind any number of backslashes; whole escapes are
 * replaced, and no quotation mark ever is, so valid JSON stays valid.
 *
 * Ownership  A stream keeps what may be the beginning of a secret, at most some LEAK_HELD_MAX
 * bytes. Errors     -ENOMEM, -EMSGSIZE of the buffers. Source     spec/secrets.md Tests
 * tests/unit/l6-agent/test-leak.c, fuzz/fuzz-leak.c
 */
#pragma once

#include "base/buf.h"
#include "l6-agent/leak-shape.h"

enum {
	LEAK_HELD_MAX = 512 * 1024,
	LEAK_PIECE_MAX = 32 * 1024 * 1024,
	LEAK_GROWTH = 4, /* a marker may be longer than what it stands for */
	LEAK_PASSED_MAX = (LEAK_HELD_MAX + LEAK_PIECE_MAX) * LEAK_GROWTH,
};

/* How many of each kind were replaced. */
struct leak_tally {
	uint32_t total, counts[LEAK_KINDS_MAX];
};
void leak_tally_add(struct leak_tally *tally, const struct leak_tally *more);

/* Appends text to out without its secrets. Returns how many there were; 0: out is as it was. */
must_check int leak_replace(const char *text, size_t length, struct leak_tally *tally,
			    struct buf *out);
/* The same in place. */
must_check int leak_clean(struct buf *text, struct leak_tally *tally);
/* Of a string; it is replaced when it holds one. NULL-tolerant. */
must_check int leak_clean_string(char **text, struct leak_tally *tally);

struct leak_stream {
	struct buf pending;
	size_t passed;    /* bytes of pending that were passed on: what stands in front counts */
	size_t next_look; /* at this length of pending */
	struct leak_tally tally;
};
#define LEAK_STREAM ((struct leak_stream){ .pending = BUF(LEAK_HELD_MAX + LEAK_PIECE_MAX) })
void leak_stream_free(struct leak_stream *stream);

/* Takes the next piece and appends to out what may be passed on. */
must_check int leak_stream_add(struct leak_stream *stream, const char *bytes, size_t length,
			       struct buf *out);
/* No more comes; the stream begins anew. */
must_check int leak_stream_end(struct leak_stream *stream, struct buf *out);
