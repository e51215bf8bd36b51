/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * capture - the head and the tail of an output stream of any length (L5).
 *
 * Keeps the first and the last CAPTURE_HALF_BYTES; all bytes are counted.
 *
 * Ownership  capture_fini() frees.
 * Errors     -ENOMEM, -EMSGSIZE.
 * Tests      tests/unit/l5-wasm/test-capture.c
 */
#pragma once

#include "base/buf.h"

#include <stdbool.h>
#include <stdint.h>

enum { CAPTURE_HALF_BYTES = 32 * 1024 };

struct capture {
	uint64_t total;
	struct buf head;
	char *tail; /* ring; the next byte goes to tail_at */
	size_t tail_at, tail_length;
};

void capture_init(struct capture *capture);
void capture_fini(struct capture *capture);

/* Takes the next bytes of the stream. */
must_check int capture_add(struct capture *capture, const char *bytes, size_t length);

/* Where a head of at most `at` bytes ends: behind a newline in its last quarter if there is one. */
size_t capture_head_end(const char *text, size_t at);

/* Bytes that are kept. */
size_t capture_length(const struct capture *capture);

/*
 * Appends at most about max bytes: all, or a head and a tail cut at lines with a note between them
 * of how much was left out. *ret_cut says which.
 */
must_check int capture_put(const struct capture *capture, size_t max, struct buf *to,
			   bool *ret_cut);
