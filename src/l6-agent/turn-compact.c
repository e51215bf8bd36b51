/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * Compaction: the older turns of a conversation are summarised by the model, put into the memory
 * word for word, and stand in the conversation as their summary from the compacted record on. Until
 * that record is durable nothing is in force; what is cut off before it is done again.
 */
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/json-text.h"
#include "l6-agent/exchange.h"
#include "l6-agent/jobs.h"
#include "l6-agent/leak-record.h"
#include "l6-agent/memory-tools.h"
#include "l6-agent/peer.h"
#include "l6-agent/recall-cache.h"
#include "l6-agent/recall.h"
#include "l6-agent/summary-task.h"
#include "l6-agent/threads-path.h"
#include "l6-agent/transcript.h"
#include "l6-agent/turn.h"

#include <string.h>

enum {
	ATTEMPTS_MAX = 2,
	TURNS_KEPT = 2, /* the newest stay as they are, unless that is not enough */
	/* of a transcript: most of a window of a token for three bytes or so */
	WINDOW_BYTES_OF_TOKEN = 2,
	BUDGET_BYTES = 48 * 1024,      /* where the window is not known */
	BUDGET_BYTES_LOCAL = 5 * 1024, /* what claw-llmd's prompt shows of one message */
	DOCUMENT_PART_BYTES = 32 * 1024,
	SUMMARY_BYTES_MAX = 32 * 1024,
	WORDS_BYTES = 64,
};

struct compaction {
	struct turn *turn;
	const char *why;
	uint64_t from, until;
	uint64_t *turns; /* that were not summarised before */
	size_t n, written;
	struct buf before; /* the summary so far */
	struct conversation *conversation;
	struct prompt prompt;
	char *summary;
	uint64_t prompt_tokens, answer_tokens, duration_us, nanodollars;
	struct leak_exchange leaks;
	struct memory_call memory;
	struct peer_call *write;
};

static struct blob_store *blobs(const struct turn *turn)
{
	return journal_blobs(turn->agent->journal);
}

static void free_compaction(struct compaction *compaction)
{
	if (!compaction)
		return;
	peer_call_cancel(compaction->write);
	memory_call_free(&compaction->memory);
	if (compaction->conversation)
		agent_format(turn_provider(compaction->turn))->close(compaction->conversation);
	buf_free(&compaction->before);
	free(compaction->turns);
	free(compaction->summary);
	free(compaction);
}

void turn_compact_stop(struct turn *turn)
{
	free_compaction(TAKE_PTR(turn->compaction));
}

static const char *why_of(const struct turn *turn)
{
	if (turn->is_compact)
		return "asked";
	return turn->progress.is_too_long ? "too long" : "window";
}

/* The turns in front of this one that no summary stands for, but for those that are kept. */
static int choose(const struct turn *turn, struct compaction *ret, struct error *err)
{
	const struct threads *threads = turn->agent->threads;
	const struct recall_path path = { threads, turn->id, 0 };
	struct recall_compaction so_far;
	int r = recall_compaction(turn->agent->journal, &path, &so_far, err);

	ret->before = so_far.summary;
	if (r < 0)
		return r;
	r = threads_path(threads, turns_at(threads, turn->id)->before, so_far.until, &ret->turns,
			 &ret->n);
	if (r < 0)
		return FAIL(err, r, "out of memory");
	ret->why = why_of(turn);
	if (strcmp(ret->why, "window") == 0 && ret->n > TURNS_KEPT)
		ret->n -= TURNS_KEPT;
	if (ret->n > 0) {
		ret->from = so_far.until > 0 ? so_far.from : ret->turns[0];
		ret->until = ret->turns[ret->n - 1];
	}
	return 0;
}

static uint64_t window_of(const struct turn *turn)
{
	const struct agentd_config *config = turn->agent->config;

	if (config->window > 0)
		return config->window;
	/* claw-llmd is shown what fits (spec/local-model.md) */
	return provider_is_local(turn_provider(turn)) ? 0
						      : provider_row(turn_provider(turn))->window;
}

