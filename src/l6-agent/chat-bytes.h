/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * chat-bytes - the bytes of a conversation as a provider's JSON: a memory file that only grows, and
 * what every provider's form has in common (L6).
 *
 * Everything up to length is final. A prompt puts its tail behind it, which the next piece
 * overwrites. The hash of the final part is kept, so a prompt costs the hashing of its tail only.
 *
 * Ownership  Embedded; chat_bytes_open/_close.
 * Errors     -ENOMEM, -EMSGSIZE over max, -EINVAL for text that is not UTF-8; each with a sentence
 *            where it takes err.
 */
#pragma once

#include "base/sha256.h"
#include "l6-agent/model.h"

enum { CHAT_TAIL_BYTES_MAX = 96, CHAT_NAME_BYTES_MAX = 64 };

struct chat_bytes {
	int fd;
	uint64_t length, front; /* final; before the first message of the person */
	size_t max;
	struct sha256 hash; /* over the final part */
};

/* Checks what options have to hold for every form and makes the file. */
must_check int chat_bytes_open(struct chat_bytes *bytes, const struct conversation_options *options,
			       struct error *err);
void chat_bytes_close(struct chat_bytes *bytes);

/* A piece can never be longer than what is left, so building stops early. */
struct buf chat_piece(const struct chat_bytes *bytes);

/* Makes piece part of the final bytes; on failure the conversation is unchanged. r is what building
 * the piece returned, and is explained. */
must_check int chat_bytes_append(struct chat_bytes *bytes, int r, const struct buf *piece,
				 struct error *err);

/* The final bytes and the tail, as a prompt. */
must_check int chat_bytes_prompt(struct chat_bytes *bytes, const char *tail, struct prompt *ret,
				 struct error *err);

bool chat_is_blank(const char *text);

/*
 * Text inside a marked block must not be able to close it: "</name" is written "<\/name" with the
 * look of an escape. Everything else stays as it is, escaped for a JSON string.
 */
must_check int chat_add_marked(struct buf *piece, const char *name, const char *text);

/* Found memory in its mark, in front of a message. */
must_check int chat_add_memory(struct buf *piece, const char *memory);

/* "name":…,"description":…,"SCHEMA_KEY":… of a tool. */
must_check int chat_add_tool(struct buf *piece, const struct tool *tool, const char *schema_key);

/* Providers refuse names and ids outside letters, digits, _ and -; a model may make one up. */
must_check int chat_add_name(struct buf *piece, const char *name, size_t max);

/* A result in its mark: <tool_output name="N">, with error="true" when it failed. */
must_check int chat_add_output(struct buf *piece, const char *name, const char *content, bool ok);

/*
 * Arguments as JSON text that is an object in any case: what is none stands in
 * {"not_an_object": …}, because servers parse what is sent back.
 */
must_check int chat_add_arguments(struct buf *out, const char *arguments);
