/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l6-agent/llm-serve.h"

#include "base/clock.h"
#include "base/log.h"
#include "io.clawos.Llm.varlink.h"
#include "l6-agent/llm-call.h"
#include "l6-agent/llm-pace.h"
#include "l6-agent/llm-state.h"

#include <assert.h>
#include <malloc.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <systemd/sd-daemon.h>

#define LOOK_EVERY_US (2 * CLOCK_MSEC_US)
#define UNLOADED_IDLE_US (5 * CLOCK_SECOND_US) /* without weights there is nothing to keep warm */
#define FEED_EVERY_US (5 * CLOCK_SECOND_US)
#define LAST_LOOK_US (50 * CLOCK_MSEC_US)
#define KEEP_EVERY_US (5 * CLOCK_SECOND_US)

enum { BATCH_TOKENS = 128 }; /* larger ones are hardly faster and are seen to end later */

struct llm_server {
	struct llm_server_options options;
	sd_varlink_server *server;
	sd_event_source *work, *drain, *idle;
	struct llm_weights *weights;
	struct llm_call *calls; /* in the order they are done; the first may be begun */
	bool computed;          /* since the state of the context was kept */
	struct llm_store store;
	struct llm_file file; /* what model_path holds */
	struct llm_file_hash hash;
	uint64_t looked_us, fed_us, kept_us;
};

static void forget(struct llm_server *server, struct llm_call *call);

/* Asked in the middle of a computation: does anybody still want it? */
static bool go_on(void *data)
{
	struct llm_server *server = data;
	uint64_t now = clock_monotonic_us();
	sigset_t pending;

	if (now - server->looked_us < LOOK_EVERY_US)
		return true;
	server->looked_us = now;
	if (now - server->fed_us >= FEED_EVERY_US) {
		server->fed_us = now; /* a slow disk is slow work, not a hang */
		(void)sd_notify(0, "WATCHDOG=1");
	}
	if (sigpending(&pending) == 0 &&
	    (sigismember(&pending, SIGTERM) == 1 || sigismember(&pending, SIGINT) == 1))
		return false;
	return !server->calls || !llm_call_is_abandoned(server->calls);
}

/* Which weights there are. 1: the file is being hashed, as nothing remembers it; call again. */
static int identify(struct llm_server *server, struct llm_call *call, struct error *err)
{
	const struct llm_file_options options = {
		.path = server->options.model_path,
		.state_fd = server->options.state_fd,
		.shared_fd = server->options.shared_fd,
	};
	int r = server->weights ? 0
				: llm_file_identify(&options, &server->hash, &server->file, err);

	if (r == 1)
		(void)llm_call_say_loading(call);
	return r;
}

/* As many as there are processors, and as the person allows. */
static uint32_t threads(const struct llm_server *server)
{
	uint32_t processors = llm_pace_processors();
	uint64_t most = server->options.limits->threads;

	return processors < most ? processors : (uint32_t)most;
}

static int load(struct llm_server *server, struct llm_call *call, struct error *err)
{
	uint64_t start = clock_monotonic_us();
	struct llm_weights_options options = {
		.path = server->options.model_path,
		.file = &server->file,
		.context_tokens = (uint32_t)server->options.limits->context_tokens,
		.batch_tokens = BATCH_TOKENS,
		.threads = threads(server),
		.go_on = go_on,
		.data = server,
	};
	enum llm_state_found found;
	int r;

	if (server->weights)
		return 0;
	r = llm_weights_open(&options, &server->weights, err);
	if (r == -EINVAL)
		r = err->code = -EIO; /* the file's fault, not the peer's */
	if (r < 0)
		return r;
	server->kept_us = clock_monotonic_us();
	call->load_us = server->kept_us - start;
	if (llm_state_restore_last(&server->store, server->weights, &found, err) < 0)
		log_warning("%s", err->text); /* … and is computed anew */
	log_notice("loaded %s in %llu ms", llm_weights_description(server->weights),
		   (unsigned long long)(call->load_us / CLOCK_MSEC_US));
	return 0;
}

