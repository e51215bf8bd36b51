/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l7-shell/view.h"

#include "base/cleanup.h"
#include "base/utf8.h"
#include "l7-shell/decision.h"
#include "l7-shell/flow.h"
#include "l7-shell/link.h"
#include "l7-shell/person-line.h"
#include "l7-shell/secret-line.h"
#include "l7-shell/time-words.h"
#include "l7-shell/tool-line.h"
#include "l7-shell/typeset.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	ID_BYTES = 80,
	CALLS_MAX = 32,
	WAITING_MAX = 64,
	WAIT_BYTES = 128,
	TIME_WORDS_BYTES = 1024,
	ACTION_COLUMNS = 300, /* a scheme and the longest host, in a few lines */
};

/* A tool call that has begun. */
struct begun {
	char id[ID_BYTES];
	uint64_t time_us;
};

/* A message behind the turn that runs. */
struct waiting {
	uint64_t turn;
	sd_json_variant *data;
};

struct view {
	struct view_options options;
	uint64_t own_turn;
	uint64_t turn;   /* the one the event is about */
	uint64_t active; /* has started and is not done; 0: none */
	struct waiting waiting[WAITING_MAX];
	unsigned n_waiting;
	struct typeset *text;     /* what the model says */
	char wait[WAIT_BYTES];    /* what the model is waited for; "": it has begun to speak */
	bool is_direct;           /* the turn's answer is what its tool says */
	bool tells_time;          /* the turn is a direct /time */
	bool reasons;             /* reasoning is being shown as the status line */
	char open_call[ID_BYTES]; /* the tool call whose line has no end yet; "": none */
	struct begun begun[CALLS_MAX];
	unsigned n_begun; /* counts on: the oldest place is taken again */
	uint64_t time_us; /* of the event that is being shown */
};

int view_open(const struct view_options *options, struct view **ret)
{
	struct view *view = calloc(1, sizeof(*view));
	int r = view ? typeset_open(options->answers, &view->text) : -ENOMEM;

	if (r < 0) {
		free(view);
		return r;
	}
	view->options = *options;
	*ret = view;
	return 0;
}

void view_forget(struct view *view)
{
	while (view->n_waiting > 0)
		sd_json_variant_unref(view->waiting[--view->n_waiting].data);
	view->active = view->own_turn = 0;
}

void view_close(struct view *view)
{
	if (!view)
		return;
	view_forget(view);
	typeset_close(view->text);
	free(view);
}

void view_follow(struct view *view, uint64_t turn)
{
	view->own_turn = turn;
}

void view_break(struct view *view)
{
	typeset_break(view->text);
}

void view_resize(struct view *view)
{
	typeset_resize(view->text);
}

/* Ends whatever line is open, so that a note begins on a line of its own. */
static struct screen *note(struct view *view)
{
	if (view->options.answers->terminal)
		typeset_end(view->text);
	if (view->open_call[0] && view->options.notes)
		screen_fresh_line(view->options.notes);
	view->open_call[0] = '\0';
	if (view->options.notes && view->options.notes == view->options.answers)
		screen_fresh_line(view->options.notes);
	return view->options.notes;
}

void view_pause(struct view *view)
{
	(void)note(view);
}

static void begin_turn(struct view *view, uint64_t turn, sd_json_variant *data)
{
	struct screen *notes = note(view);

	typeset_start(view->text);
	memset(view->begun, 0, sizeof(view->begun));
	view->is_direct = link_string(data, "tool")[0] != '\0';
	view->tells_time = strcmp(link_string(data, "tool"), "time") == 0;
	if (!notes || turn == view->own_turn)
		return;
	screen_own(notes, STYLE_BOLD, "> ");
	if (link_string(data, "tool")[0] && !link_string(data, "text")[0])
		tool_line_start(notes, link_string(data, "tool"), link_field(data, "arguments"),
				TOOL_LINE_RESULT_COLUMNS);
	else
		screen_foreign_block(notes, STYLE_BOLD, link_string(data, "text"),
				     strlen(link_string(data, "text")));
	screen_fresh_line(notes);
}

/* Behind a running turn it is only kept: its line would stand in another one's answer. */
static void on_accepted(struct view *view, sd_json_variant *data)
{
	if (view->active == 0) {
		begin_turn(view, view->turn, data);
	} else if (view->n_waiting < WAITING_MAX) {
		view->waiting[view->n_waiting++] =
			(struct waiting){ view->turn, sd_json_variant_ref(data) };
	}
}

