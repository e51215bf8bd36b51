/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * http and web_fetch: a request that claw-egressd judges and sends; the answer as text for a model.
 * web_fetch follows a redirect on the same site, where a rule has let it in: nothing is asked about
 * that the model has not called for.
 */
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/dir.h"
#include "l6-agent/call-judge.h"
#include "l6-agent/call-run.h"
#include "l6-agent/exchange-error.h"
#include "l6-agent/field.h"
#include "l6-agent/html-text.h"
#include "l6-agent/http-text.h"
#include "l6-agent/peer.h"
#include "l6-agent/url-join.h"
#include "l6-agent/work-line.h"

#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>

enum {
	READ_BYTES = 64 * 1024,
	PAGE_STEP_BYTES = 128 * 1024,
	ANSWER_BYTES_MAX = 5 * 1024 * 1024,
	TIMEOUT_S = 30,
	HEADERS_MAX = 64,
	REDIRECTS_MAX = 3,
	URL_BYTES_MAX = 16 * 1024,
};

struct fetch_run {
	struct call_run run;
	struct call_run_options options;
	struct peer_call *call;
	int pipe_fd;
	sd_event_source *readable;
	struct buf body;
	struct http_answer answer;
	char *content_type, *location, *url;
	unsigned redirects;
	struct call_outcome outcome;
	struct html_text *page; /* that is being converted */
	struct work_item item;
};

static void free_run(struct fetch_run *run)
{
	work_leave(&run->item);
	html_text_close(run->page);
	call_outcome_free(&run->outcome);
	sd_event_source_disable_unref(run->readable);
	peer_call_cancel(run->call);
	close_fd(&run->pipe_fd);
	buf_free(&run->body);
	free(run->content_type);
	free(run->location);
	free(run->url);
	free(run);
}

static void abandon(struct call_run *run)
{
	free_run((struct fetch_run *)run);
}

static bool stop(struct call_run *run)
{
	abandon(run);
	return true;
}

static const struct call_run_kind kind = { .stop = stop, .abandon = abandon };

static int drain(struct fetch_run *run)
{
	for (;;) {
		char *at;
		ssize_t n;
		int r = buf_reserve(&run->body, READ_BYTES, &at);

		if (r < 0)
			return r;
		n = read(run->pipe_fd, at, READ_BYTES);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? 0 : -errno;
		if (n == 0)
			return 1;
		buf_commit(&run->body, (size_t)n);
	}
}

static int on_readable(sd_event_source *source, int fd, uint32_t events, void *data)
{
	(void)fd;
	(void)events;
	if (drain(data) != 0) /* its end, or too much: the final reply says which */
		(void)sd_event_source_set_enabled(source, SD_EVENT_OFF);
	return 0;
}

static void keep_string(char **to, const char *from)
{
	if (!from)
		return;
	free(*to);
	*to = strdup(from);
}

static void explain(const struct fetch_run *run, const char *error_id, sd_json_variant *reply,
		    struct call_outcome *outcome)
{
	const char *name = exchange_error_name(error_id);
	struct error err = { 0 };

	outcome->via = VIA_EGRESS;
	if (strcmp(name, "ApprovalNeeded") == 0) {
		outcome->question = (uint64_t)field_number(reply, "question", 0);
		keep_string(&outcome->reason, field_text(reply, "reason", NULL));
		keep_string(&outcome->proposal, field_text(reply, "rule", NULL));
		call_outcome_say(outcome, false, "%s", field_text(reply, "action", "a request"));
		outcome->end = CALL_END_ASK;
	} else if (strcmp(name, "AddressRefused") == 0) {
		call_outcome_say(outcome, false, "refused: %s is %s, which is no public address",
				 field_text(reply, "host", "?"), field_text(reply, "address", "?"));
	} else if (strcmp(name, "Denied") == 0) {
		call_outcome_say(outcome, false, "denied: %s",
				 field_text(reply, "reason", "by rule"));
	} else if (strcmp(name, "ProviderFailed") == 0) {
		label_set_add_url(&outcome->labels, run->url); /* the reason may quote it */
		call_outcome_say(outcome, false, "the request failed (%s): %s",
				 field_text(reply, "what", "?"),
				 field_text(reply, "reason", "no reason was given"));
	} else if (strcmp(error_id, SD_VARLINK_ERROR_DISCONNECTED) == 0) {
		outcome->end = CALL_END_UNKNOWN;
		call_outcome_say(outcome, false,
				 "claw-egressd was lost; it is not known whether the request was "
				 "sent");
	} else if (strcmp(error_id, SD_VARLINK_ERROR_TIMEOUT) == 0) {
		outcome->end = CALL_END_UNKNOWN;
		call_outcome_say(outcome, false, "%s; it is not known whether the request was sent",
				 peer_error_reason(error_id, reply));
	} else {
		(void)exchange_error_explain(error_id, reply, &err);
		call_outcome_say(outcome, false, "%s", err.text);
	}
}

