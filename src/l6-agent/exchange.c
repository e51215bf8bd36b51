/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l6-agent/exchange.h"

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "l6-agent/exchange-error.h"
#include "l6-agent/field.h"
#include "l6-agent/peer.h"
#include "l6-agent/tape.h"

#include <assert.h>
#include <limits.h>
#include <string.h>
#include <sys/mman.h>

enum {
	READ_BYTES = 64 * 1024,
	READS_AT_ONCE = 8, /* then it is the turn of whatever else has come */
	RECORD_BYTES_MAX = 32 * 1024 * 1024,
};

struct exchange {
	struct exchange_options options;
	struct peer_call *call;
	int pipe_fd;
	sd_event_source *readable, *playing;
	struct answer_reader *reader;
	struct answer_sink sink;            /* the reader keeps a pointer to it */
	struct leak_stream text, reasoning; /* on their way to whoever watches */
	struct buf raw;                     /* what came, when it is recorded */
	struct prompt prompt;
	int prompt_fd; /* own copy, when it is recorded */
	char *content_type;
	uint64_t started_us;
	uint64_t wait_ms; /* what the provider says to wait */
	bool is_final, ended, has_answer;
	struct exchange_result result;
};

static void free_exchange(struct exchange *exchange)
{
	sd_event_source_disable_unref(exchange->readable);
	sd_event_source_disable_unref(exchange->playing);
	peer_call_cancel(exchange->call);
	if (exchange->reader)
		exchange->options.format->reader_close(exchange->reader);
	close_fd(&exchange->pipe_fd);
	close_fd(&exchange->prompt_fd);
	buf_free(&exchange->raw);
	free(exchange->content_type);
	free(exchange->result.warning);
	answer_free(&exchange->result.answer);
	leak_stream_free(&exchange->text);
	leak_stream_free(&exchange->reasoning);
	free(exchange);
}

static uint64_t elapsed(const struct exchange *exchange)
{
	return clock_monotonic_us() - exchange->started_us;
}

static void fail(struct exchange *exchange, int code)
{
	if (exchange->result.code == 0)
		exchange->result.code = code;
}

static void write_tape(struct exchange *exchange)
{
	struct tape_exchange line = {
		.format = exchange->options.format->name,
		.status = exchange->result.figures.status,
		.content_type = exchange->content_type,
		.response = buf_string(&exchange->raw),
		.response_length = exchange->raw.length,
	};
	int r = tape_write(exchange->options.record, &exchange->prompt, &line,
			   &exchange->result.err);

	if (r < 0)
		fail(exchange, r);
}

/* To whoever watches, without secrets. text NULL: no more comes. */
static void show_text(struct exchange *exchange, const char *text, size_t length)
{
	const struct answer_sink *sink = &exchange->options.sink;

	if (sink->on_text &&
	    leak_pass(&exchange->text, text, length, sink->on_text, sink->data) < 0)
		fail(exchange, FAIL(&exchange->result.err, -ENOMEM, "out of memory"));
}

static void show_reasoning(struct exchange *exchange, const char *text, size_t length)
{
	const struct answer_sink *sink = &exchange->options.sink;

	if (sink->on_reasoning &&
	    leak_pass(&exchange->reasoning, text, length, sink->on_reasoning, sink->data) < 0)
		fail(exchange, FAIL(&exchange->result.err, -ENOMEM, "out of memory"));
}

static void clean_answer(struct exchange *exchange)
{
	struct exchange_result *result = &exchange->result;
	int r;

	show_reasoning(exchange, NULL, 0);
	show_text(exchange, NULL, 0);
	r = leak_clean_answer(&result->answer, &result->leaks);
	if (r < 0)
		fail(exchange, FAIL(&result->err, r,
				    "the answer cannot be searched for secrets: %s", strerror(-r)));
}

/* Gives the result out, once, and ends the exchange. */
static void finish(struct exchange *exchange)
{
	struct exchange_result *result = &exchange->result;

	if (exchange->ended)
		return;
	exchange->ended = true;
	if (result->code == 0 && !exchange->reader)
		result->code = FAIL(&result->err, -EPROTO, "the model's answer has no head");
	if (result->code == 0 && !exchange->has_answer)
		result->code = exchange->options.format->finish(exchange->reader, &result->answer,
								&result->err);
	if (result->code == -EREMOTEIO)
		exchange_error_add_wait(&result->err, exchange->wait_ms);
	if (result->code == 0 && exchange->options.is_local) {
		result->answer.prompt_tokens = result->figures.prompt_tokens;
		result->answer.cached_tokens = result->figures.cached_tokens;
		result->answer.answer_tokens = result->figures.answer_tokens;
	}
	clean_answer(exchange);
	result->figures.total_us = elapsed(exchange);
	if (exchange->options.record && exchange->reader)
		write_tape(exchange);
	exchange->options.on_done(result, exchange->options.data);
	free_exchange(exchange);
}