static void keep_last(struct llm_server *server)
{
	struct error err = {};

	if (server->computed && llm_weights_held(server->weights) > 0 &&
	    llm_state_keep_last(&server->store, server->weights, &err) < 0)
		log_warning("%s", err.text); /* the conversation is computed anew next time */
	server->computed = false;
	server->kept_us = clock_monotonic_us();
}

static void unload(struct llm_server *server)
{
	if (!server->weights)
		return;
	keep_last(server);
	llm_weights_close(server->weights);
	server->weights = NULL;
	(void)malloc_trim(0); /* best effort: the memory goes back to the system */
	log_notice("unloaded the model");
}

/* Nothing left to do: from now on the idle time counts. */
static void rest(struct llm_server *server)
{
	uint64_t idle_us = server->options.limits->idle_seconds * CLOCK_SECOND_US;

	(void)sd_event_source_set_enabled(server->work, SD_EVENT_OFF);
	(void)sd_event_source_set_time_relative(
		server->idle,
		server->weights || idle_us < UNLOADED_IDLE_US ? idle_us : UNLOADED_IDLE_US);
	(void)sd_event_source_set_enabled(server->idle, SD_EVENT_ONESHOT);
}

static void forget(struct llm_server *server, struct llm_call *call)
{
	struct llm_call **at = &server->calls;

	while (*at != call)
		at = &(*at)->next;
	if (server->calls == call)
		server->drain = sd_event_source_disable_unref(server->drain);
	*at = call->next;
	llm_call_free(call);
	service_release(server->options.service);
	if (server->calls)
		(void)sd_event_source_set_enabled(server->work, SD_EVENT_ON);
	else
		rest(server);
}

static void fail(struct llm_server *server, struct llm_call *call, const struct error *err)
{
	bool nobody_waits =
		err->code == -ECANCELED || err->code == -EPIPE || llm_call_is_abandoned(call);

	if (!nobody_waits && err->code != -EINVAL && err->code != -EMSGSIZE)
		log_error("%s", err->text);
	(void)llm_call_fail(call, server->weights, err); /* the peer may be gone */
	forget(server, call);
}

static void finish(struct llm_server *server, struct llm_call *call)
{
	(void)llm_call_reply(call, server->file.name); /* the peer may be gone */
	forget(server, call);
}

static int on_drain(sd_event_source *source, int fd, uint32_t events, void *data)
{
	struct llm_server *server = data;
	struct llm_call *call = server->calls;
	struct error err = {};
	int r = llm_call_flush(call, &err);

	(void)source;
	(void)fd;
	(void)events;
	if (r == 1)
		return 0;
	server->drain = sd_event_source_disable_unref(server->drain);
	if (r < 0)
		fail(server, call, &err);
	else if (call->ended)
		finish(server, call);
	return 0;
}

/* Sends what is there; a full pipe is waited for beside the further work. */
static int pass_on(struct llm_server *server, struct llm_call *call, struct error *err)
{
	int r = server->drain ? 1 : llm_call_flush(call, err);

	if (r == 1 && !server->drain) {
		r = sd_event_add_io(service_event(server->options.service), &server->drain,
				    call->pipe_fd, EPOLLOUT, on_drain, server);
		if (r < 0)
			return FAIL(err, r, "the pipe for the text: %s", strerror(-r));
	}
	if (r >= 0 && call->ended && server->drain)
		(void)sd_event_source_set_enabled(server->work, SD_EVENT_OFF);
	return r;
}

static int step(struct llm_server *server, struct llm_call *call, struct error *err)
{
	int r = load(server, call, err);

	if (r >= 0 && !call->run)
		r = llm_call_begin(call, server->weights, &server->store, err);
	server->computed = true;
	if (r >= 0)
		r = llm_call_step(call, err);
	if (r >= 0 && call->is_prepare && !call->ended &&
	    clock_monotonic_us() - server->kept_us >= KEEP_EVERY_US)
		keep_last(server);
	return r < 0 ? r : pass_on(server, call, err);
}

/* A prefix that is kept is no reason to load the weights, or to forget what the context holds. */
static bool is_kept_already(struct llm_server *server, struct llm_call *call)
{
	return call->is_prepare && !call->run &&
	       llm_call_reply_kept(call, &server->file, &server->store) > 0;
}

