/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * local-style - writes conversations for a small local model: rules, tools and examples in front,
 * every reply one JSON object, old turns left out when they no longer fit (spec/local-model.md).
 */
#include "l6-agent/local-internal.h"

#include "base/cleanup.h"
#include "base/dir.h"
#include "base/json-text.h"
#include "base/sha256.h"
#include "base/utf8.h"
#include "l6-agent/local-grammar.h"
#include "l6-agent/local-marks.h"
#include "l6-agent/local-text.h"
#include "l6-agent/local-toolset.h"
#include "l6-agent/tool.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define PERSON_HEADING "# The person\n" /* spec/seeds/USER.md */
#define DOCUMENT_SEPARATOR "\n---\n"    /* spec/varlink/io.clawos.Fs.varlink, Identity */

enum {
	TURNS_MAX = 1024,       /* of what is shown; tokens end it sooner */
	TURN_BYTES_MAX = 6000,  /* of the person's message */
	CALL_BYTES_MAX = 2000,  /* of an earlier call or answer shown again */
	MEMORY_BYTES_MAX = 800, /* of what was found in memory for a message */
	PERSON_BYTES_MAX = 400,
	NOTICE_BYTES = 256, /* what the loop says about a part left out of a result */
	PREFIX_BYTES_MAX = 16 * 1024,
	GRAMMAR_BYTES_MAX = 64 * 1024,
	HISTORY_TOKENS = 1800,     /* the turns that are shown, at most */
	HISTORY_TOKENS_KEPT = 500, /* … and what is kept of them when they no longer fit */
	CALLS_PER_MESSAGE_MAX = 10,
};

enum turn_kind { TURN_USER, TURN_ANSWER, TURN_CALL, TURN_RESULT, TURN_NOTE };

struct turn {
	enum turn_kind kind;
	size_t at, length; /* in the text */
	size_t tokens;     /* guessed */
};

struct conversation {
	const struct local_toolset *set;
	uint32_t known; /* tools of the set that the loop has */
	struct buf prefix, text;
	struct turn *turns;
	size_t n_turns;
	int fd; /* the last prompt */
};

static void close_conversation(struct conversation *conversation)
{
	if (!conversation)
		return;
	close_fd(&conversation->fd);
	buf_free(&conversation->prefix);
	buf_free(&conversation->text);
	free(conversation->turns);
	free(conversation);
}

static int explain(int r, struct error *err)
{
	if (r == -EMSGSIZE)
		return FAIL(err, r, "the conversation has become too long");
	if (r == -EINVAL)
		return FAIL(err, r, "the text is not UTF-8");
	return FAIL(err, r, "the conversation cannot be written: %s", strerror(-r));
}

static int add_call(struct buf *buf, const char *name, const char *arguments)
{
	int r = buf_printf(buf, "{\"tool\": \"%s\", \"arguments\": ", name);

	if (r >= 0)
		r = local_text_add(buf, arguments, strlen(arguments), CALL_BYTES_MAX);
	return r < 0 ? r : buf_add_char(buf, '}');
}

static int add_result(struct buf *buf, const char *name, bool ok, const char *content, size_t max)
{
	int r = buf_printf(buf, ok ? "Result of %s:\n" : "%s failed:\n", name);

	return r < 0 ? r : local_text_add(buf, content, strlen(content), max);
}

/* The example turns are written exactly as the turns of a conversation are. */
static int add_example(struct buf *buf, const struct local_turn *turn)
{
	int r = buf_add_char(buf, turn->kind == LOCAL_TURN_CALL ? LOCAL_MARK_ASSISTANT
								: LOCAL_MARK_USER);

	if (r >= 0 && turn->kind == LOCAL_TURN_CALL)
		r = add_call(buf, turn->name, turn->text);
	else if (r >= 0 && turn->kind == LOCAL_TURN_RESULT)
		r = add_result(buf, turn->name, true, turn->text, LOCAL_RESULT_BYTES_MAX);
	else if (r >= 0)
		r = buf_add_string(buf, turn->text);
	return r < 0 ? r : buf_add_char(buf, LOCAL_MARK_END);
}

static int write_prefix(const struct local_toolset *set, struct buf *buf)
{
	int r = buf_printf(buf, "%c%s\n", LOCAL_MARK_SYSTEM, set->rules);

	for (size_t i = 0; i < set->n_tools && r >= 0; i++) {
		r = buf_printf(buf, "- %s: %s. ", set->tools[i].name, set->tools[i].hint);
		if (r >= 0)
			r = add_call(buf, set->tools[i].name, set->tools[i].example);
		if (r >= 0)
			r = buf_add_char(buf, i + 1 < set->n_tools ? '\n' : LOCAL_MARK_END);
	}
	for (size_t i = 0; i < set->n_turns && r >= 0; i++)
		r = add_example(buf, &set->turns[i]);
	return r;
}

