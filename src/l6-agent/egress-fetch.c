/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* egress-fetch - Fetch: one HTTP request of a tool, judged by rule, word and address (L6). */
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "l6-agent/egress-header.h"
#include "l6-agent/egress-limits.h"
#include "l6-agent/egress.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>

enum { FETCH_CONNECT_MS = 10 * 1000, FETCH_IDLE_S = 60 };

struct arguments {
	const char *method, *url, *thread;
	sd_json_variant *headers, *origins;
	uint64_t length, timeout_ms, max_bytes, question;
	int64_t intent;
};

static void on_head(const struct http_head *head, void *userdata)
{
	egress_call_heard(userdata, head->status);
	egress_call_head(userdata, head);
}

static enum http_take on_body(const char *bytes, size_t length, void *userdata)
{
	return egress_call_pass(userdata, bytes, length);
}

static void on_end(const struct http_end *end, void *userdata)
{
	struct egress_call *call = userdata;

	call->transfer = NULL;
	if (end->failure == HTTP_OK || (end->failure == HTTP_STOPPED && call->truncated))
		egress_call_done(call);
	else if (end->failure == HTTP_STOPPED)
		egress_call_reader_gone(call);
	else if (end->failure == HTTP_REFUSED)
		egress_call_refuse_address(call, end->address);
	else
		egress_call_fail(call, egress_failure_name(end->failure), end->reason);
}

/* Public, or listed by a rule as this very address. */
static bool may_connect(const struct sockaddr *address, void *userdata)
{
	struct egress_call *call = userdata;
	char text[EGRESS_ADDRESS_TEXT_BYTES];

	if (!egress_address_refusal(address))
		return true;
	egress_address_text(address, text);
	return egress_rules_list_address(call->egress->rules, text, call->url.port);
}

static void send_request(struct egress_call *call)
{
	static const struct http_sink sink = { on_head, on_body, on_end };
	const struct egress_settings *settings = call->egress->settings;
	const struct http_options options = {
		.method = call->method,
		.url = call->url.url,
		.headers = call->headers,
		.body = buf_string(&call->body),
		.length = call->body.length,
		.plain = strcmp(call->url.scheme, "http") == 0,
		.alone = true,
		.codings = "gzip, deflate",
		.ca_file = settings->ca_file,
		.proxy = settings->proxy,
		.connect_ms = FETCH_CONNECT_MS,
		.may_connect =
			settings->proxy ? NULL : may_connect, /* it then resolves the names */
		.userdata = call,
	};

	egress_call_send(call, &options, &sink);
}

static void ask(struct egress_call *call, const struct egress_question *question,
		const struct egress_deed *deed, const char *reason)
{
	auto_buf struct buf rule = BUF(EGRESS_RULE_BYTES_MAX);

	(void)sd_varlink_errorbo(
		call->link, "io.clawos.Egress.ApprovalNeeded",
		SD_JSON_BUILD_PAIR_UNSIGNED("question", question->id),
		SD_JSON_BUILD_PAIR_STRING("host", question->url.host),
		SD_JSON_BUILD_PAIR_INTEGER("port", question->url.port),
		SD_JSON_BUILD_PAIR_STRING("action", question->action),
		SD_JSON_BUILD_PAIR_STRING("reason", reason),
		SD_JSON_BUILD_PAIR_STRING(
			"rule", egress_rule_propose(deed, &rule) < 0 ? "" : buf_string(&rule)));
	egress_call_end(call, "ApprovalNeeded");
}

static void deny(struct egress_call *call, const char *reason)
{
	(void)sd_varlink_errorbo(call->link, "io.clawos.Egress.Denied",
				 SD_JSON_BUILD_PAIR_STRING("reason", reason));
	egress_call_end(call, "Denied");
}

/* The word is gone from the disk before what it allowed begins: it counts once, come what may. */
static bool use_word(struct egress_call *call, struct egress_question *question)
{
	int r = egress_questions_use(call->egress->questions, question);

	if (r >= 0)
		return true;
	(void)sd_varlink_error_errno(call->link, r);
	egress_call_end(call, "error");
	return false;
}

