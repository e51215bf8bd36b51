/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* The turns of the thread that is followed: their events, sending, interrupting (L7). */
#include "base/cleanup.h"
#include "l7-shell/direct.h"
#include "l7-shell/link.h"
#include "l7-shell/repl.h"
#include "l7-shell/session.h"
#include "l7-shell/submit.h"
#include "l7-shell/view.h"

#include <stdlib.h>
#include <string.h>

enum { TURNS_LOOKED_AT = 32 };

static void watch(struct repl *repl, uint64_t turn, const char *text)
{
	for (size_t i = 0; i < repl->n_watched; i++)
		if (repl->watched[i].turn == turn)
			return;
	if (repl->n_watched == REPL_WATCHED_MAX)
		return; /* it is shown all the same, as somebody else's would be */
	repl->watched[repl->n_watched++] =
		(struct watched){ turn, text ? strdup(text) : NULL }; /* without: no line of it */
}

void repl_watch(struct repl *repl, uint64_t turn)
{
	watch(repl, turn, NULL);
}

static void unwatch(struct repl *repl, uint64_t turn)
{
	for (size_t i = 0; i < repl->n_watched; i++) {
		if (repl->watched[i].turn != turn)
			continue;
		free(repl->watched[i].text);
		repl->n_watched--;
		memmove(repl->watched + i, repl->watched + i + 1,
			(repl->n_watched - i) * sizeof(repl->watched[0]));
		repl->interrupting = false;
		return;
	}
}

/* Its message is shown by the view from now on. */
static void begin(struct repl *repl, uint64_t turn)
{
	for (size_t i = 0; i < repl->n_watched; i++) {
		if (repl->watched[i].turn != turn)
			continue;
		free(repl->watched[i].text);
		repl->watched[i].text = NULL;
	}
}

static void drop_watched(struct repl *repl)
{
	while (repl->n_watched > 0)
		unwatch(repl, repl->watched[0].turn);
}

void repl_drop_turns(struct repl *repl)
{
	drop_watched(repl);
	repl_drop_questions(repl);
	repl->interrupt = sd_varlink_close_unref(repl->interrupt);
}

void repl_let_go(struct repl *repl)
{
	if (!repl_is_running(repl))
		return;
	view_pause(repl->view);
	screen_settle(&repl->shell->out);
	screen_own(&repl->shell->out, STYLE_DIM, "turn %llu goes on without being shown\n",
		   (unsigned long long)repl->watched[0].turn);
	drop_watched(repl);
}

/* What follows from an event besides its being shown. */
static void note_event(struct repl *repl, sd_json_variant *event)
{
	const char *kind = link_string(event, "kind");
	uint64_t turn = (uint64_t)link_integer(event, "turn");
	sd_json_variant *data = link_field(event, "data");

	if (strcmp(kind, "question") == 0)
		repl_keep_question(repl, event);
	else if (strcmp(kind, "decision") == 0)
		repl_drop_question(repl, (uint64_t)link_integer(data, "question"));
	else if (strcmp(kind, "turn-started") == 0)
		begin(repl, turn);
	else if (strcmp(kind, "turn-done") == 0)
		unwatch(repl, turn);
}

/* The person's word on a question that is open here, and that was not given here. */
static bool is_answered_elsewhere(const struct repl *repl, sd_json_variant *event)
{
	sd_json_variant *data = link_field(event, "data");
	uint64_t question = (uint64_t)link_integer(data, "question");

	if (strcmp(link_string(event, "kind"), "decision") != 0 ||
	    strcmp(link_string(data, "by"), "person") != 0 || question == repl->answered)
		return false;
	for (size_t i = 0; i < repl->n_questions; i++)
		if ((uint64_t)link_integer(repl->questions[i], "seq") == question)
			return true;
	return false;
}