static void finish(struct fetch_run *run)
{
	run->outcome.is_anew = run->options.is_anew;
	run->options.on_done(&run->outcome, run->options.data);
	free_run(run);
}

/* A piece of a page becomes Markdown. */
static bool on_work(void *data)
{
	struct fetch_run *run = data;
	bool is_cut;
	int r = html_text_step(run->page, PAGE_STEP_BYTES, &is_cut);

	if (r > 0)
		return true;
	if (r < 0 || is_cut)
		call_outcome_say(&run->outcome, false, "the answer cannot be shown: %s",
				 strerror(r < 0 ? -r : EMSGSIZE));
	finish(run);
	return false;
}

static void write_answer(struct fetch_run *run, sd_json_variant *reply)
{
	struct call_outcome *outcome = &run->outcome;
	struct error err = { 0 };
	int r;

	label_set_add_url(&outcome->labels, run->url);
	run->answer.content_type = run->content_type;
	run->answer.location = run->location;
	run->answer.body = buf_string(&run->body);
	run->answer.length = run->body.length;
	run->answer.is_truncated =
		sd_json_variant_boolean(sd_json_variant_by_key(reply, "truncated"));
	r = run->redirects > 0 ? buf_printf(&outcome->content, "from %s\n", run->url) : 0;
	if (r >= 0)
		r = http_text(&run->answer, &outcome->content, &run->page, &err);
	outcome->ok = r >= 0 && run->answer.status < 400;
	if (r < 0)
		call_outcome_say(outcome, false, "%s", err.text);
	/* figures that do not fit are left out */
	if (buf_printf(&outcome->meta, "\"status\":%d,\"bytesOut\":%lld,\"bytesIn\":%lld",
		       run->answer.status, field_number(reply, "bytesOut", 0),
		       field_number(reply, "bytesIn", 0)) < 0)
		buf_truncate(&outcome->meta, 0);
}

static int begin(struct fetch_run *run, struct error *err);

/* True: the answer was a redirect that is followed, or could not be. */
static bool follow(struct fetch_run *run)
{
	struct buf next = BUF(URL_BYTES_MAX);
	struct error err = { 0 };
	bool is_redirect = run->answer.status >= 300 && run->answer.status < 400 && run->location;

	if (!is_redirect || strcmp(run->options.tool->name, "web_fetch") != 0 ||
	    run->options.question > 0 || run->redirects == REDIRECTS_MAX)
		return false;
	if (url_join(run->url, run->location, &next) < 0 ||
	    !url_is_same_origin(run->url, buf_string(&next))) {
		buf_free(&next);
		return false;
	}
	run->redirects++;
	free(run->url);
	run->url = buf_take(&next);
	free(run->location);
	free(run->content_type);
	run->location = run->content_type = NULL;
	run->answer = (struct http_answer){ 0 };
	buf_truncate(&run->body, 0);
	if (begin(run, &err) < 0) {
		call_outcome_say(&run->outcome, false, "the redirect to %s cannot be followed: %s",
				 run->url, err.text);
		finish(run);
	}
	return true;
}

static void on_reply(struct peer_call *call, const char *error_id, sd_json_variant *reply,
		     bool is_final, void *data)
{
	struct fetch_run *run = data;

	(void)call;
	if (is_final)
		run->call = NULL;
	if (!error_id) {
		if (field_number(reply, "status", 0) > 0)
			run->answer.status = (int)field_number(reply, "status", 0);
		keep_string(&run->content_type, field_text(reply, "contentType", NULL));
		keep_string(&run->location, field_text(reply, "location", NULL));
	}
	if (!is_final)
		return;
	if (call_question_is_forgotten(&run->options, error_id) && begin(run, NULL) >= 0)
		return;
	if (!error_id && follow(run))
		return;
	if (error_id)
		explain(run, error_id, reply, &run->outcome);
	else if (drain(run) < 0)
		call_outcome_say(&run->outcome, false, "the answer cannot be read");
	else
		write_answer(run, reply);
	if (run->page)
		work_enter(run->options.agent->work, &run->item, on_work, run);
	else
		finish(run);
}

static int build_headers(yyjson_val *list, sd_json_variant **ret)
{
	yyjson_val *row;
	size_t i, max;
	int r = sd_json_variant_new_array(ret, NULL, 0);

	yyjson_arr_foreach(list, i, max, row)
	{
		if (r >= 0 && i < HEADERS_MAX)
			r = sd_json_variant_append_arraybo(
				ret,
				SD_JSON_BUILD_PAIR_STRING("name", payload_get_string(row, "name")),
				SD_JSON_BUILD_PAIR_STRING("value",
							  payload_get_string(row, "value")));
	}
	return r;
}