static void on_turn_started(struct view *view, sd_json_variant *data)
{
	(void)data;
	for (unsigned i = 0; i < view->n_waiting; i++) {
		struct waiting *waiting = &view->waiting[i];

		if (waiting->turn != view->turn)
			continue;
		begin_turn(view, waiting->turn, waiting->data);
		sd_json_variant_unref(waiting->data);
		view->n_waiting--;
		memmove(waiting, waiting + 1, (view->n_waiting - i) * sizeof(*waiting));
		break;
	}
	view->active = view->turn;
}

static void on_text(struct view *view, sd_json_variant *data)
{
	if (!view->options.answers->terminal)
		return; /* written whole, from the record */
	if (view->open_call[0])
		(void)note(view);
	typeset_add(view->text, link_string(data, "text"), (uint64_t)link_integer(data, "offset"));
}

/* A budget is nearly used: said once, by claw-egressd. */
static void warn(struct view *view, const char *warning)
{
	struct screen *notes = *warning ? note(view) : NULL;

	if (!notes)
		return;
	screen_foreign(notes, STYLE_ASK, warning, 0);
	screen_put(notes, STYLE_PLAIN, "\n", 1);
}

static void on_model_done(struct view *view, sd_json_variant *data)
{
	if (view->options.answers->terminal)
		typeset_whole(view->text, link_string(data, "text"));
	typeset_end(view->text);
	warn(view, link_string(data, "warning"));
}

/* A direct /time is answered for a person; the tool's own words are in the trace. */
static void show_direct(struct view *view, const char *text)
{
	auto_buf struct buf words = BUF(TIME_WORDS_BYTES);
	struct screen *screen = view->options.answers;

	if (view->tells_time && time_words(text, &words) > 0)
		text = buf_string(&words);
	screen_fresh_line(screen);
	screen_foreign_block(screen, STYLE_PLAIN, text, strlen(text));
	screen_fresh_line(screen);
}

/* What a tool says is shown as it is: a file or a command's output is no Markdown. */
static void on_answer(struct view *view, sd_json_variant *data)
{
	const char *text = link_string(data, "text");

	if (view->is_direct) {
		show_direct(view, text);
		return;
	}
	typeset_whole(view->text, text);
	typeset_end(view->text);
}

static void note_begin(struct view *view, const char *id)
{
	struct begun *begun = &view->begun[view->n_begun++ % CALLS_MAX];

	*begun = (struct begun){ .time_us = view->time_us };
	(void)snprintf(begun->id, sizeof(begun->id), "%s",
		       id); /* a longer one is told apart by its front */
}

/* How long the call took, by the times of its two records; 0: its begin was not seen. */
static uint64_t duration(struct view *view, const char *id)
{
	for (size_t i = 0; i < CALLS_MAX; i++) {
		struct begun *begun = &view->begun[i];

		if (!begun->id[0] || strncmp(begun->id, id, ID_BYTES - 1) != 0)
			continue;
		begun->id[0] = '\0'; /* ids are a turn's own: the next one may have the same */
		return view->time_us > begun->time_us ? view->time_us - begun->time_us : 0;
	}
	return 0;
}

static void on_tool_started(struct view *view, sd_json_variant *data)
{
	struct screen *notes = note(view);
	const char *id = link_string(data, "id");

	note_begin(view, id);
	if (!notes ||
	    person_line_show(notes, link_string(data, "tool"), link_field(data, "arguments")))
		return;
	tool_line_start(notes, link_string(data, "tool"), link_field(data, "arguments"),
			TOOL_LINE_RESULT_COLUMNS);
	if (strlen(id) < sizeof(view->open_call))
		memcpy(view->open_call, id, strlen(id) + 1);
}

static void on_tool_done(struct view *view, sd_json_variant *data)
{
	bool same_line =
		view->open_call[0] && strcmp(view->open_call, link_string(data, "id")) == 0;
	bool is_shown = link_boolean(data, "ok") && person_line_is_shown(link_string(data, "tool"));
	struct screen *notes = same_line ? view->options.notes : note(view);
	uint64_t took = duration(view, link_string(data, "id"));

	if (!notes || is_shown)
		return;
	if (!same_line)
		tool_line_again(notes, link_string(data, "tool"));
	tool_line_end(notes, data, took);
	if (!view->is_direct)
		tool_line_add_reason(notes, data);
	view->open_call[0] = '\0';
}

