/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l6-agent/llm-call.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "l6-agent/llm-state.h"

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PROGRESS_EVERY_US (500 * CLOCK_MSEC_US)
#define PROMPT_LIMIT "llm.prompt_bytes"
#define GRAMMAR_LIMIT "llm.grammar_bytes"

/* The parameters as they come; -1 or NULL: not given. */
struct parameters {
	int64_t offset, length, prefix_length, grammar_offset, grammar_length, max_tokens, intent;
	sd_json_variant *stop;
	const char *priority;
};

static int parse(sd_varlink *link, sd_json_variant *object, bool is_prepare, struct parameters *ret)
{
#define INT_FIELD(name_, member_) \
	{ name_, SD_JSON_VARIANT_INTEGER, sd_json_dispatch_int64, \
	  offsetof(struct parameters, member_), SD_JSON_MANDATORY }
	static const sd_json_dispatch_field complete[] = {
		INT_FIELD("offset", offset),
		INT_FIELD("length", length),
		INT_FIELD("prefixLength", prefix_length),
		INT_FIELD("grammarOffset", grammar_offset),
		INT_FIELD("grammarLength", grammar_length),
		INT_FIELD("maxTokens", max_tokens),
		{ "stop", SD_JSON_VARIANT_ARRAY, sd_json_dispatch_variant_noref,
		  offsetof(struct parameters, stop), SD_JSON_MANDATORY },
		INT_FIELD("intent", intent),
		{ "priority", SD_JSON_VARIANT_STRING, sd_json_dispatch_const_string,
		  offsetof(struct parameters, priority), SD_JSON_NULLABLE },
		{},
	};
	static const sd_json_dispatch_field prepare[] = {
		INT_FIELD("offset", offset),
		INT_FIELD("length", length),
		{},
	};
#undef INT_FIELD

	return sd_varlink_dispatch(link, object, is_prepare ? prepare : complete, ret);
}

/* Copies a range of the peer's memfd. limit: the key of its largest length. */
static int copy_range(int fd, int64_t offset, int64_t length, const char *limit, struct buf *ret,
		      struct error *err)
{
	char *to;
	int r;

	if (offset < 0 || length < 0 || offset > INT64_MAX - length)
		return FAIL(err, -EINVAL, "a range of %lld bytes at %lld", (long long)length,
			    (long long)offset);
	if ((uint64_t)length >= ret->max)
		return FAIL(err, -EDQUOT, "%s", limit);
	r = buf_reserve(ret, (size_t)length + 1, &to);
	if (r < 0)
		return FAIL(err, -ENOMEM, "out of memory");
	for (int64_t done = 0; done < length;) {
		ssize_t n = pread(fd, to + done, (size_t)(length - done), offset + done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return FAIL(err, -EINVAL, "the range ends after the descriptor does");
		done += n;
	}
	buf_commit(ret, (size_t)length);
	return 0;
}

static int copy_bodies(struct llm_call *call, const struct parameters *in, struct error *err)
{
	int fd = sd_varlink_peek_fd(call->link, 0);
	struct stat st;
	int r;

	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return FAIL(err, -EINVAL, "descriptor 0 has to be a memfd with the prompt");
	r = copy_range(fd, in->offset, in->length, PROMPT_LIMIT, &call->prompt, err);
	if (r >= 0)
		r = copy_range(fd, in->grammar_offset, in->grammar_length, GRAMMAR_LIMIT,
			       &call->grammar, err);
	if (r < 0)
		return r;
	if (in->prefix_length < 0 || in->prefix_length > in->length)
		return FAIL(err, -EINVAL, "prefixLength is longer than the prompt");
	call->prefix_length = (size_t)in->prefix_length;
	if (memchr(buf_string(&call->grammar), '\0', call->grammar.length))
		return FAIL(err, -EINVAL, "the grammar holds a NUL");
	return 0;
}

static int copy_stops(struct llm_call *call, sd_json_variant *stop, struct error *err)
{
	size_t n = stop ? sd_json_variant_elements(stop) : 0;

	if (n > LLM_STOPS_MAX)
		return FAIL(err, -EINVAL, "%zu stop texts, at most %d", n, LLM_STOPS_MAX);
	for (size_t i = 0; i < n; i++) {
		sd_json_variant *text = sd_json_variant_by_index(stop, i);
		const char *string =
			sd_json_variant_is_string(text) ? sd_json_variant_string(text) : "";

		if (!*string || strlen(string) > LLM_STOP_BYTES_MAX)
			return FAIL(err, -EINVAL, "a stop text has 1 to %d bytes",
				    LLM_STOP_BYTES_MAX);
		call->stops[i] = strdup(string);
		if (!call->stops[i])
			return FAIL(err, -ENOMEM, "out of memory");
		call->n_stops++;
	}
	return 0;
}

static int take_pipe(struct llm_call *call, struct error *err)
{
	auto_fd int fd = sd_varlink_take_fd(call->link, 1);
	struct stat st;
	int flags;

	if (fd < 0 || fstat(fd, &st) < 0 || !(S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode)))
		return FAIL(err, -EINVAL, "descriptor 1 has to be a pipe for the text");
	flags = fcntl(fd, F_GETFL);
	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
		return FAIL(err, -errno, "the pipe for the text: %s", strerror(errno));
	call->pipe_fd = take_fd(&fd);
	return 0;
}