static void on_text(const char *text, size_t length, void *data)
{
	struct exchange *exchange = data;

	if (exchange->result.figures.first_text_us == 0)
		exchange->result.figures.first_text_us = elapsed(exchange);
	show_text(exchange, text, length);
}

static void on_reasoning(const char *text, size_t length, void *data)
{
	show_reasoning(data, text, length);
}

static int open_reader(struct exchange *exchange, int status, const char *content_type)
{
	exchange->sink = (struct answer_sink){ .on_text = on_text,
					       .on_reasoning = on_reasoning,
					       .data = exchange };
	exchange->result.figures.status = status;
	exchange->result.figures.head_us = elapsed(exchange);
	if (content_type && exchange->options.record)
		exchange->content_type = strdup(content_type);
	return exchange->options.format->reader_open(
		exchange->options.conversation, exchange->options.flags, status, content_type,
		&exchange->sink, &exchange->reader, &exchange->result.err);
}

static int feed(struct exchange *exchange, const char *bytes, size_t length)
{
	int r = 0;

	exchange->result.figures.bytes_in += length;
	if (exchange->options.record)
		r = buf_add(&exchange->raw, bytes, length);
	if (r < 0)
		return FAIL(&exchange->result.err, r, "the answer is too long to record");
	return exchange->options.format->feed(exchange->reader, bytes, length,
					      &exchange->result.err);
}

/* Reads what the pipe holds, in n_reads at most. 1: more may come, 0: it has ended. */
static int drain(struct exchange *exchange, unsigned n_reads)
{
	char bytes[READ_BYTES];

	while (n_reads-- > 0) {
		ssize_t n = read(exchange->pipe_fd, bytes, sizeof(bytes));
		int r;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return 1;
		if (n < 0)
			return FAIL(&exchange->result.err, -errno, "the answer cannot be read: %s",
				    strerror(errno));
		if (n == 0)
			return 0;
		r = feed(exchange, bytes, (size_t)n);
		if (r < 0)
			return r;
	}
	return 1;
}

static int on_readable(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct exchange *exchange = userdata;
	int r = drain(exchange, READS_AT_ONCE);

	(void)fd;
	(void)events;
	if (r == 1)
		return 0;
	(void)sd_event_source_set_enabled(source, SD_EVENT_OFF);
	if (r < 0) {
		fail(exchange, r);
		finish(exchange);
		return 0;
	}
	close_fd(&exchange->pipe_fd);
	exchange->pipe_fd = -1;
	if (exchange->is_final)
		finish(exchange);
	return 0;
}

static void take_figures(struct exchange *exchange, sd_json_variant *reply)
{
	struct exchange_figures *figures = &exchange->result.figures;

	figures->attempts = (uint64_t)field_number(reply, "attempts", 0);
	figures->connect_us = (uint64_t)field_number(reply, "connectUsec", 0);
	figures->load_us = (uint64_t)field_number(reply, "loadUsec", 0);
	figures->nanodollars = (uint64_t)field_number(reply, "nanodollars", 0);
	figures->bytes_out = (uint64_t)field_number(reply, "bytesOut", 0);
	figures->prompt_tokens = (uint64_t)field_number(reply, "promptTokens", 0);
	figures->cached_tokens = (uint64_t)field_number(reply, "cachedTokens", 0);
	figures->answer_tokens = (uint64_t)field_number(reply, "answerTokens", 0);
}

static void take_warning(struct exchange *exchange, sd_json_variant *reply)
{
	const char *warning = field_text(reply, "warning", NULL);

	free(exchange->result.warning);
	exchange->result.warning = warning ? strdup(warning) : NULL;
}

static void on_head(struct exchange *exchange, sd_json_variant *reply)
{
	int status = exchange->options.is_local ? 200 : (int)field_number(reply, "status", 0);
	int r;

	if (exchange->reader) /* one head, one answer */
		return;
	exchange->wait_ms = (uint64_t)field_number(reply, "retryAfterMsec", 0);
	r = open_reader(exchange, status, field_text(reply, "contentType", NULL));
	if (r < 0)
		fail(exchange, r);
	else
		(void)sd_event_source_set_enabled(exchange->readable, SD_EVENT_ON);
}