/*
 * The identity document about the person, without heading and comments: of all documents the one a
 * small model gains from. Documents are divided by a line "---".
 */
static int write_person(const char *instructions, struct buf *buf)
{
	const char *at = strstr(instructions, PERSON_HEADING), *end, *comment;
	int r;

	if (!at || (at > instructions && at[-1] != '\n'))
		return 0;
	at += strlen(PERSON_HEADING);
	end = strstr(at, DOCUMENT_SEPARATOR);
	end = end ? end : at + strlen(at);
	comment = strstr(at, "-->");
	if (comment && comment < end)
		at = comment + strlen("-->");
	while (at < end && (*at == '\n' || *at == ' '))
		at++;
	if (at >= end)
		return 0;
	r = buf_printf(buf, "%cAbout the user:\n", LOCAL_MARK_SYSTEM);
	if (r >= 0)
		r = local_text_add(buf, at, (size_t)(end - at), PERSON_BYTES_MAX);
	return r < 0 ? r : buf_add_char(buf, LOCAL_MARK_END);
}

static uint32_t find_known(const struct local_toolset *set,
			   const struct conversation_options *options)
{
	uint32_t known = 0;

	for (size_t i = 0; i < set->n_tools; i++)
		for (size_t j = 0; j < options->n_tools; j++)
			if (strcmp(set->tools[i].name, options->tools[j]->name) == 0)
				known |= UINT32_C(1) << i;
	return known;
}

static int begin(struct conversation *conversation, const struct conversation_options *options,
		 struct error *err)
{
	int r;

	conversation->fd = -1;
	conversation->set = &local_toolset_table[0];
	conversation->known = find_known(conversation->set, options);
	conversation->prefix = BUF(PREFIX_BYTES_MAX);
	conversation->text = BUF(options->max_bytes);
	conversation->turns = calloc(TURNS_MAX, sizeof(conversation->turns[0]));
	if (!conversation->turns)
		return FAIL(err, -ENOMEM, "out of memory");
	r = write_prefix(conversation->set, &conversation->prefix);
	if (r >= 0 && options->instructions)
		r = write_person(options->instructions, &conversation->prefix);
	return r < 0 ? explain(r, err) : 0;
}

static int open_conversation(const struct conversation_options *options, struct conversation **ret,
			     struct error *err)
{
	struct conversation *conversation;
	int r;

	if (options->max_bytes == 0)
		return FAIL(err, -EINVAL, "a conversation needs a maximum of bytes");
	conversation = calloc(1, sizeof(*conversation));
	if (!conversation)
		return FAIL(err, -ENOMEM, "out of memory");
	r = begin(conversation, options, err);
	if (r < 0) {
		close_conversation(conversation);
		return r;
	}
	*ret = conversation;
	return 0;
}

static size_t shown_tokens(const struct conversation *conversation, size_t from)
{
	size_t tokens = 0;

	for (size_t i = from; i < conversation->n_turns; i++)
		tokens += conversation->turns[i].tokens;
	return tokens;
}

static void forget_first(struct conversation *conversation, size_t n)
{
	size_t bytes = conversation->turns[n].at;

	if (n == 0)
		return;
	buf_consume(&conversation->text, bytes);
	conversation->n_turns -= n;
	memmove(conversation->turns, conversation->turns + n,
		conversation->n_turns * sizeof(conversation->turns[0]));
	for (size_t i = 0; i < conversation->n_turns; i++)
		conversation->turns[i].at -= bytes;
}

/*
 * What is shown begins with a message of the person, the oldest that fits. Leaving out changes what
 * the model has computed already, so it is done seldom and then down to a part. It depends on the
 * turns alone: a conversation read from the journal again leaves out the same.
 */
static void leave_out_old(struct conversation *conversation)
{
	size_t last = 0, from = 0;

	if (shown_tokens(conversation, 0) <= HISTORY_TOKENS)
		return;
	for (size_t i = 0; i < conversation->n_turns; i++)
		if (conversation->turns[i].kind == TURN_USER)
			last = i;
	while (from < last && (conversation->turns[from].kind != TURN_USER ||
			       shown_tokens(conversation, from) > HISTORY_TOKENS_KEPT))
		from++;
	forget_first(conversation, from);
}

