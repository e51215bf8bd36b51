/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* egress-call - one call under way: its descriptors, its clock, its end (L6). */
#include "base/cleanup.h"
#include "base/clock.h"
#include "l6-agent/egress-limits.h"
#include "l6-agent/egress.h"

#include <assert.h>
#include <curl/curl.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum {
	HELD_BYTES_MAX = 1024 * 1024,
	TIMER_SLACK_US = 1000,
	END_WAIT_US = 300 * 1000, /* behind a stream's own end, for the end of the connection */
};

static void unlink_call(struct egress_call *call)
{
	if (call->previous)
		call->previous->next = call->next;
	else
		call->egress->calls = call->next;
	if (call->next)
		call->next->previous = call->previous;
	if (call->kind == EGRESS_COMPLETE)
		call->egress->n_completes--;
	else
		call->egress->n_fetches--;
}

static void link_call(struct egress_call *call)
{
	call->next = call->egress->calls;
	if (call->next)
		call->next->previous = call;
	call->egress->calls = call;
	if (call->kind == EGRESS_COMPLETE)
		call->egress->n_completes++;
	else
		call->egress->n_fetches++;
}

static void free_call(struct egress_call *call)
{
	if (!call)
		return;
	sd_event_source_disable_unref(call->pipe_source);
	sd_event_source_disable_unref(call->timer);
	close_fd(&call->pipe_fd);
	buf_free(&call->body);
	buf_free(&call->held);
	egress_redact_free(call->redact);
	egress_url_free(&call->url);
	curl_slist_free_all(call->headers);
	free(call->thread);
	free(call->content_type);
	free(call->location);
	sd_varlink_unref(call->link);
	free(call);
}
DEFINE_CLEANUP(struct egress_call *, free_call)

/* Copied before it is judged and sent: the sender can still write into its file. */
static const char *read_body(struct buf *body, int fd, uint64_t offset, uint64_t length)
{
	struct stat st;
	char *at;

	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return "descriptor 0 is no memory file with the body";
	if (offset > (uint64_t)st.st_size || length > (uint64_t)st.st_size - offset)
		return "the body is shorter than offset and length say";
	if (buf_reserve(body, length, &at) < 0)
		return "there is no memory for the body";
	for (uint64_t have = 0; have < length;) {
		ssize_t n = pread(fd, at + have, length - have, (off_t)(offset + have));

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return "the body cannot be read";
		have += (uint64_t)n;
	}
	buf_commit(body, length);
	return NULL;
}

static const char *take_pipe(struct egress_call *call)
{
	struct stat st;
	int flags;

	call->pipe_fd = sd_varlink_take_fd(call->link, 1);
	if (call->pipe_fd < 0 || fstat(call->pipe_fd, &st) < 0 || !S_ISFIFO(st.st_mode))
		return "descriptor 1 is no pipe for the answer";
	flags = fcntl(call->pipe_fd, F_GETFL);
	if (flags < 0 || (flags & O_ACCMODE) == O_RDONLY ||
	    fcntl(call->pipe_fd, F_SETFL, flags | O_NONBLOCK) < 0)
		return "descriptor 1 is not the write end of a pipe";
	return NULL;
}

static int exceeded(sd_varlink *link, const char *limit, uint64_t value)
{
	(void)sd_varlink_errorbo(link, "io.clawos.Egress.QuotaExceeded",
				 SD_JSON_BUILD_PAIR_STRING("limit", limit),
				 SD_JSON_BUILD_PAIR_UNSIGNED("value", value));
	return -EDQUOT;
}

/* Limits by their names in the configuration. */
static int check_limits(const struct egress *egress, sd_varlink *link, enum egress_kind kind,
			uint64_t length)
{
	const struct egress_limits *limits = &egress->settings->limits;

	if (length > limits->body_bytes)
		return exceeded(link, "egress.body_bytes", limits->body_bytes);
	if (kind == EGRESS_COMPLETE && egress->n_completes >= limits->completes)
		return exceeded(link, "egress.completes", limits->completes);
	if (kind == EGRESS_FETCH && egress->n_fetches >= limits->fetches)
		return exceeded(link, "egress.fetches", limits->fetches);
	return 0;
}

/* No provider is shown another one's key either. */
static int clean(struct egress_call *call)
{
	const struct egress *egress = call->egress;
	int r = egress_leak_clean(&call->body, egress->providers[0].key, &call->leaks);

	for (unsigned i = 1; r >= 0 && i < egress->chain.n; i++)
		if (egress->providers[i].key)
			r = egress_leak_clean(&call->body, egress->providers[i].key, &call->leaks);
	return r;
}

int egress_call_new(struct egress *egress, sd_varlink *link, enum egress_kind kind, uint64_t offset,
		    uint64_t length, struct egress_call **ret)
{
	CLEANUP(free_call_ptr) struct egress_call *call = NULL;
	auto_fd int body_fd = sd_varlink_take_fd(link, 0);
	const char *wrong;
	int r = check_limits(egress, link, kind, length);

	if (r < 0)
		return r;
	call = calloc(1, sizeof(*call));
	if (!call)
		return sd_varlink_error_errno(link, -ENOMEM), -ENOMEM;
	call->egress = egress;
	call->kind = kind;
	call->link = sd_varlink_ref(link);
	call->pipe_fd = -1;
	call->body = BUF(egress->settings->limits.body_bytes);
	call->held = BUF(HELD_BYTES_MAX);
	call->started_us = clock_monotonic_us();
	wrong = read_body(&call->body, body_fd, offset, length);
	if (!wrong)
		wrong = take_pipe(call);
	if (!wrong && kind == EGRESS_COMPLETE && clean(call) < 0)
		wrong = "the body cannot be searched for secrets";
	if (wrong)
		return egress_invalid(link, wrong), -EINVAL;
	link_call(call);
	service_hold(egress->service);
	*ret = TAKE_PTR(call);
	return 0;
}