/*
 * What carries much goes out of sight above what it carries, which may look like another question:
 * what it is is said again below, where it is answered.
 */
static void show_action(struct screen *notes, const char *action)
{
	size_t length = strlen(action), first = strcspn(action, "\n");
	auto_free char *what = strndup(action, first);

	screen_foreign_block(notes, STYLE_BOLD, action, first);
	screen_foreign_block(notes, STYLE_PLAIN, action + first, length - first);
	screen_fresh_line(notes);
	if (first == length && length <= ACTION_COLUMNS)
		return;
	screen_own(notes, STYLE_ASK, "? that is: ");
	screen_foreign(notes, STYLE_BOLD, what ? what : "(no memory)", ACTION_COLUMNS);
	screen_fresh_line(notes);
}

/* What made the question necessary, what the conversation was shown of strangers, and the rule that
 * a word for longer makes. */
static void show_reason(struct screen *notes, sd_json_variant *data)
{
	sd_json_variant *labels = link_field(data, "seenLabels");
	const char *rule = decision_rule(data);
	struct flow flow;

	flow_begin(&flow, notes, 0, 4);
	if (*link_string(data, "reason"))
		flow_foreign(&flow, STYLE_DIM, "  why: ", link_string(data, "reason"));
	for (size_t i = 0;
	     labels && sd_json_variant_is_array(labels) && i < sd_json_variant_elements(labels);
	     i++) {
		sd_json_variant *label = sd_json_variant_by_index(labels, i);

		flow_foreign(&flow, STYLE_DIM, i ? "" : "this thread has read ",
			     sd_json_variant_is_string(label) ? sd_json_variant_string(label)
							      : "?");
	}
	if (*link_string(data, "reason") || labels)
		flow_end(&flow);
	if (!rule)
		return;
	screen_own(notes, STYLE_DIM, "  for longer it is the rule: ");
	screen_foreign(notes, STYLE_DIM, rule, 0);
	screen_fresh_line(notes);
}

static void on_question(struct view *view, sd_json_variant *data)
{
	struct screen *notes = note(view);

	if (!notes)
		return;
	screen_own(notes, STYLE_ASK, "? %s", "the agent wants to ");
	screen_foreign(notes, STYLE_ASK, link_string(data, "effect"), 0);
	screen_own(notes, STYLE_ASK, ":\n");
	show_action(notes, link_string(data, "action"));
	show_reason(notes, data);
}

static void on_decision(struct view *view, sd_json_variant *data)
{
	struct screen *notes = note(view);
	const char *by = link_string(data, "by");
	bool allow = link_boolean(data, "allow");

	if (!notes)
		return;
	screen_own(notes, allow ? STYLE_GOOD : STYLE_BAD, "  %s", allow ? "allowed" : "denied");
	if (strcmp(by, "timeout") == 0)
		screen_own(notes, STYLE_DIM, " (nobody answered in time)");
	else if (strcmp(by, "policy") == 0)
		screen_own(notes, STYLE_DIM, " (by the policy for this turn)");
	screen_put(notes, STYLE_PLAIN, "\n", 1);
}

static void on_turn_done(struct view *view, sd_json_variant *data)
{
	const char *state = link_string(data, "state"), *reason = link_string(data, "reason");
	struct screen *notes = note(view);

	typeset_end(view->text);
	if (view->active == view->turn)
		view->active = 0;
	if (!notes || strcmp(state, "done") == 0)
		return;
	screen_own(notes, STYLE_BAD, "turn %llu ", (unsigned long long)view->turn);
	if (strncmp(reason, state, strlen(state)) != 0) /* "interrupted by the person" says both */
		screen_foreign(notes, STYLE_BAD, state, 0);
	else
		screen_foreign(notes, STYLE_BAD, reason, 0);
	if (*reason && strncmp(reason, state, strlen(state)) != 0) {
		screen_own(notes, STYLE_BAD, ": ");
		screen_foreign(notes, STYLE_BAD, reason, 0);
	}
	screen_put(notes, STYLE_PLAIN, "\n", 1);
}