static int fill(struct llm_call *call, sd_json_variant *object, struct error *err)
{
	struct parameters in = {};
	int r = parse(call->link, object, call->is_prepare, &in);

	if (r < 0)
		return FAIL(err, -EINVAL, "the parameters do not fit the method");
	if (call->is_prepare) {
		in.prefix_length = in.length;
		return copy_bodies(call, &in, err);
	}
	if (in.max_tokens <= 0 || in.max_tokens > UINT32_MAX)
		return FAIL(err, -EINVAL, "maxTokens has to be positive");
	call->max_tokens = (size_t)in.max_tokens;
	if (in.priority && !priority_parse(in.priority, &call->priority))
		return FAIL(err, -EINVAL, "priority is person, routine or background");
	call->intent = in.intent;
	r = copy_bodies(call, &in, err);
	if (r >= 0)
		r = copy_stops(call, in.stop, err);
	return r < 0 ? r : take_pipe(call, err);
}

int llm_call_new(sd_varlink *link, sd_json_variant *parameters, bool is_prepare,
		 const struct llm_limits *limits, struct llm_call **ret, struct error *err)
{
	struct llm_call *call = calloc(1, sizeof(*call));
	int r;

	if (!call)
		return FAIL(err, -ENOMEM, "out of memory");
	*call = (struct llm_call){
		.link = sd_varlink_ref(link),
		.is_prepare = is_prepare,
		.prompt = BUF(limits->prompt_bytes + 1),
		.grammar = BUF(limits->grammar_bytes + 1),
		.text = BUF(LLM_TEXT_BYTES_MAX),
		.pipe_fd = -1,
		.arrived_us = clock_monotonic_us(),
	};
	r = fill(call, parameters, err);
	if (r < 0) {
		llm_call_free(call);
		return r;
	}
	*ret = call;
	return 0;
}

void llm_call_free(struct llm_call *call)
{
	if (!call)
		return;
	llm_run_free(call->run);
	for (size_t i = 0; i < call->n_stops; i++)
		free(call->stops[i]);
	close_fd(&call->pipe_fd);
	buf_free(&call->prompt);
	buf_free(&call->grammar);
	buf_free(&call->text);
	sd_varlink_unref(call->link);
	free(call);
}

int llm_call_begin(struct llm_call *call, struct llm_weights *weights,
		   const struct llm_store *store, struct error *err)
{
	struct llm_run_options options = {
		.prompt = buf_string(&call->prompt),
		.length = call->prompt.length,
		.prefix_length = call->prefix_length,
		.grammar = call->grammar.length > 0 ? buf_string(&call->grammar) : NULL,
		.max_tokens = call->max_tokens,
		.stops = (const char *const *)call->stops,
		.n_stops = call->n_stops,
		.store = store,
		.ret_prompt_tokens = &call->prompt_tokens,
	};

	return llm_run_new(weights, &options, &call->run, err);
}

