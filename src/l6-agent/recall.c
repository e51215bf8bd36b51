/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l6-agent/recall.h"

#include "base/array.h"
#include "l6-agent/attached.h"
#include "l6-agent/leak-text.h"
#include "l6-agent/payload.h"
#include "l6-agent/threads-path.h"

#include <assert.h>
#include <string.h>

enum {
	STEERS_MAX = 1 << 16,
	BYTES_OF_TOKEN = 3, /* rather too few */
	SUMMARY_INTRODUCTION_BYTES = 512
};

/* What the person said during a turn and no model call has seen yet. */
struct steer {
	uint64_t turn;
	char *text;
};

struct recall {
	const struct model_format *format;
	struct conversation *conversation;
	struct journal *journal;
	uint64_t system_id;
	unsigned provider;
	uint64_t head;      /* the turn that was begun last */
	bool is_noted;      /* the next record's note stands already */
	size_t n_added;     /* results of the last answer's calls that are in the conversation */
	bool is_unanswered; /* the person had the last word */
	uint64_t base;      /* position of the compaction in force; 0: none */
	uint64_t tokens, bytes; /* as reported with the last answer; of what was added since */
	struct steer *steers;
	size_t n_steers, steers_capacity;
};

int recall_new(const struct recall_options *options, struct journal *journal, struct recall **ret,
	       struct error *err)
{
	struct recall *recall = calloc(1, sizeof(*recall));
	int r;

	if (!recall)
		return FAIL(err, -ENOMEM, "out of memory");
	recall->format = options->format;
	recall->journal = journal;
	recall->system_id = options->system_id;
	recall->bytes =
		options->conversation.instructions ? strlen(options->conversation.instructions) : 0;
	recall->provider = options->provider;
	r = options->format->open(&options->conversation, &recall->conversation, err);
	if (r < 0) {
		free(recall);
		return r;
	}
	*ret = recall;
	return 0;
}

void recall_free(struct recall *recall)
{
	if (!recall)
		return;
	recall->format->close(recall->conversation);
	for (size_t i = 0; i < recall->n_steers; i++)
		free(recall->steers[i].text);
	free(recall->steers);
	free(recall);
}

struct conversation *recall_conversation(struct recall *recall)
{
	return recall->conversation;
}

uint64_t recall_system_id(const struct recall *recall)
{
	return recall->system_id;
}

unsigned recall_provider(const struct recall *recall)
{
	return recall->provider;
}

uint64_t recall_head(const struct recall *recall)
{
	return recall->head;
}

uint64_t recall_tokens(const struct recall *recall)
{
	return recall->tokens + recall->bytes / BYTES_OF_TOKEN;
}

/* What came with the message cannot close its own mark. */
static int add_input(struct buf *out, const char *text)
{
	static const char end[] = "</input";
	int r = buf_add_string(out, "\n\n<input>\n");

	for (const char *at; r >= 0 && (at = strcasestr(text, end)); text = at + 1) {
		r = buf_add(out, text, (size_t)(at + 1 - text));
		if (r >= 0)
			r = buf_add_char(out, '\\');
	}
	if (r >= 0)
		r = buf_add_string(out, text);
	return r < 0 ? r : buf_add_string(out, "\n</input>");
}

int recall_message(yyjson_val *accepted, struct blob_store *blobs, struct buf *out)
{
	struct buf input = BUF(PAYLOAD_TEXT_MAX);
	int r = payload_get_text(accepted, "text", blobs, out);

	if (r >= 0 && yyjson_obj_get(accepted, "context")) {
		r = payload_get_text(accepted, "context", blobs, &input);
		if (r >= 0)
			r = add_input(out, buf_string(&input));
	}
	buf_free(&input);
	return r;
}

static int read_message(struct recall *recall, uint64_t position, struct buf *message,
			struct error *err)
{
	struct buf payload = BUF(JOURNAL_PAYLOAD_MAX);
	struct journal_record record;
	yyjson_doc *doc = NULL;
	int r = journal_read(recall->journal, position, &payload, &record, err);