bool turn_can_compact(const struct turn *turn)
{
	struct compaction range = { 0 };
	struct error err = { 0 };
	bool can =
		!turn->progress.is_uncompactable && choose(turn, &range, &err) >= 0 && range.n > 0;

	free(range.turns);
	buf_free(&range.before);
	return can;
}

bool turn_needs_compaction(const struct turn *turn)
{
	uint64_t window = window_of(turn);

	if (turn->progress.is_too_long)
		return true;
	return window > 0 &&
	       recall_tokens(turn->thread->recall) >=
		       window * turn->agent->config->compact_percent / 100 &&
	       turn_can_compact(turn);
}

/* Nothing has changed but what is known: the turn goes on without, or ends. */
static void fail(struct turn *turn, const char *reason)
{
	struct compaction *compaction = TAKE_PTR(turn->compaction);
	struct payload payload;
	int r;

	payload_begin(&payload, blobs(turn));
	payload_flag(&payload, "ok", false);
	payload_text(&payload, "reason", reason, strlen(reason));
	r = turn_record(turn, JOURNAL_COMPACTED, JOURNAL_AGENT, &payload, NULL, NULL);
	free_compaction(compaction);
	if (r >= 0)
		turn_advance(turn);
}

/* What is summarised from now on is read by its summary. */
static void on_in_force(const struct journal_record *record, void *data)
{
	struct turn *turn = data;

	(void)record;
	recall_free(turn->thread->recall);
	turn->thread->recall = NULL;
	turn_compact_stop(turn);
	turn_advance(turn);
}

static void record_done(struct compaction *compaction)
{
	struct turn *turn = compaction->turn;
	struct label_set labels = { 0 };
	struct payload payload;

	label_set_add_text(&labels, turn->thread->labels);
	payload_begin(&payload, blobs(turn));
	payload_flag(&payload, "ok", true);
	payload_number(&payload, "from", compaction->from);
	payload_number(&payload, "until", compaction->until);
	payload_text(&payload, "summary", compaction->summary, strlen(compaction->summary));
	payload_labels(&payload, "labels", &labels);
	payload_number(&payload, "promptTokens", compaction->prompt_tokens);
	payload_number(&payload, "answerTokens", compaction->answer_tokens);
	payload_number(&payload, "durationUsec", compaction->duration_us);
	if (compaction->nanodollars > 0)
		payload_number(&payload, "nanodollars", compaction->nanodollars);
	leak_record_exchange(&payload, &compaction->leaks);
	(void)turn_record(turn, JOURNAL_COMPACTED, JOURNAL_MODEL, &payload, on_in_force,
			  turn); /* a failure has been dealt with */
}

static void write_next(struct compaction *compaction);

static void on_written(struct peer_call *call, const char *error_id, sd_json_variant *reply,
		       bool is_final, void *data)
{
	struct compaction *compaction = data;
	char reason[ERROR_TEXT_BYTES];

	(void)call;
	(void)is_final;
	compaction->write = NULL;
	if (error_id) {
		(void)snprintf(reason, sizeof(reason), "the memory does not take the turns: %s",
			       peer_error_reason(error_id, reply)); /* a long reason may be cut */
		fail(compaction->turn, reason);
		return;
	}
	compaction->written++;
	write_next(compaction);
}

/* A document of the memory with the turn's words; made again it is the same one. */
static int make_document(struct compaction *compaction, uint64_t turn, struct error *err)
{
	struct agent *agent = compaction->turn->agent;
	const struct transcript_source source = { agent->journal, agent->threads,
						  DOCUMENT_PART_BYTES };
	auto_buf struct buf content = BUF(SUMMARY_TASK_BYTES_MAX);
	auto_buf struct buf arguments = BUF(2 * SUMMARY_TASK_BYTES_MAX);
	char author[WORDS_BYTES];
	struct label_set labels = { 0 };
	const struct memory_intent intent = { .author = author, .labels = &labels };
	int r = transcript_add(&source, turn, &content, err);

	if (r < 0 || content.length == 0)
		return r;
	label_set_add_text(&labels, compaction->turn->thread->labels);
	(void)snprintf(author, sizeof(author), "tool:turn-%llu", (unsigned long long)turn);
	r = buf_printf(&arguments,
		       "{\"target\":\"conversations/turn-%llu.md\",\"append\":false,\"content\":",
		       (unsigned long long)turn);
	if (r >= 0)
		r = json_text_string(&arguments, buf_string(&content));
	if (r >= 0)
		r = buf_add_char(&arguments, '}');
	if (r < 0)
		return FAIL(err, r, "turn %llu is too long for the memory",
			    (unsigned long long)turn);
	memory_call_free(&compaction->memory);
	r = memory_call_make("memory_write", buf_string(&arguments), &intent, &compaction->memory,
			     err);
	return r < 0 ? r : 1;
}