static int send_head(struct llm_call *call, struct error *err)
{
	struct llm_run_figures figures = llm_run_figures(call->run);
	int r = sd_varlink_notifybo(
		call->link, SD_JSON_BUILD_PAIR_STRING("event", "head"),
		SD_JSON_BUILD_PAIR_UNSIGNED("promptTokens", figures.prompt_tokens),
		SD_JSON_BUILD_PAIR_UNSIGNED("cachedTokens", figures.cached_tokens),
		SD_JSON_BUILD_PAIR_UNSIGNED("loadUsec", call->load_us));

	if (r < 0)
		return FAIL(err, r, "the head cannot be sent");
	call->head_sent = true;
	return 0;
}

static void say(struct llm_call *call, const char *event)
{
	if (call->wants_progress)
		(void)sd_varlink_notifybo(call->link, SD_JSON_BUILD_PAIR_STRING("event", event));
}

void llm_call_say_waiting(struct llm_call *call)
{
	say(call, "waiting");
}

bool llm_call_say_loading(struct llm_call *call)
{
	if (call->said_loading)
		return false;
	say(call, "loading");
	call->said_loading = true;
	return true;
}

/* How far reading the prompt has come; the time left by the speed so far. */
static void say_reading(struct llm_call *call)
{
	const struct llm_run_figures figures = llm_run_figures(call->run);
	uint64_t now = clock_monotonic_us(), left_us = 0;
	size_t read = llm_run_read(call->run), all = figures.prompt_tokens;

	if (call->read_from != figures.cached_tokens) { /* it was put aside meanwhile */
		call->read_from = figures.cached_tokens;
		call->read_from_us = call->step_us;
	}
	if (!call->wants_progress || now - call->said_us < PROGRESS_EVERY_US || read >= all)
		return;
	call->said_us = now;
	if (read > call->read_from)
		left_us = (now - call->read_from_us) * (all - read) / (read - call->read_from);
	(void)sd_varlink_notifybo(call->link, SD_JSON_BUILD_PAIR_STRING("event", "reading"),
				  SD_JSON_BUILD_PAIR_UNSIGNED("promptTokens", all),
				  SD_JSON_BUILD_PAIR_UNSIGNED("readTokens", read),
				  SD_JSON_BUILD_PAIR_UNSIGNED("leftUsec", left_us));
}

int llm_call_step(struct llm_call *call, struct error *err)
{
	uint64_t began_us = clock_monotonic_us();
	enum llm_run_state state;
	int r;

	if (call->read_from_us == 0)
		call->read_from_us = call->said_us = began_us;
	call->step_us = began_us;
	r = llm_run_step(call->run, &call->text, &state, err);
	if (r < 0)
		return r;
	switch (state) {
	case LLM_RUN_READING:
		say_reading(call);
		return 0;
	case LLM_RUN_WRITING:
		break;
	case LLM_RUN_ENDED:
		call->reason = "stop";
		call->ended = true;
		break;
	case LLM_RUN_CUT:
		call->reason = "length";
		call->ended = true;
		break;
	}
	if (call->first_us == 0)
		call->first_us = clock_monotonic_us() - call->arrived_us;
	if (call->is_prepare)
		return 0;
	return call->head_sent ? 0 : send_head(call, err);
}

int llm_call_flush(struct llm_call *call, struct error *err)
{
	while (call->text.length > 0) {
		ssize_t n = write(call->pipe_fd, call->text.data, call->text.length);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return 1;
		if (n < 0)
			return FAIL(err, -EPIPE, "nobody reads the text: %s", strerror(errno));
		buf_consume(&call->text, (size_t)n);
	}
	return 0;
}