static int build(const struct fetch_run *run, yyjson_val *arguments, size_t length,
		 sd_json_variant **ret)
{
	__attribute__((cleanup(sd_json_variant_unrefp))) sd_json_variant *headers = NULL;
	__attribute__((cleanup(sd_json_variant_unrefp))) sd_json_variant *origins = NULL;
	const struct call_run_options *options = &run->options;
	const char *method = payload_get_string(arguments, "method");
	uint64_t seconds = payload_get_number(arguments, "timeout_secs");
	int r = build_headers(yyjson_obj_get(arguments, "headers"), &headers);

	if (r >= 0)
		r = call_origins_build(options->origins, &origins);
	if (r < 0)
		return r;
	return sd_json_buildo(
		ret, SD_JSON_BUILD_PAIR_STRING("method", method ? method : "GET"),
		SD_JSON_BUILD_PAIR_STRING("url", run->url),
		SD_JSON_BUILD_PAIR_VARIANT("headers", headers),
		SD_JSON_BUILD_PAIR_UNSIGNED("length", length),
		SD_JSON_BUILD_PAIR_UNSIGNED("timeoutMsec", (seconds ? seconds : TIMEOUT_S) * 1000),
		SD_JSON_BUILD_PAIR_UNSIGNED("maxBytes", ANSWER_BYTES_MAX),
		SD_JSON_BUILD_PAIR_CONDITION(options->question > 0, "question",
					     SD_JSON_BUILD_UNSIGNED(options->question)),
		SD_JSON_BUILD_PAIR_STRING("thread", options->thread->name),
		SD_JSON_BUILD_PAIR_VARIANT("origins", origins),
		SD_JSON_BUILD_PAIR_UNSIGNED("intent", options->intent));
}

static int make_pipe(struct fetch_run *run, int *ret_write_fd)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	run->pipe_fd = fds[0];
	*ret_write_fd = fds[1];
	if (fcntl(fds[0], F_SETFL, O_NONBLOCK) < 0)
		return -errno;
	return sd_event_add_io(run->options.agent->event, &run->readable, fds[0], EPOLLIN,
			       on_readable, run);
}

static int send_request(struct fetch_run *run, yyjson_val *arguments, struct error *err)
{
	__attribute__((cleanup(sd_json_variant_unrefp))) sd_json_variant *parameters = NULL;
	const char *body = payload_get_string(arguments, "body");
	size_t length = body ? strlen(body) : 0;
	auto_fd int body_fd = dir_sealed_memfd("request", body ? body : "", length);
	auto_fd int write_fd = -1;
	struct peer_call_options call = {
		.method = "io.clawos.Egress.Fetch",
		.n_fds = 2,
		.more = true,
		.on_reply = on_reply,
		.data = run,
	};
	int r = body_fd < 0 ? body_fd : make_pipe(run, &write_fd);

	if (!run->url) /* else a redirect led there */
		keep_string(&run->url, payload_get_string(arguments, "url"));
	if (r >= 0 && !run->url)
		r = -ENOMEM;
	if (r >= 0)
		r = build(run, arguments, length, &parameters);
	if (r < 0)
		return FAIL(err, r, "the request cannot be built: %s", strerror(-r));
	call.parameters = parameters;
	call.fds[0] = body_fd;
	call.fds[1] = write_fd;
	return peer_call_start(run->options.agent->egress, &call, &run->call, err);
}

static int begin(struct fetch_run *run, struct error *err)
{
	yyjson_doc *doc = payload_parse(run->options.arguments, strlen(run->options.arguments));
	int r;

	run->readable = sd_event_source_disable_unref(run->readable);
	close_fd(&run->pipe_fd);
	run->pipe_fd = -1;
	r = doc ? send_request(run, yyjson_doc_get_root(doc), err)
		: FAIL(err, -ENOMEM, "out of memory");
	yyjson_doc_free(doc);
	return r;
}

int call_fetch_start(const struct call_run_options *options, struct call_run **ret,
		     struct error *err)
{
	struct fetch_run *run = calloc(1, sizeof(*run));
	int r;

	if (!run)
		return FAIL(err, -ENOMEM, "out of memory");
	run->run.kind = &kind;
	run->options = *options;
	run->pipe_fd = -1;
	run->body = BUF(ANSWER_BYTES_MAX + READ_BYTES);
	run->outcome.content = BUF(CALL_CONTENT_MAX);
	run->outcome.meta = BUF(CALL_META_MAX);
	r = begin(run, err);
	if (r < 0) {
		free_run(run);
		return r;
	}
	*ret = &run->run;
	return 0;
}