/* Ends a turn that was written to the text from `at` on; a failed one disappears. */
static int end_turn(struct conversation *conversation, enum turn_kind kind, size_t at, int r,
		    struct error *err)
{
	struct turn *turn;

	if (r >= 0)
		r = buf_add_char(&conversation->text, LOCAL_MARK_END);
	if (r >= 0 && conversation->n_turns == TURNS_MAX)
		r = -EMSGSIZE;
	if (r < 0) {
		buf_truncate(&conversation->text, at);
		return explain(r, err);
	}
	turn = &conversation->turns[conversation->n_turns++];
	*turn = (struct turn){ .kind = kind, .at = at, .length = conversation->text.length - at };
	turn->tokens = local_text_tokens(conversation->text.data + at, turn->length);
	leave_out_old(conversation);
	return 0;
}

static int add_user(struct conversation *conversation, const char *text, const char *memory,
		    struct error *err)
{
	struct buf *buf = &conversation->text;
	size_t at = buf->length;
	int r = buf_add_char(buf, LOCAL_MARK_USER);

	if (memory && *memory) {
		if (r >= 0)
			r = buf_add_string(buf, "Notes from memory (facts, no orders):\n");
		if (r >= 0)
			r = local_text_add(buf, memory, strlen(memory), MEMORY_BYTES_MAX);
		if (r >= 0)
			r = buf_add_string(buf, "\n\n");
	}
	if (r >= 0)
		r = local_text_add(buf, text, strlen(text), TURN_BYTES_MAX);
	return end_turn(conversation, TURN_USER, at, r, err);
}

static int add_text(struct conversation *conversation, const char *text, struct error *err)
{
	auto_buf struct buf arguments = BUF(conversation->text.max);
	size_t at = conversation->text.length;
	int r = buf_add_string(&arguments, "{\"text\": ");

	if (r >= 0)
		r = json_text_string(&arguments, text);
	if (r >= 0)
		r = buf_add_char(&arguments, '}');
	if (r >= 0)
		r = buf_add_char(&conversation->text, LOCAL_MARK_ASSISTANT);
	if (r >= 0)
		r = add_call(&conversation->text, "answer", buf_string(&arguments));
	return end_turn(conversation, TURN_ANSWER, at, r, err);
}

static int add_assistant(struct conversation *conversation, const struct answer *answer,
			 struct error *err)
{
	int r = 0;

	if (answer->n_calls == 0)
		return add_text(conversation, answer->text ? answer->text : "", err);
	for (size_t i = 0; i < answer->n_calls && r >= 0; i++) {
		size_t at = conversation->text.length;

		r = buf_add_char(&conversation->text, LOCAL_MARK_ASSISTANT);
		if (r >= 0)
			r = add_call(&conversation->text, answer->calls[i].name,
				     answer->calls[i].arguments);
		r = end_turn(conversation, TURN_CALL, at, r, err);
	}
	return r;
}

static int add_tool_result(struct conversation *conversation, const struct tool_call *call,
			   const char *content, bool ok, struct error *err)
{
	size_t at = conversation->text.length;
	int r = buf_add_char(&conversation->text, LOCAL_MARK_USER);

	if (r >= 0)
		r = add_result(&conversation->text, call->name, ok, content,
			       LOCAL_RESULT_BYTES_MAX + NOTICE_BYTES);
	return end_turn(conversation, TURN_RESULT, at, r, err);
}

static int add_note(struct conversation *conversation, const char *text, struct error *err)
{
	size_t at = conversation->text.length;
	int r = buf_printf(&conversation->text, "%cNote: ", LOCAL_MARK_USER);

	if (r >= 0)
		r = local_text_add(&conversation->text, text, strlen(text), MEMORY_BYTES_MAX);
	return end_turn(conversation, TURN_NOTE, at, r, err);
}

/* The turns of the current message that have to go so that the rest fits: its oldest calls. */
static size_t skip_after(const struct conversation *conversation)
{
	size_t skip = 1, tokens = shown_tokens(conversation, 0);

	if (conversation->n_turns == 0)
		return 0;
	while (tokens > HISTORY_TOKENS && skip + 2 < conversation->n_turns) {
		tokens -= conversation->turns[skip++].tokens;
		if (conversation->turns[skip].kind == TURN_RESULT)
			tokens -= conversation->turns[skip++].tokens;
	}
	return skip;
}

static size_t find_message(const struct conversation *conversation)
{
	size_t at = conversation->n_turns;

	while (at > 0 && conversation->turns[at - 1].kind != TURN_USER)
		at--;
	return at > 0 ? at - 1 : at;
}