	if (r >= 0) {
		doc = payload_parse(record.payload, record.payload_length);
		r = recall_message(yyjson_doc_get_root(doc), journal_blobs(recall->journal),
				   message);
		if (r < 0)
			(void)FAIL(err, r, "a message cannot be read back: %s", strerror(-r));
		else
			r = attached_recall(yyjson_doc_get_root(doc),
					    journal_blobs(recall->journal), recall->format,
					    recall->conversation, message, err);
	}
	yyjson_doc_free(doc);
	buf_free(&payload);
	return r;
}

/* A direct form stands in the conversation as a call that the person had made. */
static int add_direct(struct recall *recall, const struct progress *progress, struct error *err)
{
	struct tool_call shown = progress->calls[0].call;
	struct answer answer = { .stop = ANSWER_STOP_CALLS, .n_calls = 1, .calls = &shown };
	struct leak_tally leaks = { 0 };
	int r;

	/* the tool gets what the person wrote, the model does not */
	shown.arguments = strdup(shown.arguments);
	r = shown.arguments ? leak_clean_string(&shown.arguments, &leaks) : -ENOMEM;
	if (r < 0)
		(void)FAIL(err, r, "a call cannot be searched for secrets: %s", strerror(-r));
	else
		r = recall->format->add_assistant(recall->conversation, &answer, err);
	free(shown.arguments);
	return r;
}

static int on_turn_started(struct recall *recall, const struct progress *progress,
			   yyjson_val *payload, struct error *err)
{
	struct buf message = BUF(PAYLOAD_TEXT_MAX), memory = BUF(PAYLOAD_TEXT_MAX);
	int r = read_message(recall, payload_get_number(payload, "accepted"), &message, err);

	if (r >= 0 && yyjson_obj_get(payload, "memory")) {
		r = payload_get_text(payload, "memory", journal_blobs(recall->journal), &memory);
		if (r < 0)
			(void)FAIL(err, r, "the memory of a turn cannot be read back: %s",
				   strerror(-r));
	}
	if (r >= 0)
		r = recall->format->add_user(recall->conversation, buf_string(&message),
					     memory.length ? buf_string(&memory) : NULL, err);
	if (r >= 0 && progress->is_direct)
		r = add_direct(recall, progress, err);
	recall->n_added = 0;
	recall->bytes += message.length + memory.length;
	recall->head = progress->turn;
	recall->is_unanswered = !progress->is_direct;
	buf_free(&memory);
	buf_free(&message);
	return r;
}

/* A record of the turn that runs, also before its turn-started. */
static int on_steer(struct recall *recall, const struct journal_record *record, yyjson_val *payload,
		    struct error *err)
{
	struct buf text = BUF(PAYLOAD_TEXT_MAX);
	int r = payload_get_text(payload, "text", journal_blobs(recall->journal), &text);

	if (r >= 0)
		r = ARRAY_ROOM(recall->steers, recall->n_steers, recall->steers_capacity,
			       STEERS_MAX);
	if (r < 0) {
		buf_free(&text);
		return FAIL(err, r, "what the person added cannot be read back: %s", strerror(-r));
	}
	recall->steers[recall->n_steers++] =
		(struct steer){ .turn = record->turn, .text = buf_take(&text) };
	return 0;
}

/* Several servers refuse two messages of the person in a row: between them stands a word of ours.
 */
static int add_steer(struct recall *recall, const char *text, struct error *err)
{
	int r = 0;

	if (recall->is_unanswered)
		r = recall->format->add_end(recall->conversation,
					    "The person added something before the answer.", err);
	if (r >= 0)
		r = recall->format->add_user(recall->conversation, text, NULL, err);
	recall->bytes += strlen(text);
	recall->is_unanswered = true;
	return r;
}

int recall_join_steers(struct recall *recall, uint64_t turn, struct error *err)
{
	int r = 0;

	for (size_t i = 0; i < recall->n_steers; i++) {
		if (r >= 0 && recall->steers[i].turn == turn)
			r = add_steer(recall, recall->steers[i].text, err);
		free(recall->steers[i].text);
	}
	recall->n_steers = 0;
	return r;
}

int recall_note(struct recall *recall, const char *note, struct error *err)
{
	recall->is_noted = true;
	return recall->format->add_note(recall->conversation, note, err);
}

