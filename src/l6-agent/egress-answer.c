/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* egress-answer - the way back: head, body without the key, the one reply that ends a call (L6). */
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/utf8.h"
#include "l6-agent/egress.h"

#include <stdlib.h>
#include <string.h>

enum {
	TEXT_BYTES_MAX = 512 * 1024, /* libcurl ends a head of 300 KiB; repairing makes it longer */
};

static void watch_pipe(struct egress_call *call, bool on);

/* From here on nothing is waited for and the reader sees the end of the pipe. */
static void close_pipe(struct egress_call *call)
{
	sd_event_source_disable_unref(call->pipe_source);
	call->pipe_source = NULL;
	close_fd(&call->pipe_fd);
	call->pipe_fd = -1;
}

static void reply_done(struct egress_call *call)
{
	__attribute__((cleanup(sd_json_variant_unrefp))) sd_json_variant *leaks = NULL;
	bool complete = call->kind == EGRESS_COMPLETE;
	int r = egress_leak_list(&call->leaks, &leaks);

	close_pipe(call);
	if (r >= 0)
		r = sd_varlink_replybo(
			call->link, SD_JSON_BUILD_PAIR_STRING("event", "done"),
			SD_JSON_BUILD_PAIR_INTEGER("status", call->status),
			SD_JSON_BUILD_PAIR_CONDITION(call->content_type != NULL, "contentType",
						     SD_JSON_BUILD_STRING(call->content_type)),
			SD_JSON_BUILD_PAIR_CONDITION(complete, "attempts",
						     SD_JSON_BUILD_INTEGER(call->attempts)),
			SD_JSON_BUILD_PAIR_CONDITION(call->location != NULL, "location",
						     SD_JSON_BUILD_STRING(call->location)),
			SD_JSON_BUILD_PAIR_CONDITION(!complete, "truncated",
						     SD_JSON_BUILD_BOOLEAN(call->truncated)),
			SD_JSON_BUILD_PAIR_UNSIGNED("bytesOut", call->body.length),
			SD_JSON_BUILD_PAIR_UNSIGNED("bytesIn", call->bytes_in),
			SD_JSON_BUILD_PAIR_CONDITION(leaks != NULL, "secrets",
						     SD_JSON_BUILD_VARIANT(leaks)),
			SD_JSON_BUILD_PAIR_CONDITION(complete, "connectUsec",
						     SD_JSON_BUILD_UNSIGNED(call->connect_us)),
			SD_JSON_BUILD_PAIR_CONDITION(complete, "firstByteUsec",
						     SD_JSON_BUILD_UNSIGNED(call->first_byte_us)),
			SD_JSON_BUILD_PAIR_UNSIGNED("totalUsec",
						    clock_monotonic_us() - call->started_us),
			SD_JSON_BUILD_PAIR_CONDITION(complete, "nanodollars",
						     SD_JSON_BUILD_UNSIGNED(call->spent.nano)),
			SD_JSON_BUILD_PAIR_CONDITION(call->warning[0] != '\0', "warning",
						     SD_JSON_BUILD_STRING(call->warning)));
	if (r < 0) /* nobody is left waiting for an answer that could not be written */
		(void)sd_varlink_error_errno(call->link, r);
	egress_call_end(call, "ok");
}

/* What its answer may not hold. A site that a tool reads was given no key; the first one's is
 * looked for all the same. */
static const struct egress_key *key_of(const struct egress_call *call)
{
	return call->provider ? call->provider->key : call->egress->providers[0].key;
}

static int redact_text(const struct egress_key *key, const struct buf *text, struct buf *ret)
{
	CLEANUP(egress_redact_free_ptr) struct egress_redact *redact = NULL;
	int r = egress_redact_new(key, false, &redact);

	if (r >= 0)
		r = egress_redact_add(redact, buf_string(text), text->length, ret);
	return r < 0 ? r : egress_redact_end(redact, ret);
}