/* What the local model says before its head. True when this was it. */
static bool take_progress(struct exchange *exchange, sd_json_variant *reply)
{
	const char *event = field_text(reply, "event", NULL);
	const struct exchange_progress progress = {
		.event = event,
		.read_tokens = (uint64_t)field_number(reply, "readTokens", 0),
		.prompt_tokens = (uint64_t)field_number(reply, "promptTokens", 0),
		.left_us = (uint64_t)field_number(reply, "leftUsec", 0),
	};

	if (!exchange->options.is_local || !event)
		return false;
	if (exchange->options.on_progress)
		exchange->options.on_progress(&progress, exchange->options.data);
	return strcmp(event, "head") != 0;
}

/*
 * Some servers break the connection behind a whole answer. Whether it is whole says the answer's
 * own end mark, not the connection.
 */
static bool came_whole(struct exchange *exchange, const char *error_id)
{
	if (strcmp(exchange_error_name(error_id), "ProviderFailed") != 0 || !exchange->reader ||
	    exchange->result.code < 0)
		return false;
	if (exchange->pipe_fd >= 0 && drain(exchange, UINT_MAX) < 0)
		return false;
	exchange->has_answer = exchange->options.format->finish(
				       exchange->reader, &exchange->result.answer, NULL) >= 0;
	return exchange->has_answer;
}

static void on_reply(struct peer_call *call, const char *error_id, sd_json_variant *reply,
		     bool is_final, void *data)
{
	struct exchange *exchange = data;
	int r;

	(void)call;
	if (is_final)
		exchange->call = NULL;
	exchange->is_final = is_final;
	if (error_id && came_whole(exchange, error_id)) {
		finish(exchange);
		return;
	}
	if (error_id) {
		exchange->result.name = exchange_error_name(error_id);
		fail(exchange, exchange_error_explain(error_id, reply, &exchange->result.err));
		finish(exchange);
		return;
	}
	if (!is_final && take_progress(exchange, reply))
		return;
	take_figures(exchange, reply);
	leak_add_list(&exchange->result.leaks.prompt, sd_json_variant_by_key(reply, "secrets"));
	take_warning(exchange, reply);
	if (!is_final)
		on_head(exchange, reply);
	if (exchange->result.code < 0) {
		finish(exchange);
		return;
	}
	if (!is_final || !exchange->reader || exchange->pipe_fd < 0) {
		if (is_final)
			finish(exchange);
		return;
	}
	r = drain(exchange, UINT_MAX); /* the pipe was closed before this reply was sent */
	if (r < 0)
		fail(exchange, r);
	finish(exchange);
}

static int make_pipe(struct exchange *exchange, int *ret_write_fd)
{
	int fds[2];
	int r;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	exchange->pipe_fd = fds[0];
	*ret_write_fd = fds[1];
	if (fcntl(fds[0], F_SETFL, O_NONBLOCK) < 0)
		return -errno;
	r = sd_event_add_io(exchange->options.event, &exchange->readable, fds[0], EPOLLIN,
			    on_readable, exchange);
	return r < 0 ? r : sd_event_source_set_enabled(exchange->readable, SD_EVENT_OFF);
}