static int write_document(struct compaction *compaction, struct error *err)
{
	struct peer_call_options call = {
		.method = compaction->memory.method,
		.parameters = compaction->memory.parameters,
		.fds = { compaction->memory.content_fd },
		.n_fds = compaction->memory.content_fd >= 0 ? 1 : 0,
		.priority = compaction->turn->priority,
		.repeatable = true,
		.timeout_us = PEER_FS_ANSWER_S * CLOCK_SECOND_US,
		.on_reply = on_written,
		.data = compaction,
	};

	return peer_call_start(compaction->turn->agent->fs, &call, &compaction->write, err);
}

static void write_next(struct compaction *compaction)
{
	struct error err = { 0 };
	int r = 0;

	while (r == 0 && compaction->written < compaction->n) {
		r = make_document(compaction, compaction->turns[compaction->written], &err);
		compaction->written += r == 0; /* there is nothing to write of it */
	}
	if (r > 0)
		r = write_document(compaction, &err);
	if (r < 0)
		fail(compaction->turn, err.text);
	else if (compaction->written == compaction->n)
		record_done(compaction);
}

static void on_summary(struct exchange_result *result, void *data)
{
	struct turn *turn = data;
	struct compaction *compaction = turn->compaction;
	const char *text = result->answer.text;

	turn->exchange = NULL;
	turn_release_exchange(turn);
	if (result->code == -ECONNRESET && turn->progress.compact_attempts < ATTEMPTS_MAX) {
		turn_compact_stop(turn);
		turn_advance(turn);
		return;
	}
	if (result->code < 0) {
		fail(turn, result->err.text);
		return;
	}
	if (!text || text[strspn(text, " \t\r\n")] == '\0' || strlen(text) > SUMMARY_BYTES_MAX) {
		fail(turn, "the model gave no summary");
		return;
	}
	compaction->summary = strdup(text);
	compaction->prompt_tokens = result->answer.prompt_tokens;
	compaction->answer_tokens = result->answer.answer_tokens;
	compaction->duration_us = result->figures.total_us;
	compaction->nanodollars = result->figures.nanodollars;
	compaction->leaks = result->leaks;
	if (!compaction->summary)
		fail(turn, "out of memory");
	else
		write_next(compaction);
}

static void on_intent_durable(const struct journal_record *record, void *data)
{
	struct turn *turn = data;
	struct agent *agent = turn->agent;
	const struct provider_config *asked = turn_provider(turn);
	bool is_local = provider_is_local(asked);
	struct exchange_options options = {
		.event = agent->event,
		.peer = is_local ? agent->llm : agent->egress,
		.is_local = is_local,
		.format = agent_format(asked),
		.flags = PROMPT_NO_TOOLS,
		.stream = asked->stream,
		.provider = turn->provider > 0 ? provider_row(asked)->name : NULL,
		.intent = record->sequence,
		.priority = turn->priority,
		.record = turn->record,
		.replay = turn->replay,
		.on_done = on_summary,
		.data = turn,
	};
	const struct thread *payer;
	struct error err = { 0 };

	if (turn->is_ending || !turn->compaction)
		return;
	jobs_account(turn, &payer, &options.turn);
	options.thread = payer->name;
	turn_say_status(turn, "older turns are summarised");
	options.conversation = turn->compaction->conversation;
	options.prompt = &turn->compaction->prompt;
	if (exchange_start(&options, &turn->exchange, &err) < 0)
		fail(turn, err.text);
}