static int on_model_started(struct recall *recall, const struct progress *progress,
			    yyjson_val *payload, struct error *err)
{
	const char *note = payload_get_string(payload, "note");
	int r = recall_join_steers(recall, progress->turn, err);

	if (r < 0)
		return r;
	if (!note || recall->is_noted) {
		recall->is_noted = false;
		return 0;
	}
	return recall->format->add_note(recall->conversation, note, err);
}

/* An answer from before the compaction tells how long the conversation was then. */
static void count_answer(struct recall *recall, const struct journal_record *record,
			 const struct answer *answer, yyjson_val *payload)
{
	uint64_t tokens = payload_get_number(payload, "promptTokens");

	recall->bytes += answer->text ? strlen(answer->text) : 0;
	for (size_t i = 0; i < answer->n_calls; i++)
		recall->bytes += strlen(answer->calls[i].arguments);
	if (tokens == 0 || record->position < recall->base)
		return;
	recall->tokens = tokens + payload_get_number(payload, "answerTokens");
	recall->bytes = 0;
}

static int on_model_done(struct recall *recall, const struct journal_record *record,
			 const struct progress *progress, yyjson_val *payload, struct error *err)
{
	struct answer answer = progress->answer;
	int r;

	if (!payload_get_flag(payload, "ok"))
		return 0;
	recall->n_added = 0;
	answer.n_calls = progress->n_calls;
	answer.stop = progress->n_calls ? ANSWER_STOP_CALLS : ANSWER_STOP_END;
	answer.calls = progress->n_calls ? calloc(progress->n_calls, sizeof(*answer.calls)) : NULL;
	if (progress->n_calls && !answer.calls)
		return FAIL(err, -ENOMEM, "out of memory");
	for (size_t i = 0; i < progress->n_calls; i++)
		answer.calls[i] = progress->calls[i].call;
	r = recall->format->add_assistant(recall->conversation, &answer, err);
	count_answer(recall, record, &answer, payload);
	recall->is_unanswered = false;
	free(answer.calls);
	return r;
}

/* Results go in in the order of the calls, whatever the order they came in. */
static int add_results(struct recall *recall, const struct progress *progress, bool all,
		       struct error *err)
{
	int r = 0;

	for (; recall->n_added < progress->n_calls && r >= 0; recall->n_added++) {
		const struct turn_call *call = &progress->calls[recall->n_added];

		recall->bytes += call->content ? strlen(call->content) : 0;
		if (call->phase == CALL_DONE)
			r = recall->format->add_result(recall->conversation, &call->call,
						       call->content, call->ok, err);
		else if (all)
			r = recall->format->add_result(recall->conversation, &call->call,
						       "interrupted before it was done", false,
						       err);
		else
			break;
	}
	return r;
}

/* However a turn ends, the conversation after it is well formed: no open call, an end. */
static int on_turn_done(struct recall *recall, const struct progress *progress, yyjson_val *payload,
			struct error *err)
{
	const char *state = payload_get_string(payload, "state");
	int r = add_results(recall, progress, true, err);

	if (r >= 0)
		r = recall_join_steers(recall, progress->turn, err);
	if (r < 0 || !state)
		return r;
	if (strcmp(state, "interrupted") == 0)
		return recall->format->add_end(recall->conversation,
					       "The person interrupted this turn.", err);
	if (progress->is_direct)
		return recall->format->add_end(recall->conversation,
					       "The person has seen the result.", err);
	if (strcmp(state, "failed") == 0)
		return recall->format->add_end(recall->conversation,
					       "This turn ended without an answer.", err);
	return 0;
}

int recall_apply(struct recall *recall, const struct progress *progress,
		 const struct journal_record *record, yyjson_val *payload, struct error *err)
{
	if (record->kind == JOURNAL_STEER)
		return on_steer(recall, record, payload, err);
	if (progress->is_compact)
		return 0; /* it speaks of the conversation and is no part of it */
	/* a turn that has ended before it began is not in the conversation */
	if (record->turn != progress->turn ||
	    (record->kind != JOURNAL_TURN_STARTED && record->turn != recall->head))
		return 0;
	switch (record->kind) {
	case JOURNAL_TURN_STARTED:
		return on_turn_started(recall, progress, payload, err);
	case JOURNAL_MODEL_STARTED:
		return on_model_started(recall, progress, payload, err);
	case JOURNAL_MODEL_DONE:
		return on_model_done(recall, record, progress, payload, err);
	case JOURNAL_TOOL_DONE:
		return add_results(recall, progress, false, err);
	case JOURNAL_TURN_DONE:
		return on_turn_done(recall, progress, payload, err);
	case JOURNAL_THREAD_NEW:
	case JOURNAL_ACCEPTED:
	case JOURNAL_TOOL_STARTED:
	case JOURNAL_QUESTION:
	case JOURNAL_DECISION:
	case JOURNAL_ANSWER:
	case JOURNAL_STEER:
	case JOURNAL_HEAD:
	case JOURNAL_COMPACT_STARTED:
	case JOURNAL_COMPACTED: /* what it changes is read back from the journal */
	case JOURNAL_KIND_END:
		break;
	}
	return 0;
}

