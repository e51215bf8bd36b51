/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * model - how a conversation is written for a model and how its raw answer is read (L6).
 *
 * Three formats stand behind one table of functions: OpenAI chat completions (openai.c) and
 * Anthropic's messages (anthropic.c), both spoken through claw-egressd, and the local model's own
 * prompt style (local-style.c, spoken through claw-llmd). The loop sees messages, texts and tool
 * calls only; a stop reason or token form never reaches it.
 *
 * A conversation keeps its serialised form in a memfd and only appends to it, so a prompt never
 * passes through JSON IPC and its prefix is byte-stable: no clock, no random order, nothing
 * variable in front.
 *
 * Ownership  See each function. Strings given in are copied.
 * Errors     -ENOMEM, -EMSGSIZE over max_bytes, -EINVAL for text that is not UTF-8.
 * Threads    None: loop thread only.
 * Source     spec/providers.md (OpenAI, Anthropic), spec/local-model.md (local style).
 */
#pragma once

#include "base/buf.h"
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct conversation; /* opaque; each format has its own */
struct answer_reader;
struct tool;
struct attachment;

struct tool_call {
	char *id; /* the provider's, or made by the reader ("call_1" …) */
	char *name;
	char *arguments; /* JSON text as the model wrote it; may be invalid */
};

enum answer_stop { ANSWER_STOP_END, ANSWER_STOP_CALLS, ANSWER_STOP_LENGTH, ANSWER_STOP_FILTER };

struct answer {
	char *text; /* NULL when there is none */
	/* What the provider wants back with this answer's calls, as add_assistant() of the same
	 * format understands it; NULL: nothing. Opaque, kept in the journal. */
	char *carried;
	struct tool_call *calls;
	size_t n_calls;
	enum answer_stop stop;
	/* 0 when not reported; cached and stored (written to the provider's cache) are part of
	 * prompt */
	uint64_t prompt_tokens, cached_tokens, stored_tokens, answer_tokens;
};
void answer_free(struct answer *answer); /* frees the content, not the struct */

/* Called while bytes are fed, in order. text is UTF-8, whole characters, not NUL-terminated. */
struct answer_sink {
	void (*on_text)(const char *text, size_t length, void *data);
	void (*on_reasoning)(const char *text, size_t length, void *data); /* may be NULL */
	void *data;
};

struct conversation_options {
	const char *model;        /* name sent to the provider */
	const char *provider;     /* its name, borrowed as the tools are; NULL: "" */
	const char *instructions; /* the stable prefix: base rules and identity documents */
	/* sorted by name; the loop's full set; borrowed as long as the conversation lives */
	const struct tool *const *tools;
	size_t n_tools;
	bool stream;
	bool no_stream_options; /* the provider refuses stream_options */
	bool reasoning_back;    /* the provider wants its thinking back beside calls */
	uint64_t max_tokens;    /* of one answer; 0: the format's own */
	size_t max_bytes;       /* of the serialised form; 0 is refused */
};

/* What a call needs beside the bytes. */
struct prompt {
	int fd; /* borrowed memfd; valid until the next conversation_* call */
	uint64_t offset, length;
	/* local style only, else 0: */
	uint64_t prefix_length, grammar_offset, grammar_length;
	uint64_t max_tokens;
	uint8_t hash[32]; /* SHA-256 of the prompt's bytes (grammar not included) */
};

enum prompt_flag { PROMPT_NO_TOOLS = 1 << 0 }; /* the answer has to be text */

struct model_format {
	const char *name;
	const char *path; /* behind the base URL; NULL for the local model */
	int (*open)(const struct conversation_options *options, struct conversation **ret,
		    struct error *err);
	void (*close)(struct conversation *conversation); /* NULL-tolerant */
	/* NULL: no place for it. A picture or document of the message that comes next. */
	int (*add_attachment)(struct conversation *conversation,
			      const struct attachment *attachment, struct error *err);
	/* memory may be NULL: text found for this message, shown in front of it, marked as data. */
	int (*add_user)(struct conversation *conversation, const char *text, const char *memory,
			struct error *err);
	int (*add_assistant)(struct conversation *conversation, const struct answer *answer,
			     struct error *err);
	/* content is already bounded by the loop; ok false marks an error the model may act on. */
	int (*add_result)(struct conversation *conversation, const struct tool_call *call,
			  const char *content, bool ok, struct error *err);
	int (*add_note)(struct conversation *conversation, const char *text,
			struct error *err); /* a system nudge */
	/* How a turn ended that the model did not answer, so that the next message can follow. */
	int (*add_end)(struct conversation *conversation, const char *text, struct error *err);
	/* Finishes the bytes for one call; the conversation can be appended to afterwards. */
	int (*prompt)(struct conversation *conversation, unsigned flags, struct prompt *ret,
		      struct error *err);
	/*
	 * NULL for a format without one. The stable front of every prompt of this conversation
	 * (fd, offset, length): io.clawos.Llm.Prepare computes and keeps it, so that the first
	 * question does not wait. Ask for it at start and whenever instructions have changed.
	 */
	int (*prefix)(struct conversation *conversation, struct prompt *ret, struct error *err);
	/* result_bytes_max: how much of a tool result this model can read. */
	size_t result_bytes_max;

	/* status and content_type come from the answer's head (local: 200 and NULL). flags as in
	 * prompt(). */
	int (*reader_open)(const struct conversation *conversation, unsigned flags, int status,
			   const char *content_type, const struct answer_sink *sink,
			   struct answer_reader **ret, struct error *err);
	void (*reader_close)(struct answer_reader *reader);
	int (*feed)(struct answer_reader *reader, const char *bytes, size_t length,
		    struct error *err);
	/*
	 * The answer, the caller's to free; or -EPROTO (cut or malformed), -EREMOTEIO (the
	 * provider's own error, its message in err), -E2BIG (context length exceeded). Text seen so
	 * far was already given to the sink.
	 */
	int (*finish)(struct answer_reader *reader, struct answer *ret, struct error *err);
};

extern const struct model_format model_format_openai;
extern const struct model_format model_format_anthropic;
extern const struct model_format model_format_local;