static int on_work(sd_event_source *source, void *data)
{
	struct llm_server *server = data;
	struct llm_call *call = server->calls;
	struct error err = {};
	int r;

	(void)source;
	assert(call);
	r = identify(server, call, &err);
	if (r > 0)
		return 0;
	if (r == 0 && is_kept_already(server, call)) {
		forget(server, call);
		return 0;
	}
	if (r == 0 && !server->weights && llm_call_say_loading(call))
		return 0; /* said before it is done */
	if (r == 0)
		r = step(server, call, &err);
	if (r == -ECANCELED && !llm_call_is_abandoned(call))
		return 0; /* the program is asked to end; that event comes next */
	if (r < 0)
		fail(server, call, &err);
	else if (call->ended && !server->drain)
		finish(server, call);
	return 0;
}

/* A prefix is prepared when nothing else is to do. */
static unsigned rank(const struct llm_call *call)
{
	return call->is_prepare ? PRIORITY_COUNT : call->priority;
}

/* What has begun is put aside for what is more urgent, unless its pipe is being waited for. */
static bool stays_before(const struct llm_server *server, const struct llm_call *earlier,
			 const struct llm_call *call)
{
	if (earlier == server->calls && (server->drain || earlier->ended))
		return true;
	return rank(earlier) <= rank(call);
}

static void enqueue(struct llm_server *server, struct llm_call *call)
{
	struct llm_call **at = &server->calls;

	while (*at && stays_before(server, *at, call))
		at = &(*at)->next;
	call->next = *at;
	*at = call;
	service_hold(server->options.service);
	(void)sd_event_source_set_enabled(server->idle, SD_EVENT_OFF);
	if (call != server->calls)
		llm_call_say_waiting(call);
	if (!server->calls->ended) /* else the pipe of the first is waited for */
		(void)sd_event_source_set_enabled(server->work, SD_EVENT_ON);
}

static int receive(struct llm_server *server, sd_varlink *link, sd_json_variant *parameters,
		   sd_varlink_method_flags_t flags, bool is_prepare)
{
	struct llm_call *call;
	struct error err = {};

	if (llm_call_new(link, parameters, is_prepare, server->options.limits, &call, &err) < 0)
		return llm_call_refuse(link, server->options.limits, &err);
	call->wants_progress = flags & SD_VARLINK_METHOD_MORE;
	enqueue(server, call);
	return 1;
}

static int on_complete(sd_varlink *link, sd_json_variant *parameters,
		       sd_varlink_method_flags_t flags, void *data)
{
	return receive(data, link, parameters, flags, false);
}

static int on_prepare(sd_varlink *link, sd_json_variant *parameters,
		      sd_varlink_method_flags_t flags, void *data)
{
	return receive(data, link, parameters, flags, true);
}

static int list_prefixes(const struct llm_server *server, sd_json_variant **ret)
{
	struct llm_state_row rows[LLM_STATES_MAX + 1];
	int n = llm_state_list(&server->store, rows, NULL);

	if (n < 0)
		return n;
	for (int i = 0; i < n; i++) {
		int r = sd_json_variant_append_arraybo(
			ret, SD_JSON_BUILD_PAIR_STRING("hash", rows[i].name),
			SD_JSON_BUILD_PAIR_UNSIGNED("tokens", rows[i].tokens),
			SD_JSON_BUILD_PAIR_UNSIGNED("bytes", rows[i].bytes));

		if (r < 0)
			return r;
	}
	return *ret ? 0 : sd_json_variant_new_array(ret, NULL, 0);
}