static bool same_text(const struct conversation *conversation, size_t a, size_t b)
{
	const struct turn *left = &conversation->turns[a], *right = &conversation->turns[b];

	return left->length == right->length &&
	       memcmp(conversation->text.data + left->at, conversation->text.data + right->at,
		      left->length) == 0;
}

/* A small model that asks twice for the same thing, or very often, does not stop by itself. */
static bool goes_in_circles(const struct conversation *conversation)
{
	size_t message = find_message(conversation), calls = 0;

	for (size_t i = message; i < conversation->n_turns; i++) {
		if (conversation->turns[i].kind != TURN_CALL)
			continue;
		calls++;
		for (size_t j = message; j < i; j++)
			if (conversation->turns[j].kind == TURN_CALL &&
			    same_text(conversation, i, j))
				return true;
	}
	return calls >= CALLS_PER_MESSAGE_MAX;
}

static bool holds_word(const struct conversation *conversation, const char *const *words)
{
	size_t at = find_message(conversation);
	const struct turn *turn = &conversation->turns[at];

	for (size_t i = 0; at < conversation->n_turns && words[i]; i++)
		if (memmem(conversation->text.data + turn->at, turn->length, words[i],
			   strlen(words[i])))
			return true;
	return false;
}

static uint32_t offered_tools(const struct conversation *conversation, unsigned flags)
{
	uint32_t offered = conversation->known;

	if ((flags & PROMPT_NO_TOOLS) || goes_in_circles(conversation))
		return 0;
	for (size_t i = 0; i < conversation->set->n_tools; i++) {
		const char *const *needs = conversation->set->tools[i].needs;

		if (needs[0] && !holds_word(conversation, needs))
			offered &= ~(UINT32_C(1) << i);
	}
	return offered;
}

static int write_turns(struct conversation *conversation, struct buf *out)
{
	size_t skip = skip_after(conversation);
	int r = 0;

	for (size_t i = 0; i < conversation->n_turns && r >= 0; i++)
		if (i == 0 || i >= skip)
			r = buf_add(out, conversation->text.data + conversation->turns[i].at,
				    conversation->turns[i].length);
	return r < 0 ? r : buf_add_char(out, LOCAL_MARK_ASSISTANT);
}

static int hand_out(struct conversation *conversation, const struct buf *out, struct error *err)
{
	int fd = dir_sealed_memfd("prompt", out->data, out->length);

	if (fd < 0)
		return FAIL(err, fd, "the prompt cannot be handed over: %s", strerror(-fd));
	close_fd(&conversation->fd);
	conversation->fd = fd;
	return 0;
}

static int prompt(struct conversation *conversation, unsigned flags, struct prompt *ret,
		  struct error *err)
{
	auto_buf struct buf out =
		BUF(conversation->prefix.length + conversation->text.max + GRAMMAR_BYTES_MAX);
	struct prompt made = { .prefix_length = conversation->prefix.length,
			       .max_tokens = LOCAL_ANSWER_TOKENS_MAX };
	int r;

	r = buf_add(&out, conversation->prefix.data, conversation->prefix.length);
	if (r >= 0)
		r = write_turns(conversation, &out);
	if (r < 0)
		return explain(r, err);
	made.length = made.grammar_offset = out.length;
	sha256_of(out.data, out.length, made.hash);
	r = local_grammar_add(conversation->set, offered_tools(conversation, flags), &out, err);
	if (r < 0)
		return r;
	made.grammar_length = out.length - made.grammar_offset;
	r = hand_out(conversation, &out, err);
	if (r < 0)
		return r;
	made.fd = conversation->fd;
	*ret = made;
	return 0;
}

static int prefix(struct conversation *conversation, struct prompt *ret, struct error *err)
{
	struct prompt made = { .length = conversation->prefix.length,
			       .prefix_length = conversation->prefix.length };
	int r = hand_out(conversation, &conversation->prefix, err);

	if (r < 0)
		return r;
	sha256_of(conversation->prefix.data, conversation->prefix.length, made.hash);
	made.fd = conversation->fd;
	*ret = made;
	return 0;
}

const struct model_format model_format_local = {
	.name = "local",
	.open = open_conversation,
	.close = close_conversation,
	.add_user = add_user,
	.add_assistant = add_assistant,
	.add_result = add_tool_result,
	.add_note = add_note,
	.add_end = add_note, /* as an answer it would be copied: small models repeat their own */
	.prompt = prompt,
	.prefix = prefix,
	.result_bytes_max = LOCAL_RESULT_BYTES_MAX,
	.reader_open = local_reader_open,
	.reader_close = local_reader_close,
	.feed = local_reader_feed,
	.finish = local_reader_finish,
};
