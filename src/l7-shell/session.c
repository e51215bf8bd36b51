/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l7-shell/session.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "l7-shell/link.h"
#include "l7-shell/shell.h"

#include <stdlib.h>
#include <string.h>

enum {
	RETRIES_MAX = 6,      /* while nobody listens */
	DISCONNECTS_MAX = 16, /* while it listens and ends: about 45 s */
	STARTS_MAX = 3,
};
#define RETRY_FIRST_US (50 * CLOCK_MSEC_US)
#define RETRY_LONGEST_US (4 * CLOCK_SECOND_US)

struct session {
	sd_event *event;
	struct shell *shell;
	char *thread;
	uint64_t last_seq;
	struct session_acts acts;
	sd_varlink *link;
	sd_event_source *again; /* runs when the next attempt is due */
	unsigned failures;      /* attempts in a row that brought no message */
	unsigned starts;        /* how often the system was started again */
};

static int subscribe(struct session *session, struct error *err);
static void retry(struct session *session);

static void lose(struct session *session, const struct error *reason)
{
	session->link = sd_varlink_close_unref(session->link);
	session->acts.on_lost(reason, session->acts.data);
}

static int on_again(sd_event_source *source, uint64_t usec, void *data)
{
	struct session *session = data;
	struct error err = { 0 };
	int r;

	(void)source;
	(void)usec;
	session->link = sd_varlink_close_unref(session->link);
	r = subscribe(session, &err);
	if (r == -ECONNREFUSED && session->starts++ < STARTS_MAX) {
		r = shell_reconnect(session->shell, &err);
		if (r == 0)
			r = subscribe(session, &err);
	}
	if (r < 0 && (r != -ENOENT || session->failures > RETRIES_MAX))
		lose(session, &err);
	else if (r < 0)
		retry(session); /* stopped, perhaps to be started with another configuration */
	return 0;
}

/* The connection broke: try at once, then with growing pauses while nothing answers. */
static void retry(struct session *session)
{
	uint64_t delay = session->failures > 0 ? RETRY_FIRST_US << (session->failures - 1) : 0;

	if (session->failures == 0 && session->acts.on_break)
		session->acts.on_break(session->acts.data);
	session->failures++;
	if (session->failures > DISCONNECTS_MAX) {
		struct error err = { 0 };

		(void)FAIL(&err, -ECONNRESET, "the agent does not stay up");
		shell_explain(session->shell, &err);
		lose(session, &err);
		return;
	}
	if (delay > RETRY_LONGEST_US)
		delay = RETRY_LONGEST_US;
	if (sd_event_source_set_time_relative(session->again, delay) < 0 ||
	    sd_event_source_set_enabled(session->again, SD_EVENT_ONESHOT) < 0)
		(void)sd_event_exit(session->event, -EIO);
}

static int on_reply(sd_varlink *link, sd_json_variant *parameters, const char *error_id,
		    sd_varlink_reply_flags_t flags, void *data)
{
	struct session *session = data;
	sd_json_variant *event = link_field(parameters, "event");
	struct error err = { 0 };
	int64_t seq;

	(void)link;
	if (error_id && (strcmp(error_id, SD_VARLINK_ERROR_DISCONNECTED) == 0 ||
			 strcmp(error_id, SD_VARLINK_ERROR_TIMEOUT) == 0)) {
		retry(session);
		return 0;
	}
	if (error_id) {
		(void)link_error(error_id, parameters, &err);
		lose(session, &err);
		return 0;
	}
	session->failures = 0;
	if (!event) {
		if (session->acts.on_caught_up)
			session->acts.on_caught_up(session->acts.data);
		return 0;
	}
	seq = link_integer(event, "seq");
	if (seq > 0 && (uint64_t)seq <= session->last_seq)
		return 0; /* delivered before the break */
	if (seq > 0)
		session->last_seq = (uint64_t)seq;
	session->acts.on_event(event, session->acts.data);
	if (!(flags & SD_VARLINK_REPLY_CONTINUES))
		retry(session);
	return 0;
}

static int subscribe(struct session *session, struct error *err)
{
	int r = link_open(session->shell->run_fd, "agent", &session->link, err);

	if (r < 0)
		return r;
	(void)sd_varlink_set_userdata(session->link, session);
	r = sd_varlink_bind_reply(session->link, on_reply);
	if (r >= 0)
		r = sd_varlink_set_relative_timeout(session->link,
						    UINT64_MAX); /* events come when they come */
	if (r >= 0)
		r = sd_varlink_attach_event(session->link, session->event,
					    SD_EVENT_PRIORITY_NORMAL);
	if (r >= 0)
		r = sd_varlink_observebo(session->link, "io.clawos.Agent.Subscribe",
					 SD_JSON_BUILD_PAIR_STRING("thread", session->thread),
					 SD_JSON_BUILD_PAIR_UNSIGNED("afterSeq", session->last_seq),
					 SD_JSON_BUILD_PAIR_BOOLEAN("follow", true),
					 SD_JSON_BUILD_PAIR_BOOLEAN("live", true));
	return r < 0 ? FAIL(err, r, "subscribing to events: %s", strerror(-r)) : 0;
}

int session_open(sd_event *event, const struct session_options *options,
		 const struct session_acts *acts, struct session **ret, struct error *err)
{
	struct session *session = calloc(1, sizeof(*session));
	int r;

	if (!session)
		return FAIL(err, -ENOMEM, "out of memory");
	session->event = sd_event_ref(event);
	session->shell = options->shell;
	session->last_seq = options->after_seq;
	session->acts = *acts;
	session->thread = strdup(options->shell->thread);
	r = session->thread ? 0 : FAIL(err, -ENOMEM, "out of memory");
	if (r == 0)
		r = sd_event_add_time_relative(event, &session->again, CLOCK_MONOTONIC, 0, 0,
					       on_again, session);
	if (r >= 0)
		r = sd_event_source_set_enabled(session->again, SD_EVENT_OFF);
	if (r >= 0)
		r = subscribe(session, err);
	if (r < 0) {
		session_close(session);
		return r;
	}
	*ret = session;
	return 0;
}

void session_close(struct session *session)
{
	if (!session)
		return;
	sd_event_source_disable_unref(session->again);
	sd_varlink_close_unref(session->link);
	sd_event_unref(session->event);
	free(session->thread);
	free(session);
}