static void on_event(sd_json_variant *event, void *data)
{
	struct repl *repl = data;
	bool is_others;

	/* Live text of a turn somebody else started would run into the line being typed. */
	if (link_integer(event, "seq") == 0 && !repl_is_running(repl))
		return;
	repl_hide(repl);
	if (link_integer(event, "seq") > 0)
		repl->seen = (uint64_t)link_integer(event, "seq");
	is_others = is_answered_elsewhere(repl, event);
	note_event(repl, event);
	view_event(repl->view, event);
	if (is_others)
		screen_own(&repl->shell->out, STYLE_DIM, "  (in another terminal)\n");
	if (strcmp(link_string(event, "kind"), "question") == 0 && !repl_is_running(repl) &&
	    repl->caught_up)
		screen_own(&repl->shell->out, STYLE_DIM, "  /approve %lld or /deny %lld\n",
			   (long long)link_integer(event, "seq"),
			   (long long)link_integer(event, "seq"));
	repl_show(repl);
}

static void on_caught_up(void *data)
{
	struct repl *repl = data;

	repl->caught_up = true;
}

static void on_break(void *data)
{
	struct repl *repl = data;

	view_break(repl->view);
}

static void on_lost(const struct error *reason, void *data)
{
	struct repl *repl = data;

	repl_hide(repl);
	repl_complain(repl, reason);
	screen_own(&repl->shell->out, STYLE_DIM, "the next message starts it again\n");
	repl_drop_turns(repl);
	repl->lost = true;
	repl_show(repl);
}

/* The turn's end is an event of its own; only that there was none is said here. */
static int on_interrupted(sd_varlink *link, sd_json_variant *parameters, const char *error_id,
			  sd_varlink_reply_flags_t flags, void *data)
{
	struct repl *repl = data;

	(void)link;
	(void)flags;
	if (error_id || link_field(parameters, "turn"))
		return 0;
	repl_hide(repl);
	view_pause(repl->view);
	screen_own(&repl->shell->out, STYLE_DIM, "nothing is running in this thread\n");
	repl_show(repl);
	return 0;
}

int repl_interrupt(struct repl *repl, struct error *err)
{
	int r;

	repl->interrupt = sd_varlink_close_unref(repl->interrupt);
	r = link_open(repl->shell->run_fd, "agent", &repl->interrupt, err);
	if (r < 0)
		return r;
	(void)sd_varlink_set_userdata(repl->interrupt, repl);
	r = sd_varlink_bind_reply(repl->interrupt, on_interrupted);
	if (r >= 0)
		r = sd_varlink_attach_event(repl->interrupt, repl->event, SD_EVENT_PRIORITY_NORMAL);
	if (r >= 0)
		r = sd_varlink_invokebo(repl->interrupt, "io.clawos.Agent.Interrupt",
					SD_JSON_BUILD_PAIR_STRING("thread", repl->shell->thread));
	return r < 0 ? FAIL(err, r, "interrupt: %s", strerror(-r)) : 0;
}

static bool is_over(sd_json_variant *turn)
{
	static const char *const ends[] = { "done", "failed", "interrupted" };

	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
		if (strcmp(link_string(turn, "state"), ends[i]) == 0)
			return true;
	return false;
}

/* Where to begin so that the last turn is shown, or all that are not over; these are watched. */
static int first_shown(struct repl *repl, uint64_t *ret_after, struct error *err)
{
	auto_json sd_json_variant *parameters = NULL, *reply = NULL;
	sd_json_variant *turns;
	int64_t seq = 0;
	int r = sd_json_buildo(&parameters,
			       SD_JSON_BUILD_PAIR_STRING("thread", repl->shell->thread),
			       SD_JSON_BUILD_PAIR_INTEGER("limit", TURNS_LOOKED_AT));

	if (r < 0)
		return FAIL(err, r, "history: %s", strerror(-r));
	r = link_ask(repl->shell->run_fd, "agent", "io.clawos.Agent.History", parameters, &reply,
		     err);
	if (r < 0)
		return r;
	turns = link_field(reply, "turns");
	for (size_t i = 0;
	     turns && sd_json_variant_is_array(turns) && i < sd_json_variant_elements(turns); i++) {
		sd_json_variant *turn = sd_json_variant_by_index(turns, i);

		if (!repl_is_running(repl))
			seq = link_integer(turn, "seq");
		if (!is_over(turn))
			watch(repl, (uint64_t)link_integer(turn, "turn"), NULL);
	}
	*ret_after = seq > 0 ? (uint64_t)seq - 1 : 0;
	return 0;
}

