/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * frame - the length-prefixed messages on claw-toolwork's stream (L5).
 *
 * Errors     -EPROTO for what breaks the contract, else the errno of the descriptor.
 * Threads    None. frame_read() and frame_write() block.
 * Source     spec/toolwork.md, "Frames"
 * Tests      tests/unit/l5-wasm/test-frame.c, fuzz/fuzz-call.c
 */
#pragma once

#include "base/buf.h"

#include <stdint.h>

enum frame_kind { FRAME_REQUEST = 1, FRAME_REPLY, FRAME_BODY };

enum {
	FRAME_HEADER_BYTES = 8,
	FRAME_REQUEST_BYTES_MIN = 2,
	FRAME_REQUEST_BYTES_MAX = 16 * 1024 * 1024,
	FRAME_REPLY_BYTES_MAX = 1024 * 1024,
	FRAME_BODY_BYTES_MAX = 64 * 1024, /* and the longest content inside a reply */
};

enum frame_outcome { FRAME_COMPLETE, FRAME_END_OF_STREAM };

/* length is that of the payload. */
void frame_header_encode(unsigned char header[FRAME_HEADER_BYTES], enum frame_kind kind,
			 uint32_t length);

/* -EPROTO when the kind is unknown or the length is not one the kind may have. */
must_check int frame_header_decode(const unsigned char header[FRAME_HEADER_BYTES],
				   enum frame_kind *ret_kind, uint32_t *ret_length);

/* Reads one frame; its payload replaces what was in the buffer (maximum: the buffer's). */
must_check int frame_read(int fd, enum frame_kind *ret_kind, struct buf *payload,
			  enum frame_outcome *ret, struct error *err);

must_check int frame_write(int fd, enum frame_kind kind, const void *payload, size_t length);
