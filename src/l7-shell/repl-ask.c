/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* Questions of the agent at the prompt: a key answers (L7). */
#include "base/cleanup.h"
#include "base/clock.h"
#include "l7-shell/flow.h"
#include "l7-shell/line-editor.h"
#include "l7-shell/link.h"
#include "l7-shell/repl.h"
#include "l7-shell/tool-line.h"
#include "l7-shell/tty-mode.h"

#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define ESC 0x1b
#define READ_US (300 * CLOCK_MSEC_US) /* keys that follow each other within are one word */
#define SEEN_US (700 * CLOCK_MSEC_US) /* who typed on without looking has stopped */

static int find(const struct repl *repl, uint64_t question)
{
	for (size_t i = 0; i < repl->n_questions; i++)
		if ((uint64_t)link_integer(repl->questions[i], "seq") == question)
			return (int)i;
	return -1;
}

void repl_keep_question(struct repl *repl, sd_json_variant *event)
{
	if (repl->n_questions == REPL_QUESTIONS_MAX)
		return; /* it times out to denied; claw-agentd asks one at a time per call */
	repl->questions[repl->n_questions++] = sd_json_variant_ref(event);
}

void repl_drop_question(struct repl *repl, uint64_t question)
{
	int index = find(repl, question);

	if (index < 0)
		return;
	sd_json_variant_unref(repl->questions[index]);
	repl->n_questions--;
	for (size_t i = (size_t)index; i < repl->n_questions; i++)
		repl->questions[i] = repl->questions[i + 1];
}

void repl_drop_questions(struct repl *repl)
{
	while (repl->n_questions > 0)
		sd_json_variant_unref(repl->questions[--repl->n_questions]);
}

int repl_decide(struct repl *repl, uint64_t question, enum decision decision, struct error *err)
{
	int index = question > 0 ? find(repl, question) : (int)repl->n_questions - 1;

	if (repl->n_questions == 0)
		return FAIL(err, -ENOENT, "no question is open in this thread");
	if (question == 0 && repl->n_questions > 1)
		return FAIL(err, -EINVAL, "%zu questions are open: name one", repl->n_questions);
	if (index < 0)
		return FAIL(err, -ENOENT, "question %llu is not open",
			    (unsigned long long)question);
	repl->answered = (uint64_t)link_integer(repl->questions[index], "seq");
	return decision_give(repl->shell->run_fd, repl->questions[index], decision, err);
}

static void print_choice(struct repl *repl, sd_json_variant *data, bool can_always)
{
	struct screen *out = &repl->shell->out;
	uint64_t limit_us = (uint64_t)link_integer(data, "timeoutUsec");
	char span[TOOL_LINE_SPAN_BYTES];
	struct flow flow;

	screen_fresh_line(out);
	screen_own(out, STYLE_PLAIN, "  ");
	flow_begin(&flow, out, 2, 2);
	flow_own(&flow, STYLE_ASK, "[y]es once%s  [n]o",
		 can_always ? "  in this [t]hread  [a]lways" : "");
	if (limit_us > 0) {
		tool_line_span(limit_us, span);
		flow_own(&flow, STYLE_DIM, "no, unless answered within %s", span);
	}
	screen_own(out, STYLE_PLAIN, " ");
	(void)!screen_flush(out, NULL); /* remembered by the screen */
}

/* What was typed at a question. Keys that follow each other are one word, Enter at most behind it,
 * and only a whole word answers: the A of an arrow key, or of a sentence that is typed here, or a
 * line of a text that is pasted, does not. */
struct reply {
	struct screen *out;
	sd_event_source *pause;
	char word[24]; /* longer than every answer: what does not fit is none */
	size_t n;
	bool paused, ended, gone;
};

static int on_pause(sd_event_source *source, uint64_t usec, void *data)
{
	struct reply *reply = data;

	(void)source;
	(void)usec;
	reply->paused = true;
	return 0;
}

static int on_key(sd_event_source *source, int fd, uint32_t events, void *data)
{
	struct reply *reply = data;
	char key = 0;

	(void)source;
	(void)events;
	if (read(fd, &key, 1) != 1) {
		reply->gone = true;
	} else if (key == '\r' || key == '\n') {
		reply->ended = true;
	} else if (reply->ended) {
		reply->n = sizeof(reply->word); /* several lines are none */
	} else if (key == 0x7f || key == '\b' || key == ('U' & 0x1f)) {
		reply->n = 0;
	} else if ((unsigned char)key >= ' ' || key == ESC) {
		if (reply->n < sizeof(reply->word))
			reply->word[reply->n++] =
				(char)(key >= 'A' && key <= 'Z' ? key - 'A' + 'a' : key);
		if (reply->word[0] != ESC && key >= ' ' && key < 0x7f) {
			screen_put(reply->out, STYLE_PLAIN, &key, 1);
			(void)!screen_flush(reply->out, NULL); /* remembered by the screen */
		}
	}
	if (sd_event_source_set_time_relative(reply->pause, READ_US) < 0 ||
	    sd_event_source_set_enabled(reply->pause, SD_EVENT_ONESHOT) < 0)
		reply->gone = true;
	return 0;
}