/* What is being waited for, until something comes. */
static void tell_wait(struct view *view, const char *what)
{
	(void)snprintf(view->wait, sizeof(view->wait), "%s", what); /* a longer one is cut */
	view->wait[utf8_cut(view->wait, strlen(view->wait), sizeof(view->wait) - 1)] = '\0';
	screen_status(view->options.notes, view->wait);
}

void view_wait(struct view *view)
{
	if (view->wait[0] && view->active && typeset_is_idle(view->text) && !view->open_call[0])
		screen_status(view->options.notes, view->wait);
}

/* Words for the turn that runs, whoever said them. */
static void on_steer(struct view *view, sd_json_variant *data)
{
	struct screen *notes = note(view);

	if (!notes)
		return;
	screen_own(notes, STYLE_DIM, "  for its next step: ");
	screen_foreign_block(notes, STYLE_BOLD, link_string(data, "text"),
			     strlen(link_string(data, "text")));
	screen_fresh_line(notes);
}

static void on_compact_started(struct view *view, sd_json_variant *data)
{
	(void)data;
	typeset_start(view->text);
	if (view->options.notes && !view->open_call[0])
		tell_wait(view, "older turns are summarised");
}

/* One that was asked for and failed says so at the turn's end. */
static void on_compacted(struct view *view, sd_json_variant *data)
{
	struct screen *notes = link_boolean(data, "ok") ? note(view) : NULL;

	if (notes)
		screen_own(notes, STYLE_DIM,
			   "turns %lld to %lld are summarised; memory_search finds their words\n",
			   (long long)link_integer(data, "from"),
			   (long long)link_integer(data, "until"));
}

static void on_head(struct view *view, sd_json_variant *data)
{
	struct screen *notes = note(view);
	bool is_undone = strcmp(link_string(data, "way"), "undo") == 0;

	if (!notes)
		return;
	screen_own(notes, STYLE_PLAIN, "turn %lld is %s", (long long)link_integer(data, "turn"),
		   is_undone ? "undone" : "back");
	screen_own(notes, STYLE_DIM, "%s\n",
		   is_undone ? "; what its tools did stays done, /redo brings it back" : "");
}

/* Of a job that works for this thread. */
static void on_message(struct view *view, sd_json_variant *data)
{
	struct screen *notes = note(view);

	if (notes)
		person_line_message(notes, link_string(data, "text"));
}

static void on_status(struct view *view, sd_json_variant *data)
{
	if (view->options.notes && typeset_is_idle(view->text) && !view->open_call[0])
		tell_wait(view, link_string(data, "text"));
}

static void on_model_started(struct view *view, sd_json_variant *data)
{
	(void)data;
	typeset_start(view->text);
	if (view->options.notes && !view->open_call[0])
		tell_wait(view, "thinking");
}

static const struct kind_row {
	const char *kind;
	void (*show)(struct view *view, sd_json_variant *data);
} kinds[] = {
	{ "accepted", on_accepted },
	{ "turn-started", on_turn_started },
	{ "model-started", on_model_started },
	{ "text", on_text },
	{ "model-done", on_model_done },
	{ "tool-started", on_tool_started },
	{ "tool-done", on_tool_done },
	{ "question", on_question },
	{ "decision", on_decision },
	{ "answer", on_answer },
	{ "turn-done", on_turn_done },
	{ "steer", on_steer },
	{ "head", on_head },
	{ "compact-started", on_compact_started },
	{ "compacted", on_compacted },
	{ "status", on_status },
	{ "message", on_message },
	{ "reasoning", NULL },
	{ "thread-new", NULL },
};

/* It looks like a secret, so nobody else sees it: the person is told that. */
static void tell_secrets(struct view *view, sd_json_variant *data)
{
	struct screen *notes = secret_line_is_due(data) ? note(view) : NULL;

	if (notes)
		secret_line(notes, STYLE_DIM, data);
}

void view_event(struct view *view, sd_json_variant *event)
{
	const char *kind = link_string(event, "kind");
	int64_t turn = link_integer(event, "turn");

	if (view->options.own_turns_only && (uint64_t)turn != view->own_turn)
		return;
	if (turn > 0)
		view->turn = (uint64_t)turn;
	view->time_us = (uint64_t)link_integer(event, "timeUsec");
	if (strcmp(kind, "reasoning") != 0)
		view->wait[0] = '\0';
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcmp(kinds[i].kind, kind) == 0 && kinds[i].show)
			kinds[i].show(view, link_field(event, "data"));
	tell_secrets(view, link_field(event, "data"));
}
