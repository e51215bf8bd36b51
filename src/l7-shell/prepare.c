/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l7-shell/prepare.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "l7-shell/link.h"

#include <stdio.h>
#include <string.h>
#include <systemd/sd-event.h>

#define LINE_EVERY_US (3 * CLOCK_SECOND_US) /* without a terminal */

enum { LINE_BYTES = 160, COUNT_BYTES = 24, THOUSAND = 1000 };

struct prepare {
	struct shell *shell;
	sd_event *event;
	struct error err;
	uint64_t said_us;
};

/* "1,218" */
static const char *count(int64_t number, char ret[static COUNT_BYTES])
{
	if (number < THOUSAND)
		(void)snprintf(ret, COUNT_BYTES, "%lld", (long long)number);
	else
		(void)snprintf(ret, COUNT_BYTES, "%lld,%03lld", (long long)(number / THOUSAND),
			       (long long)(number % THOUSAND));
	return ret;
}

static void show_progress(struct prepare *prepare, sd_json_variant *reply)
{
	struct screen *notes = &prepare->shell->notes;
	const char *state = link_string(reply, "state");
	char line[LINE_BYTES], read[COUNT_BYTES], all[COUNT_BYTES];
	uint64_t now = clock_monotonic_us();

	if (strcmp(state, "reading") == 0)
		(void)snprintf(
			line, sizeof(line),
			"preparing the model's memory of its instructions: %s of %s tokens, "
			"%lld s left",
			count(link_integer(reply, "readTokens"), read),
			count(link_integer(reply, "promptTokens"), all),
			(long long)(link_integer(reply, "leftUsec") / (int64_t)CLOCK_SECOND_US) +
				1);
	else
		(void)snprintf(line, sizeof(line), "%s the local model",
			       strcmp(state, "loading") == 0 ? "loading" : "waiting for");
	if (notes->terminal) {
		screen_status(notes, line);
	} else if (strcmp(state, "reading") == 0 && now - prepare->said_us >= LINE_EVERY_US) {
		prepare->said_us = now;
		screen_own(notes, STYLE_PLAIN, "%s\n", line);
	}
	(void)!screen_flush(notes, NULL); /* progress that nobody sees is no failure */
}

static int show_end(struct prepare *prepare, sd_json_variant *reply)
{
	struct screen *out = &prepare->shell->out;
	const char *state = link_string(reply, "state");
	char all[COUNT_BYTES];

	if (strcmp(state, "failed") == 0)
		return FAIL(&prepare->err, -EIO, "the local model is not ready: %s",
			    link_string(reply, "reason"));
	if (strcmp(state, "none") == 0) {
		screen_own(out, STYLE_PLAIN, "nothing to prepare: the model is a provider's\n");
		return 0;
	}
	screen_own(out, STYLE_PLAIN, "the local model is ready: ");
	screen_foreign(out, STYLE_PLAIN, link_string(reply, "model"), 0);
	screen_own(out, STYLE_PLAIN, "%s%s tokens of instructions\n",
		   *link_string(reply, "model") ? ", " : "",
		   count(link_integer(reply, "promptTokens"), all));
	return 0;
}

static int on_reply(sd_varlink *link, sd_json_variant *reply, const char *error_id,
		    sd_varlink_reply_flags_t flags, void *data)
{
	struct prepare *prepare = data;
	int r;

	(void)link;
	if (!error_id && (flags & SD_VARLINK_REPLY_CONTINUES)) {
		show_progress(prepare, reply);
		return 0;
	}
	r = error_id ? link_error(error_id, reply, &prepare->err) : show_end(prepare, reply);
	return sd_event_exit(prepare->event, r < 0 ? r : 0);
}

static int ask(struct prepare *prepare, sd_varlink *link)
{
	int r = sd_varlink_bind_reply(link, on_reply);

	(void)sd_varlink_set_userdata(link, prepare);
	if (r >= 0)
		r = sd_varlink_set_relative_timeout(link, UINT64_MAX); /* progress is shown */
	if (r >= 0)
		r = sd_varlink_attach_event(link, prepare->event, SD_EVENT_PRIORITY_NORMAL);
	if (r >= 0)
		r = sd_varlink_observe(link, "io.clawos.Agent.Prepare", NULL);
	return r >= 0 ? sd_event_loop(prepare->event) : r;
}

int prepare_run(struct shell *shell, const char *const args[], struct error *err)
{
	__attribute__((cleanup(sd_event_unrefp))) sd_event *event = NULL;
	auto_link sd_varlink *link = NULL;
	struct prepare prepare = { .shell = shell };
	int r = sd_event_new(&event);

	(void)args;
	if (r < 0)
		return FAIL(err, r, "event loop: %s", strerror(-r));
	prepare.event = event;
	r = link_open(shell->run_fd, "agent", &link, err);
	if (r < 0)
		return r;
	r = ask(&prepare, link);
	screen_settle(&shell->notes);
	if (r < 0)
		*err = prepare.err.code < 0 ? prepare.err
					    : (struct error){ .code = r, .text = "no answer" };
	return r;
}