static int on_status(sd_varlink *link, sd_json_variant *parameters, sd_varlink_method_flags_t flags,
		     void *data)
{
	__attribute__((cleanup(sd_json_variant_unrefp))) sd_json_variant *prefixes = NULL;
	struct llm_server *server = data;
	const struct llm_limits *limits = server->options.limits;
	char hex[SHA256_HEX_BYTES];
	int r = list_prefixes(server, &prefixes);

	(void)parameters;
	(void)flags;
	if (r < 0)
		return r;
	sha256_hex(server->file.sha256, hex);
	return sd_varlink_replybo(
		link,
		SD_JSON_BUILD_PAIR_OBJECT(
			"status", SD_JSON_BUILD_PAIR_BOOLEAN("loaded", server->weights != NULL),
			SD_JSON_BUILD_PAIR_STRING("model", server->file.name),
			SD_JSON_BUILD_PAIR_CONDITION(server->file.size > 0, "sha256",
						     SD_JSON_BUILD_STRING(hex)),
			SD_JSON_BUILD_PAIR_UNSIGNED("sizeBytes", server->file.size),
			SD_JSON_BUILD_PAIR_UNSIGNED(
				"contextTokens",
				server->weights ? llm_weights_context_tokens(server->weights)
						: limits->context_tokens),
			SD_JSON_BUILD_PAIR_UNSIGNED("threads", threads(server)),
			SD_JSON_BUILD_PAIR_VARIANT("prefixes", prefixes)));
}

static void on_disconnect(sd_varlink_server *varlink, sd_varlink *link, void *data)
{
	struct llm_server *server = sd_varlink_get_userdata(link);
	struct llm_call *call, *next;

	(void)varlink;
	(void)data;
	if (!server)
		return; /* refused at the door */
	for (call = server->calls; call; call = next) {
		next = call->next;
		if (call->link == link)
			forget(server, call);
	}
}

/*
 * Nobody has called for so long. The weights go first, which takes a moment on a slow disk; a call
 * that came meanwhile is seen before the program ends. Who is connected without a call connects
 * again with the next one.
 */
static int on_idle(sd_event_source *source, uint64_t usec, void *data)
{
	struct llm_server *server = data;

	(void)usec;
	if (!server->weights)
		return sd_event_exit(sd_event_source_get_event(source), 0);
	unload(server);
	(void)sd_event_source_set_time_relative(source, LAST_LOOK_US);
	return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

static int attach(struct llm_server *server)
{
	sd_event *event = service_event(server->options.service);
	int r = sd_event_add_defer(event, &server->work, on_work, server);

	if (r >= 0)
		r = sd_event_source_set_enabled(server->work, SD_EVENT_OFF);
	if (r >= 0) /* everything else goes first */
		r = sd_event_source_set_priority(server->work, SD_EVENT_PRIORITY_IDLE);
	if (r >= 0)
		r = sd_event_add_time_relative(
			event, &server->idle, CLOCK_MONOTONIC,
			server->options.limits->idle_seconds * CLOCK_SECOND_US, 0, on_idle, server);
	if (r >= 0)
		r = sd_varlink_server_bind_method_many(
			server->server, "io.clawos.Llm.Complete", on_complete,
			"io.clawos.Llm.Prepare", on_prepare, "io.clawos.Llm.Status", on_status);
	if (r >= 0)
		r = sd_varlink_server_bind_disconnect(server->server, on_disconnect);
	return r;
}

int llm_server_new(const struct llm_server_options *options, struct llm_server **ret,
		   struct error *err)
{
	struct llm_server *server = calloc(1, sizeof(*server));
	int r;

	if (!server)
		return FAIL(err, -ENOMEM, "out of memory");
	server->options = *options;
	server->store = (struct llm_store){ options->state_fd, options->shared_fd,
					    options->limits->states };
	r = service_serve(options->service, "llm", &vl_interface_io_clawos_Llm, options->peers,
			  server, &server->server, err);
	if (r >= 0) {
		r = attach(server);
		if (r < 0)
			(void)FAIL(err, r, "event loop: %s", strerror(-r));
	}
	if (r < 0) {
		llm_server_free(server);
		return r;
	}
	*ret = server;
	return 0;
}

void llm_server_free(struct llm_server *server)
{
	if (!server)
		return;
	while (server->calls) {
		struct llm_call *call = server->calls;

		server->calls = call->next;
		llm_call_free(call);
	}
	sd_event_source_disable_unref(server->drain);
	sd_event_source_disable_unref(server->idle);
	sd_event_source_disable_unref(server->work);
	sd_varlink_server_unref(server->server);
	unload(server);
	free(server);
}