/* No rule allows it: the person's word on this very request counts, once. */
static void judge_by_word(struct egress_call *call, const struct egress_deed *deed,
			  const char *reason, uint64_t id)
{
	struct egress_questions *questions = call->egress->questions;
	const struct egress_request request = { .method = call->method,
						.url = &call->url,
						.headers = call->headers,
						.body = buf_string(&call->body),
						.length = call->body.length,
						.thread = deed->thread };
	struct egress_question *question = id > 0 ? egress_questions_find(questions, id) : NULL;

	if (id > 0 && !question) {
		(void)sd_varlink_errorbo(call->link, "io.clawos.Egress.UnknownQuestion",
					 SD_JSON_BUILD_PAIR_UNSIGNED("question", id));
		egress_call_end(call, "UnknownQuestion");
		return;
	}
	if (!question || !egress_question_is_about(question, &request)) {
		int r = egress_questions_ask(questions, &request, &question);

		if (r < 0) {
			(void)sd_varlink_error_errno(call->link, r);
			egress_call_end(call, "error");
			return;
		}
	}
	switch (question->word) {
	case EGRESS_WORD_NONE:
		ask(call, question, deed, reason);
		return;
	case EGRESS_WORD_NO:
		if (use_word(call, question))
			deny(call, "the person said no to this request");
		return;
	case EGRESS_WORD_YES:
		if (use_word(call, question))
			send_request(call);
		return;
	}
}

static bool is_inside(const struct egress_call *call)
{
	struct sockaddr_storage address;

	return egress_address_parse(call->url.host, &address) &&
	       egress_address_refusal((const struct sockaddr *)&address) &&
	       !egress_rules_list_address(call->egress->rules, call->url.host, call->url.port);
}

/* Thread and origins are claw-agentd's word: an origin can only make it stricter, a thread finds a
 * rule of the person for that thread. */
static void judge(struct egress_call *call, const struct arguments *arguments, unsigned origins)
{
	const struct egress_deed deed = { .tool = "http",
					  .thread = arguments->thread,
					  .method = call->method,
					  .url = &call->url,
					  .origins = origins };
	struct egress_judgment judgment;

	egress_judge(call->egress, &deed, TOOL_SEND, &judgment);
	call->rule = judgment.rule ? judgment.rule->id : 0;
	switch (judgment.verdict) {
	case TOOL_ALLOW:
		send_request(call);
		return;
	case TOOL_DENY:
		deny(call, judgment.reason);
		return;
	case TOOL_ASK:
		if (is_inside(call))
			egress_call_refuse_address(call, call->url.host);
		else
			judge_by_word(call, &deed, judgment.reason, arguments->question);
		return;
	}
}

static bool has_header(const struct curl_slist *list, const char *name)
{
	size_t n = strlen(name);

	for (; list; list = list->next)
		if (strncasecmp(list->data, name, n) == 0 &&
		    (list->data[n] == ':' || list->data[n] == ';'))
			return true;
	return false;
}

/* libcurl would call every body a form; servers refuse who has no name. */
static int add_defaults(struct egress_call *call, struct error *err)
{
	struct curl_slist *grown = call->headers;

	if (!has_header(call->headers, "Content-Type"))
		grown = curl_slist_append(call->headers, "Content-Type:");
	if (!grown)
		return FAIL(err, -ENOMEM, "out of memory");
	call->headers = grown;
	return has_header(call->headers, "User-Agent")
		       ? 0
		       : egress_header_add(&call->headers, "User-Agent", "clawos", false, err);
}

static int add_headers(struct egress_call *call, sd_json_variant *headers, struct error *err)
{
	size_t n = sd_json_variant_elements(headers);

	if (n > EGRESS_HEADERS_MAX)
		return FAIL(err, -EINVAL, "more than %d headers", EGRESS_HEADERS_MAX);
	for (size_t i = 0; i < n; i++) {
		sd_json_variant *header = sd_json_variant_by_index(headers, i);
		sd_json_variant *name = sd_json_variant_by_key(header, "name");
		sd_json_variant *value = sd_json_variant_by_key(header, "value");
		int r;

		if (!sd_json_variant_is_string(name) || !sd_json_variant_is_string(value))
			return FAIL(err, -EINVAL, "a header is {\"name\": …, \"value\": …}");
		r = egress_header_add(&call->headers, sd_json_variant_string(name),
				      sd_json_variant_string(value), false, err);
		if (r < 0)
			return r;
	}
	return add_defaults(call, err);
}