static int reply_prepared(struct llm_call *call, size_t tokens, bool cached, const char *model)
{
	return sd_varlink_replybo(
		call->link, SD_JSON_BUILD_PAIR_STRING("event", "done"),
		SD_JSON_BUILD_PAIR_UNSIGNED("promptTokens", tokens),
		SD_JSON_BUILD_PAIR_BOOLEAN("cached", cached),
		SD_JSON_BUILD_PAIR_STRING("model", model),
		SD_JSON_BUILD_PAIR_UNSIGNED("totalUsec", clock_monotonic_us() - call->arrived_us));
}

int llm_call_reply_kept(struct llm_call *call, const struct llm_file *file,
			const struct llm_store *store)
{
	uint8_t id[SHA256_BYTES], key[SHA256_BYTES];
	size_t tokens;

	llm_weights_identify(file, id);
	llm_state_key(id, buf_string(&call->prompt), call->prefix_length, key);
	tokens = llm_state_is_kept(store, key);
	if (tokens == 0)
		return 0;
	(void)reply_prepared(call, tokens, true, file->name); /* the peer may be gone */
	return 1;
}

int llm_call_reply(struct llm_call *call, const char *model)
{
	struct llm_run_figures figures = llm_run_figures(call->run);
	uint64_t total_us = clock_monotonic_us() - call->arrived_us;

	if (figures.keep_failed)
		log_warning("%s", figures.keep_failed);
	if (call->is_prepare)
		return reply_prepared(call, figures.prefix_tokens, figures.prefix_was_kept, model);
	close_fd(&call->pipe_fd); /* the end of the text is seen before the reply */
	call->pipe_fd = -1;
	return sd_varlink_replybo(
		call->link, SD_JSON_BUILD_PAIR_STRING("event", "done"),
		SD_JSON_BUILD_PAIR_STRING("reason", call->reason),
		SD_JSON_BUILD_PAIR_UNSIGNED("promptTokens", figures.prompt_tokens),
		SD_JSON_BUILD_PAIR_UNSIGNED("cachedTokens", figures.cached_tokens),
		SD_JSON_BUILD_PAIR_UNSIGNED("answerTokens", figures.answer_tokens),
		SD_JSON_BUILD_PAIR_UNSIGNED("loadUsec", call->load_us),
		SD_JSON_BUILD_PAIR_UNSIGNED("firstTokenUsec", call->first_us),
		SD_JSON_BUILD_PAIR_UNSIGNED("totalUsec", total_us));
}

static int fail_named(sd_varlink *link, const struct error *err)
{
	return sd_varlink_errorbo(link,
				  err->code == -EINVAL ? "io.clawos.Llm.InvalidArguments"
						       : "io.clawos.Llm.ModelFailed",
				  SD_JSON_BUILD_PAIR_STRING("reason", err->text));
}

int llm_call_refuse(sd_varlink *link, const struct llm_limits *limits, const struct error *err)
{
	uint64_t value =
		strcmp(err->text, PROMPT_LIMIT) == 0 ? limits->prompt_bytes : limits->grammar_bytes;

	if (err->code != -EDQUOT)
		return fail_named(link, err);
	return sd_varlink_errorbo(link, "io.clawos.Llm.QuotaExceeded",
				  SD_JSON_BUILD_PAIR_STRING("limit", err->text),
				  SD_JSON_BUILD_PAIR_UNSIGNED("value", value));
}

int llm_call_fail(struct llm_call *call, const struct llm_weights *weights, const struct error *err)
{
	if (err->code != -EMSGSIZE || !weights)
		return fail_named(call->link, err);
	return sd_varlink_errorbo(
		call->link, "io.clawos.Llm.TooLong",
		SD_JSON_BUILD_PAIR_UNSIGNED("tokens", call->prompt_tokens),
		SD_JSON_BUILD_PAIR_UNSIGNED("limit", llm_weights_context_tokens(weights) -
							     LLM_ANSWER_TOKENS_MIN));
}

bool llm_call_is_abandoned(const struct llm_call *call)
{
	struct pollfd poll_fd = { .fd = sd_varlink_get_fd(call->link), .events = POLLRDHUP };

	return poll_fd.fd < 0 || poll(&poll_fd, 1, 0) > 0;
}