char *egress_call_text(const struct egress_call *call, const char *text)
{
	auto_buf struct buf repaired = BUF(TEXT_BYTES_MAX), clean = BUF(TEXT_BYTES_MAX);

	if (!text || utf8_add_repaired(&repaired, text, strlen(text)) < 0)
		return NULL;
	if (!key_of(call))
		return buf_take(&repaired);
	return redact_text(key_of(call), &repaired, &clean) < 0 ? NULL : buf_take(&clean);
}

void egress_call_head(struct egress_call *call, const struct http_head *head)
{
	bool complete = call->kind == EGRESS_COMPLETE;

	call->content_type = egress_call_text(call, head->content_type);
	call->location = complete ? NULL : egress_call_text(call, head->location);
	egress_call_arm(call);
	(void)sd_varlink_notifybo(
		call->link, SD_JSON_BUILD_PAIR_STRING("event", "head"),
		SD_JSON_BUILD_PAIR_INTEGER("status", call->status),
		SD_JSON_BUILD_PAIR_CONDITION(call->content_type != NULL, "contentType",
					     SD_JSON_BUILD_STRING(call->content_type)),
		SD_JSON_BUILD_PAIR_CONDITION(call->location != NULL, "location",
					     SD_JSON_BUILD_STRING(call->location)),
		SD_JSON_BUILD_PAIR_CONDITION(complete && head->retry_after_ms > 0, "retryAfterMsec",
					     SD_JSON_BUILD_INTEGER(head->retry_after_ms)),
		SD_JSON_BUILD_PAIR_CONDITION(complete, "attempts",
					     SD_JSON_BUILD_INTEGER(call->attempts)));
}

static void reply_failed(struct egress_call *call, const char *what, const char *reason)
{
	auto_free char *text = egress_call_text(call, reason);

	close_pipe(call);
	(void)sd_varlink_errorbo(call->link, "io.clawos.Egress.ProviderFailed",
				 SD_JSON_BUILD_PAIR_STRING("what", what),
				 SD_JSON_BUILD_PAIR_CONDITION(call->status > 0, "status",
							      SD_JSON_BUILD_INTEGER(call->status)),
				 SD_JSON_BUILD_PAIR_STRING("reason", text ? text : what),
				 SD_JSON_BUILD_PAIR_INTEGER("attempts", call->attempts));
	egress_call_end(call, what);
}

void egress_call_refuse_address(struct egress_call *call, const char *address)
{
	close_pipe(call);
	(void)sd_varlink_errorbo(call->link, "io.clawos.Egress.AddressRefused",
				 SD_JSON_BUILD_PAIR_STRING("host", call->url.host),
				 SD_JSON_BUILD_PAIR_STRING("address", address));
	egress_call_end(call, "AddressRefused");
}

/* Writes what it can; false when nobody reads any more. */
static bool write_some(struct egress_call *call, const char *bytes, size_t length, size_t *ret)
{
	size_t done = 0;

	while (done < length) {
		ssize_t n = write(call->pipe_fd, bytes + done, length - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno != EAGAIN)
			return false;
		if (n < 0)
			break;
		done += (size_t)n;
	}
	*ret = done;
	return true;
}

/* The pipe takes what it can, the rest is held; what is over the limit is cut. */
static enum http_take give(struct egress_call *call, const char *bytes, size_t length)
{
	size_t left = call->limit - call->bytes_in, allowed = length < left ? length : left, n = 0;

	if ((call->held.length == 0 && !write_some(call, bytes, allowed, &n)) ||
	    buf_add(&call->held, bytes + n, allowed - n) < 0) {
		call->reader_gone = true;
		return HTTP_STOP;
	}
	if (call->held.length > 0)
		watch_pipe(call, true);
	call->bytes_in += allowed;
	call->truncated |= allowed < length;
	if (call->kind == EGRESS_COMPLETE) {
		end_mark_add(&call->end_mark, bytes, allowed);
		if (end_mark_is_seen(&call->end_mark))
			egress_call_arm(call);
	}
	return call->truncated ? HTTP_STOP : HTTP_TAKEN;
}