/* The answer that stands there: y, t, a, n; 0 while there is none. */
static char judge(struct repl *repl, struct reply *reply, sd_json_variant *data, bool can_always)
{
	static const char *const words[] = { "y",     "yes", "/approve", "n", "no",
					     "/deny", "t",   "thread",   "a", "always" };
	bool ended = reply->ended;

	if (reply->gone)
		return 'n'; /* nobody is there */
	if (!reply->paused)
		return 0;
	reply->paused = reply->ended = false;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strlen(words[i]) == reply->n && memcmp(words[i], reply->word, reply->n) == 0 &&
		    (can_always || i < 6))
			return "yyynnnttaa"[i];
	if (ended && reply->n > 0)
		print_choice(repl, data, can_always);
	if (ended || (reply->n > 0 && reply->word[0] == ESC))
		reply->n = 0;
	return 0;
}

static int on_time(sd_event_source *source, uint64_t usec, void *data)
{
	bool *over = data;

	(void)source;
	(void)usec;
	*over = true;
	return 0;
}

static bool is_open(const struct repl *repl, uint64_t question)
{
	return find(repl, question) >= 0 && !repl->lost && !repl->quit && !repl->interrupting;
}

/* The action has to have been seen, and nothing is being typed: keys that come sooner were meant
 * for something else. A line that is begun meanwhile is a line: the question waits for its end. */
static void let_it_be_read(struct repl *repl, uint64_t question)
{
	uint64_t from = clock_monotonic_us();

	repl_show(repl);
	while (is_open(repl, question)) {
		uint64_t key = line_editor_last_key_us(repl->editor), now = clock_monotonic_us();
		sd_event_source *source = NULL;
		bool over = false;

		if (key > from)
			from = key;
		if (now >= from + SEEN_US || !line_editor_is_empty(repl->editor) ||
		    sd_event_add_time_relative(repl->event, &source, CLOCK_MONOTONIC,
					       from + SEEN_US - now, READ_US / 10, on_time,
					       &over) < 0)
			break;
		while (!over && is_open(repl, question) && line_editor_is_empty(repl->editor))
			repl_step(repl);
		sd_event_source_disable_unref(source);
	}
	repl_hide(repl);
}

/* y, t, a or n, or 0 when the question is answered or gone, or something is being typed. */
static char await_reply(struct repl *repl, sd_json_variant *data, uint64_t question,
			bool can_always)
{
	struct reply reply = { .out = &repl->shell->out };
	struct tty_mode mode = { 0 };
	sd_event_source *source = NULL;
	char key = 0;

	let_it_be_read(repl, question);
	if (!is_open(repl, question) || !line_editor_is_empty(repl->editor))
		return 0;
	/* what is typed from here on answers it */
	line_editor_pause(repl->editor);
	tty_mode_keys(&mode);
	print_choice(repl, data, can_always);
	if (sd_event_add_time_relative(repl->event, &reply.pause, CLOCK_MONOTONIC, 0, READ_US / 10,
				       on_pause, &reply) < 0 ||
	    sd_event_source_set_enabled(reply.pause, SD_EVENT_OFF) < 0 ||
	    sd_event_add_io(repl->event, &source, STDIN_FILENO, EPOLLIN, on_key, &reply) < 0)
		key = 'n';
	while (key == 0 && is_open(repl, question)) {
		repl_step(repl);
		key = judge(repl, &reply, data, can_always);
	}
	sd_event_source_disable_unref(source);
	sd_event_source_disable_unref(reply.pause);
	tty_mode_restore(&mode);
	line_editor_resume(repl->editor);
	return key;
}

bool repl_may_ask(struct repl *repl)
{
	struct screen *out = &repl->shell->out;
	uint64_t question;

	if (repl->n_questions == 0 || !repl_is_running(repl) || repl->interrupting)
		return false;
	if (line_editor_is_empty(repl->editor))
		return true;
	question = (uint64_t)link_integer(repl->questions[0], "seq");
	if (repl->hinted == question)
		return false;
	repl->hinted = question;
	repl_hide(repl);
	screen_fresh_line(out);
	screen_own(out, STYLE_DIM,
		   "  keys answer it when your line is sent or empty (Ctrl-U); or later: /approve "
		   "%llu, "
		   "/deny %llu\n",
		   (unsigned long long)question, (unsigned long long)question);
	return false;
}

void repl_ask(struct repl *repl)
{
	auto_json sd_json_variant *event = sd_json_variant_ref(repl->questions[0]);
	sd_json_variant *data = link_field(event, "data");
	uint64_t question = (uint64_t)link_integer(event, "seq");
	bool can_always = decision_rule(data) != NULL;
	enum decision decision = DECISION_DENY;
	struct error err = { 0 };
	char key;
	int r;

	key = await_reply(repl, data, question, can_always);
	screen_fresh_line(&repl->shell->out);
	if (key == 0)
		return;
	if (key != 'n')
		decision = key == 'a'   ? DECISION_ALWAYS
			   : key == 't' ? DECISION_THREAD
					: DECISION_ONCE;
	r = repl_decide(repl, question, decision, &err);
	if (r < 0 && r != -ENOENT) {
		screen_foreign(&repl->shell->out, STYLE_BAD, err.text, 0);
		screen_put(&repl->shell->out, STYLE_PLAIN, "\n", 1);
	}
	/* claw-agentd's decision record takes it off the list; until then it is not asked again */
	while (r >= 0 && find(repl, question) >= 0 && !repl->lost && !repl->quit)
		repl_step(repl);
	if (r < 0) /* it is not asked again here; it stays open at the agent until it times out */
		repl_drop_question(repl, question);
}