static int apply_at(struct recall *recall, struct progress *progress, uint64_t position,
		    struct buf *payload, struct error *err)
{
	struct journal_record record;
	yyjson_doc *doc;
	int r = journal_read(recall->journal, position, payload, &record, err);

	if (r < 0)
		return r;
	doc = payload_parse(record.payload, record.payload_length);
	r = progress_apply(progress, &record, yyjson_doc_get_root(doc),
			   journal_blobs(recall->journal), err);
	if (r >= 0)
		r = recall_apply(recall, progress, &record, yyjson_doc_get_root(doc), err);
	yyjson_doc_free(doc);
	return r;
}

static int read_turn(struct recall *recall, struct progress *progress, uint64_t turn,
		     uint64_t last_position, struct buf *payload, struct error *err)
{
	uint64_t *positions = NULL;
	size_t n = 0;
	int r = recall_positions(recall->journal, last_position, turn, &positions, &n, err);

	for (size_t i = 0; i < n && r >= 0; i++)
		r = apply_at(recall, progress, positions[i], payload, err);
	free(positions);
	return r;
}

/* In front of the turns that are left, as data, with the numbers of those it stands for. */
static int add_summary(struct recall *recall, const struct recall_compaction *compaction,
		       struct error *err)
{
	struct buf text = BUF(SUMMARY_INTRODUCTION_BYTES);
	int r = buf_printf(&text,
			   "(Turns %llu to %llu of this conversation are summarised above. "
			   "memory_search finds their words, in conversations/turn-<number>.md.)",
			   (unsigned long long)compaction->from,
			   (unsigned long long)compaction->until);

	if (r >= 0)
		r = recall->format->add_user(recall->conversation, buf_string(&text),
					     buf_string(&compaction->summary), err);
	if (r >= 0)
		r = recall->format->add_end(recall->conversation, "The summary has been read.",
					    err);
	recall->base = compaction->position;
	recall->bytes += compaction->summary.length;
	buf_free(&text);
	return r;
}

static int read_path(struct recall *recall, struct progress *progress,
		     const struct recall_path *path, struct error *err)
{
	struct buf payload = BUF(JOURNAL_PAYLOAD_MAX);
	struct recall_compaction compaction;
	uint64_t *turns = NULL;
	size_t n = 0;
	int r = recall_compaction(recall->journal, path, &compaction, err);

	if (r >= 0 && compaction.until > 0)
		r = add_summary(recall, &compaction, err);
	buf_free(&compaction.summary);
	if (r >= 0) {
		r = threads_path(path->threads, path->turn, compaction.until, &turns, &n);
		if (r < 0)
			(void)FAIL(err, r, "out of memory");
	}
	for (size_t i = 0; i < n && r >= 0; i++) {
		uint64_t last = turns_at(path->threads, turns[i])->last_position;

		if (turns[i] == path->turn && path->position > 0)
			last = path->position;
		r = read_turn(recall, progress, turns[i], last, &payload, err);
	}
	free(turns);
	buf_free(&payload);
	return r;
}

int recall_read(const struct recall_options *options, struct journal *journal,
		const struct recall_path *path, struct progress *progress, struct recall **ret,
		struct error *err)
{
	struct recall *recall = NULL;
	int r = recall_new(options, journal, &recall, err);

	if (r < 0)
		return r;
	assert(recall);
	r = read_path(recall, progress, path, err);
	if (r < 0) {
		recall_free(recall);
		return r;
	}
	*ret = recall;
	return 0;
}