static int build_parameters(const struct exchange *exchange, sd_json_variant **ret)
{
	const struct prompt *prompt = exchange->options.prompt;

	if (exchange->options.is_local)
		return sd_json_buildo(
			ret, SD_JSON_BUILD_PAIR_UNSIGNED("offset", prompt->offset),
			SD_JSON_BUILD_PAIR_UNSIGNED("length", prompt->length),
			SD_JSON_BUILD_PAIR_UNSIGNED("prefixLength", prompt->prefix_length),
			SD_JSON_BUILD_PAIR_UNSIGNED("grammarOffset", prompt->grammar_offset),
			SD_JSON_BUILD_PAIR_UNSIGNED("grammarLength", prompt->grammar_length),
			SD_JSON_BUILD_PAIR_UNSIGNED("maxTokens", prompt->max_tokens),
			SD_JSON_BUILD_PAIR("stop", SD_JSON_BUILD_EMPTY_ARRAY),
			SD_JSON_BUILD_PAIR_STRING("priority",
						  priority_name(exchange->options.priority)),
			SD_JSON_BUILD_PAIR_UNSIGNED("intent", exchange->options.intent));
	return sd_json_buildo(
		ret, SD_JSON_BUILD_PAIR_STRING("path", exchange->options.format->path),
		SD_JSON_BUILD_PAIR_UNSIGNED("offset", prompt->offset),
		SD_JSON_BUILD_PAIR_UNSIGNED("length", prompt->length),
		SD_JSON_BUILD_PAIR_BOOLEAN("stream", exchange->options.stream),
		SD_JSON_BUILD_PAIR_UNSIGNED("intent", exchange->options.intent),
		SD_JSON_BUILD_PAIR_STRING("thread", exchange->options.thread),
		SD_JSON_BUILD_PAIR_UNSIGNED("turn", exchange->options.turn),
		SD_JSON_BUILD_PAIR_CONDITION(exchange->options.provider != NULL, "provider",
					     SD_JSON_BUILD_STRING(exchange->options.provider)));
}

static int ask(struct exchange *exchange, struct error *err)
{
	__attribute__((cleanup(sd_json_variant_unrefp))) sd_json_variant *parameters = NULL;
	auto_fd int write_fd = -1;
	int r = build_parameters(exchange, &parameters);
	struct peer_call_options call = {
		.method = exchange->options.is_local ? "io.clawos.Llm.Complete"
						     : "io.clawos.Egress.Complete",
		.n_fds = 2,
		.more = true,
		.on_reply = on_reply,
		.data = exchange,
	};

	if (r >= 0)
		r = make_pipe(exchange, &write_fd);
	if (r < 0)
		return FAIL(err, r, "a model exchange cannot be prepared: %s", strerror(-r));
	call.parameters = parameters;
	call.fds[0] = exchange->options.prompt->fd;
	call.fds[1] = write_fd;
	return peer_call_start(exchange->options.peer, &call, &exchange->call, err);
}

static int on_play(sd_event_source *source, void *userdata)
{
	struct exchange *exchange = userdata;
	struct tape_exchange line;
	int r;

	(void)source;
	r = tape_next(exchange->options.replay, &exchange->prompt, &line, &exchange->result.err);
	if (r >= 0 && strcmp(line.format, exchange->options.format->name) != 0)
		r = FAIL(&exchange->result.err, -EBADMSG,
			 "the tape holds an exchange of another form: %s", line.format);
	if (r >= 0)
		r = open_reader(exchange, line.status, line.content_type);
	if (r >= 0)
		r = feed(exchange, line.response, line.response_length);
	if (r < 0)
		fail(exchange, r);
	finish(exchange);
	return 0;
}

/* The conversation goes on under the descriptor while the answer comes in: a tape needs the bytes
 * as they are now. */
static int keep_prompt(struct exchange *exchange, struct error *err)
{
	exchange->prompt = *exchange->options.prompt;
	exchange->prompt_fd = fcntl(exchange->prompt.fd, F_DUPFD_CLOEXEC, 3);
	if (exchange->prompt_fd < 0)
		return FAIL(err, -errno, "the prompt cannot be kept: %s", strerror(errno));
	exchange->prompt.fd = exchange->prompt_fd;
	return 0;
}

int exchange_start(const struct exchange_options *options, struct exchange **ret, struct error *err)
{
	struct exchange *exchange = calloc(1, sizeof(*exchange));
	int r = 0;

	assert(options->on_done && options->prompt);
	if (!exchange)
		return FAIL(err, -ENOMEM, "out of memory");
	exchange->options = *options;
	exchange->pipe_fd = exchange->prompt_fd = -1;
	exchange->raw = BUF(RECORD_BYTES_MAX);
	exchange->text = exchange->reasoning = LEAK_STREAM;
	exchange->result.name = "";
	exchange->started_us = clock_monotonic_us();
	if (options->record || options->replay)
		r = keep_prompt(exchange, err);
	if (r >= 0 && !options->replay)
		r = ask(exchange, err);
	if (r >= 0 && options->replay)
		r = sd_event_add_defer(options->event, &exchange->playing, on_play, exchange);
	exchange->options.prompt = NULL;
	if (r < 0) {
		free_exchange(exchange);
		return r;
	}
	*ret = exchange;
	return 0;
}

void exchange_cancel(struct exchange *exchange)
{
	if (exchange)
		free_exchange(exchange);
}