static size_t budget(const struct turn *turn)
{
	uint64_t window = window_of(turn);

	if (provider_is_local(turn_provider(turn)))
		return BUDGET_BYTES_LOCAL;
	window = window * WINDOW_BYTES_OF_TOKEN;
	return window > 0 && window < SUMMARY_TASK_BYTES_MAX / 2 ? (size_t)window : BUDGET_BYTES;
}

static int make_prompt(struct compaction *compaction, struct error *err)
{
	struct turn *turn = compaction->turn;
	const struct model_format *format = agent_format(turn_provider(turn));
	const struct summary_task task = {
		.journal = turn->agent->journal,
		.threads = turn->agent->threads,
		.turns = compaction->turns,
		.n = compaction->n,
		.before = buf_string(&compaction->before),
		.budget = budget(turn),
	};
	auto_buf struct buf text = BUF(SUMMARY_TASK_BYTES_MAX);
	struct recall_options options;
	int r = summary_task_write(&task, &text, err);

	if (r < 0)
		return r;
	recall_cache_options(turn->agent, turn->thread, turn->provider, &options);
	options.conversation.instructions = summary_rules;
	options.conversation.tools = NULL;
	options.conversation.n_tools = 0;
	r = format->open(&options.conversation, &compaction->conversation, err);
	if (r >= 0)
		r = format->add_user(compaction->conversation, buf_string(&text), NULL, err);
	if (r >= 0)
		r = format->prompt(compaction->conversation, PROMPT_NO_TOOLS, &compaction->prompt,
				   err);
	return r;
}

/* The place among the model calls is there: the intent, and when it is durable the call. */
static void begin(void *data)
{
	struct turn *turn = data;
	struct compaction *compaction = turn->compaction;
	struct error err = { 0 };
	char hex[SHA256_HEX_BYTES];
	struct payload payload;

	if (turn->agent->is_stopping)
		return;
	if (make_prompt(compaction, &err) < 0) {
		turn_release_exchange(turn);
		fail(turn, err.text);
		return;
	}
	sha256_hex(compaction->prompt.hash, hex);
	payload_begin(&payload, blobs(turn));
	payload_string(&payload, "why", compaction->why);
	payload_number(&payload, "from", compaction->from);
	payload_number(&payload, "until", compaction->until);
	payload_number(&payload, "attempt", turn->progress.compact_attempts + 1);
	payload_string(&payload, "model",
		       turn->provider > 0 ? provider_model(turn_provider(turn))
					  : agent_model(turn->agent));
	payload_string(&payload, "format", agent_format(turn_provider(turn))->name);
	payload_number(&payload, "promptBytes", compaction->prompt.length);
	payload_string(&payload, "promptHash", hex);
	(void)turn_record(turn, JOURNAL_COMPACT_STARTED, JOURNAL_AGENT, &payload, on_intent_durable,
			  turn); /* a failure has been dealt with */
}

static const char *nothing_to_do(const struct turn *turn)
{
	return turn->progress.is_too_long ? "the conversation is too long for the model, and there "
					    "are no older turns to summarise"
					  : "there are no older turns to summarise";
}

void turn_compact(struct turn *turn)
{
	struct compaction *compaction;
	struct error err = { 0 };
	int r;

	if (turn->compaction || turn->exchange || turn->place.gate)
		return;
	if (turn->wants_replay && !turn->replay) {
		turn_end(turn, "failed", "the recording this turn played from is gone (restart)");
		return;
	}
	if (turn->progress.compact_attempts >= ATTEMPTS_MAX) {
		fail(turn, "the summary was cut off twice; it is not asked for a third time");
		return;
	}
	compaction = calloc(1, sizeof(*compaction));
	if (!compaction) {
		turn_end(turn, "failed", "out of memory");
		return;
	}
	compaction->turn = turn;
	compaction->memory.content_fd = -1;
	turn->compaction = compaction;
	r = choose(turn, compaction, &err);
	if (r < 0 || compaction->n == 0) {
		fail(turn, r < 0 ? err.text : nothing_to_do(turn));
		return;
	}
	if (gate_enter(turn->agent->exchange_gate, &turn->place, turn->priority, begin, turn))
		begin(turn);
	else
		turn_say_status(turn, "waits for other turns' model calls (agent.exchanges_max)");
}