static int check(const struct egress *egress, const struct arguments *arguments,
		 const char **ret_method, unsigned *ret_origins, struct error *err)
{
	uint64_t bytes_max = egress->settings->limits.answer_bytes;

	for (size_t i = 0; egress_methods[i]; i++)
		if (strcmp(egress_methods[i], arguments->method) == 0)
			*ret_method = egress_methods[i];
	if (!*ret_method)
		return FAIL(err, -EINVAL, "method is one of GET, POST, PUT, DELETE, PATCH");
	if (strcmp(*ret_method, "GET") == 0 && arguments->length > 0)
		return FAIL(err, -EINVAL, "GET has no body");
	if (arguments->timeout_ms < 1 || arguments->timeout_ms > EGRESS_FETCH_MS_MAX)
		return FAIL(err, -EINVAL, "timeoutMsec is 1 to %d", EGRESS_FETCH_MS_MAX);
	if (arguments->max_bytes < 1 || arguments->max_bytes > bytes_max)
		return FAIL(err, -EINVAL, "maxBytes is 1 to %llu (egress.answer_bytes)",
			    (unsigned long long)bytes_max);
	if (arguments->thread && strlen(arguments->thread) > EGRESS_THREAD_BYTES_MAX)
		return FAIL(err, -EINVAL, "thread has at most %d bytes", EGRESS_THREAD_BYTES_MAX);
	if (egress_origins_parse(arguments->origins, ret_origins) < 0)
		return FAIL(err, -EINVAL, "origins are person, tool, routine, agent");
	return 0;
}

static void begin(struct egress_call *call, const struct arguments *arguments, unsigned origins)
{
	call->intent = arguments->intent;
	call->limit = arguments->max_bytes;
	call->total_max_us = arguments->timeout_ms * CLOCK_MSEC_US;
	call->first_byte_max_us = call->total_max_us;
	call->idle_max_us = FETCH_IDLE_S * CLOCK_SECOND_US;
	judge(call, arguments, origins);
}

static int prepare(struct egress *egress, sd_varlink *link, const struct arguments *arguments,
		   struct error *err)
{
	auto_egress_url struct egress_url url = { 0 };
	struct egress_call *call = NULL;
	const char *method = NULL;
	unsigned origins = 0;
	int r = check(egress, arguments, &method, &origins, err);

	if (r >= 0)
		r = egress_url_parse(arguments->url, &url, err);
	if (r < 0)
		return r;
	if (egress_call_new(egress, link, EGRESS_FETCH, 0, arguments->length, &call) < 0)
		return 0; /* answered already */
	call->method = method;
	call->url = url;
	url = (struct egress_url){ 0 };
	r = add_headers(call, arguments->headers, err);
	if (r < 0)
		egress_call_end(call, "InvalidArguments");
	else
		begin(call, arguments, origins);
	return r;
}

int egress_on_fetch(sd_varlink *link, sd_json_variant *parameters, sd_varlink_method_flags_t flags,
		    void *userdata)
{
	static const sd_json_dispatch_field fields[] = {
		{ "method", SD_JSON_VARIANT_STRING, sd_json_dispatch_const_string,
		  offsetof(struct arguments, method), SD_JSON_MANDATORY },
		{ "url", SD_JSON_VARIANT_STRING, sd_json_dispatch_const_string,
		  offsetof(struct arguments, url), SD_JSON_MANDATORY },
		{ "headers", SD_JSON_VARIANT_ARRAY, sd_json_dispatch_variant_noref,
		  offsetof(struct arguments, headers), SD_JSON_MANDATORY },
		{ "length", _SD_JSON_VARIANT_TYPE_INVALID, sd_json_dispatch_uint64,
		  offsetof(struct arguments, length), SD_JSON_MANDATORY },
		{ "timeoutMsec", _SD_JSON_VARIANT_TYPE_INVALID, sd_json_dispatch_uint64,
		  offsetof(struct arguments, timeout_ms), SD_JSON_MANDATORY },
		{ "maxBytes", _SD_JSON_VARIANT_TYPE_INVALID, sd_json_dispatch_uint64,
		  offsetof(struct arguments, max_bytes), SD_JSON_MANDATORY },
		{ "question", _SD_JSON_VARIANT_TYPE_INVALID, sd_json_dispatch_uint64,
		  offsetof(struct arguments, question), SD_JSON_NULLABLE },
		{ "thread", SD_JSON_VARIANT_STRING, sd_json_dispatch_const_string,
		  offsetof(struct arguments, thread), SD_JSON_NULLABLE },
		{ "origins", SD_JSON_VARIANT_ARRAY, sd_json_dispatch_variant_noref,
		  offsetof(struct arguments, origins), SD_JSON_NULLABLE },
		{ "intent", _SD_JSON_VARIANT_TYPE_INVALID, sd_json_dispatch_int64,
		  offsetof(struct arguments, intent), SD_JSON_MANDATORY },
		{ 0 },
	};
	struct egress *egress = userdata;
	struct arguments arguments = { 0 };
	struct error err = { 0 };

	(void)flags; /* the interface table demands `more` */
	if (!egress_allows(link, egress->agent, "claw-agentd"))
		return 0;
	if (sd_varlink_dispatch(link, parameters, fields, &arguments) != 0)
		return 0; /* answered already */
	if (prepare(egress, link, &arguments, &err) < 0)
		return egress_invalid(link, err.text);
	return 0;
}