static void log_end(const struct egress_call *call, const char *result)
{
	struct egress_entry entry = {
		.time_us = clock_realtime_us(),
		.intent = call->intent,
		.kind = call->kind == EGRESS_COMPLETE ? "complete" : "fetch",
		.status = call->status,
		.bytes_out = call->body.length,
		.bytes_in = call->bytes_in,
		.rule = call->rule,
		.total_us = clock_monotonic_us() - call->started_us,
		.attempts = call->attempts,
		.secrets = call->leaks.total,
	};

	(void)snprintf(entry.method, sizeof(entry.method), "%s", call->method);
	(void)snprintf(entry.host, sizeof(entry.host), "%s:%u", call->url.host,
		       call->url.port); /* a longer name is cut */
	(void)snprintf(entry.result, sizeof(entry.result), "%s", result);
	egress_log_add(call->egress->log, &entry);
}

void egress_call_end(struct egress_call *call, const char *result)
{
	struct egress *egress = call->egress;

	if (call->transfer)
		http_cancel(TAKE_PTR(call->transfer));
	if (call->provider)
		egress_provider_ended(call, result);
	egress_spending_settle(call, true, false); /* cut off, unless it is settled */
	log_end(call, result);
	unlink_call(call);
	free_call(call);
	service_release(egress->service);
}

/* What ran out at this time, or NULL and in *ret_next_us when to look again. */
static const char *look_at_clock(const struct egress_call *call, uint64_t now_us,
				 uint64_t *ret_next_us)
{
	uint64_t total_us = call->started_us + call->total_max_us, other_us = total_us;
	const char *other = "total";

	if (call->retry_us > 0) {
		other_us = call->retry_us;
		other = "retry";
	} else if (!call->has_head) {
		other_us = call->attempt_us + call->first_byte_max_us;
		other = "first-byte";
	} else if (call->held.length == 0 && !call->ended) { /* else its reader is the slow one */
		other_us = call->heard_us + call->idle_max_us;
		other = "idle";
		if (end_mark_is_seen(&call->end_mark) && END_WAIT_US < call->idle_max_us) {
			other_us = call->heard_us + END_WAIT_US;
			other = "end";
		}
	}
	if (now_us >= total_us)
		return "total";
	if (now_us >= other_us)
		return other;
	*ret_next_us = other_us < total_us ? other_us : total_us;
	return NULL;
}

static void set_timer(struct egress_call *call, uint64_t time_us)
{
	call->armed_us = time_us;
	(void)sd_event_source_set_time(call->timer, time_us);
	(void)sd_event_source_set_enabled(call->timer, SD_EVENT_ONESHOT);
}

static int on_time(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct egress_call *call = userdata;
	uint64_t next_us = 0;
	const char *late = look_at_clock(call, clock_monotonic_us(), &next_us);

	(void)source;
	(void)usec;
	if (!late) {
		set_timer(call, next_us);
		return 0;
	}
	if (strcmp(late, "retry") == 0) {
		call->retry_us = 0;
		egress_complete_attempt(call);
		return 0;
	}
	if (strcmp(late, "end") == 0) { /* it was said, and nothing more comes */
		http_cancel(TAKE_PTR(call->transfer));
		egress_spending_settle(call, true, true);
		egress_call_done(call);
		return 0;
	}
	egress_call_fail(call, late,
			 strcmp(late, "total") == 0        ? "the whole call took too long"
			 : strcmp(late, "first-byte") == 0 ? "no answer came in time"
							   : "the answer stopped coming");
	return 0;
}

void egress_call_arm(struct egress_call *call)
{
	uint64_t now_us = clock_monotonic_us(), next_us = now_us;

	if (!call->timer &&
	    sd_event_add_time(service_event(call->egress->service), &call->timer, CLOCK_MONOTONIC,
			      now_us, TIMER_SLACK_US, on_time, call) < 0)
		return;
	if (!look_at_clock(call, now_us, &next_us) && next_us == call->armed_us)
		return;
	set_timer(call, next_us);
}

void egress_call_send(struct egress_call *call, const struct http_options *options,
		      const struct http_sink *sink)
{
	struct error err = { 0 };

	call->attempts++;
	call->attempt_us = clock_monotonic_us();
	if (http_start(call->egress->http, options, sink, &call->transfer, &err) < 0)
		egress_call_fail(call, "protocol", err.text);
	else
		egress_call_arm(call);
}

void egress_call_heard(struct egress_call *call, int status)
{
	call->has_head = true;
	call->heard_us = clock_monotonic_us();
	call->status = status;
}

void egress_call_retry_after(struct egress_call *call, uint64_t wait_us)
{
	call->retry_us = clock_monotonic_us() + wait_us;
	call->has_head = call->discarding = false;
	call->status = 0;
	egress_call_arm(call);
}