/* What looked like the beginning of a key was none. */
static void pass_tail(struct egress_call *call)
{
	auto_buf struct buf tail = BUF(EGRESS_REDACT_HELD_BYTES_MAX + 1);

	if (call->redact && !call->reader_gone && egress_redact_end(call->redact, &tail) >= 0)
		(void)give(call, buf_string(&tail), tail.length); /* the end is seen anyway */
	egress_redact_free(TAKE_PTR(call->redact));
}

void egress_call_fail(struct egress_call *call, const char *what, const char *reason)
{
	bool may_wait = strcmp(what, "reader") != 0 && strcmp(what, "total") != 0;

	if (may_wait)
		pass_tail(call);
	if (call->held.length == 0 || !may_wait || call->ended) {
		reply_failed(call, what, reason);
		return;
	}
	if (call->transfer)
		http_cancel(TAKE_PTR(call->transfer));
	call->ended = true; /* the reader gets what came before it is told */
	call->failed = what;
	(void)snprintf(call->reason, sizeof(call->reason), "%s", reason); /* may be cut */
}

void egress_call_reader_gone(struct egress_call *call)
{
	egress_call_fail(call, "reader", "the answer's pipe was closed by its reader");
}

static int on_pipe(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	struct egress_call *call = userdata;
	size_t n = 0;

	(void)source;
	(void)fd;
	if ((revents & EPOLLERR) ||
	    !write_some(call, buf_string(&call->held), call->held.length, &n)) {
		egress_call_reader_gone(call);
		return 0;
	}
	buf_consume(&call->held, n);
	if (call->held.length > 0)
		return 0;
	call->heard_us = clock_monotonic_us();
	if (call->ended) {
		if (call->failed)
			reply_failed(call, call->failed, call->reason);
		else
			reply_done(call);
		return 0;
	}
	watch_pipe(call, false);
	http_resume(call->transfer);
	return 0;
}

static void watch_pipe(struct egress_call *call, bool on)
{
	if (!call->pipe_source && on &&
	    sd_event_add_io(service_event(call->egress->service), &call->pipe_source, call->pipe_fd,
			    EPOLLOUT, on_pipe, call) < 0)
		return; /* the total time ends the call then */
	if (call->pipe_source)
		(void)sd_event_source_set_enabled(call->pipe_source,
						  on ? SD_EVENT_ON : SD_EVENT_OFF);
}

enum http_take egress_call_pass(struct egress_call *call, const char *bytes, size_t length)
{
	auto_buf struct buf clean = BUF(EGRESS_REDACT_HELD_BYTES_MAX + length + 1);

	if (call->held.length > 0)
		return HTTP_FULL; /* the same piece comes again */
	call->heard_us = clock_monotonic_us();
	if (!key_of(call))
		return give(call, bytes, length);
	if ((!call->redact &&
	     egress_redact_new(key_of(call), call->kind == EGRESS_COMPLETE, &call->redact) < 0) ||
	    egress_redact_add(call->redact, bytes, length, &clean) < 0) {
		call->reader_gone = true;
		return HTTP_STOP;
	}
	return give(call, buf_string(&clean), clean.length);
}

void egress_call_done(struct egress_call *call)
{
	pass_tail(call);
	call->ended = true;
	if (call->held.length == 0)
		reply_done(call);
}

const char *egress_failure_name(enum http_failure failure)
{
	switch (failure) {
	case HTTP_RESOLVE:
		return "resolve";
	case HTTP_REFUSED:
	case HTTP_CONNECT:
		return "connect";
	case HTTP_TLS:
		return "tls";
	case HTTP_OK:
	case HTTP_STOPPED:
	case HTTP_LOST:
	case HTTP_CUT:
	case HTTP_PROTOCOL:
		return "protocol";
	}
	return "protocol";
}