/* A thread is made, so that it can be followed before anything is said in it. */
static int make_thread(struct repl *repl, struct error *err)
{
	auto_json sd_json_variant *parameters = NULL;
	int r = sd_json_buildo(&parameters, SD_JSON_BUILD_PAIR_STRING("name", repl->shell->thread));

	if (r < 0)
		return FAIL(err, r, "thread: %s", strerror(-r));
	return link_ask(repl->shell->run_fd, "agent", "io.clawos.Agent.NewThread", parameters, NULL,
			err);
}

int repl_follow(struct repl *repl, struct error *err)
{
	const struct session_acts acts = { on_event, on_caught_up, on_break, on_lost, repl };
	uint64_t after = 0;
	int r;

	repl_drop_turns(repl);
	view_forget(repl->view);
	repl->caught_up = repl->lost = false;
	r = first_shown(repl, &after, err);
	if (r == -ENOENT) {
		r = make_thread(repl, err);
		if (r < 0 && first_shown(repl, &after, NULL) >= 0)
			r = 0; /* another terminal was quicker */
	}
	if (r < 0)
		return r;
	if (repl->seen > 0) /* after a break: what was shown is not shown again */
		after = repl->seen;
	session_close(repl->session);
	repl->session = NULL;
	r = session_open(repl->event,
			 &(struct session_options){ .shell = repl->shell, .after_seq = after },
			 &acts, &repl->session, err);
	while (r >= 0 && !repl->caught_up && !repl->lost && !repl->quit)
		repl_step(repl);
	if (r < 0)
		return r;
	if (repl_is_running(repl)) {
		screen_fresh_line(&repl->shell->out);
		screen_own(&repl->shell->out, STYLE_DIM, "turn %llu is not finished; it goes on\n",
			   (unsigned long long)repl->watched[0].turn);
	}
	return 0;
}

/* Accepted: its turn is watched. */
static int hand_over(struct repl *repl, const struct submission *submission, struct error *err)
{
	struct accepted accepted;
	int r = submit(repl->shell->run_fd, submission, &accepted, err);

	if (r < 0)
		return r;
	if (submission->attachments)
		attach_drop(&repl->attachments);
	if (repl->line_shown)
		view_follow(repl->view, accepted.turn);
	watch(repl, accepted.turn, repl->line_shown ? NULL : submission->text);
	return 0;
}

static struct submission begin_submission(const struct repl *repl, const char *text)
{
	const struct options *options = repl->shell->options;

	return (struct submission){
		.thread = repl->shell->thread,
		.text = text,
		.attachments = &repl->attachments,
		.context_fd = -1,
		.record_fd = -1,
		.replay_fd = -1,
		.allow = options->allow,
		.n_allow = options->n_allow,
		.workspace = repl->workspace,
	};
}

int repl_send_with(struct repl *repl, const char *text, int context_fd, struct error *err)
{
	struct submission submission = begin_submission(repl, text);

	submission.context_fd = context_fd;
	return hand_over(repl, &submission, err);
}

int repl_send(struct repl *repl, const char *text, struct error *err)
{
	auto_json sd_json_variant *arguments = NULL;
	struct submission submission = begin_submission(repl, text);
	const struct direct_form *form;
	int r = direct_parse(text, &form, &arguments, err);

	if (r < 0)
		return r;
	if (form) {
		submission.tool = form->tool;
		submission.arguments = arguments;
		submission.attachments = NULL; /* no model would see them */
	}
	return hand_over(repl, &submission, err);
}
