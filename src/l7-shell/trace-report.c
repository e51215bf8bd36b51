/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l7-shell/trace-report.h"

#include "base/cleanup.h"
#include "base/dir.h"
#include "base/number.h"
#include "l7-shell/command.h"
#include "l7-shell/cost-report.h"
#include "l7-shell/flow.h"
#include "l7-shell/link.h"
#include "l7-shell/report.h"
#include "l7-shell/tool-line.h"
#include "l7-shell/trace-list.h"

#include <stdlib.h>
#include <string.h>

enum {
	BAR_COLUMNS = 24,
	COLUMNS_WIDE = 100,
	COLUMNS_MEDIUM = 76,
	SPAN_COLUMNS = 8,
	PROMPT_BYTES_MAX = 32 * 1024 * 1024,
	HASH_DIGITS = 12,
	MESSAGE_OTHER_COLUMNS = 18,
	TEXT_COLUMNS = 60,
	STEPS_MAX = 4096,
};

#define BAR "\xE2\x94\x81"  /* "━" */
#define REST "\xE2\x94\x80" /* "─" */

enum step_kind { STEP_MODEL, STEP_TOOL, STEP_QUESTION, STEP_STEER, STEP_COMPACTION };

/* A line of the waterfall; object is borrowed from the trace. */
struct step {
	enum step_kind kind;
	uint64_t start_us, length_us;
	sd_json_variant *object;
};

struct waterfall {
	struct shell *shell;
	struct screen *out;
	uint64_t start_us, length_us;
	size_t bar_columns, indent;
	struct flow flow; /* of the line being made */
	size_t n;
	struct step *steps;
};

static uint64_t number(sd_json_variant *object, const char *key)
{
	int64_t value = link_integer(object, key);

	return value > 0 ? (uint64_t)value : 0;
}

static size_t count(sd_json_variant *array)
{
	return array && sd_json_variant_is_array(array) ? sd_json_variant_elements(array) : 0;
}

static void add_steps(struct waterfall *fall, sd_json_variant *list, enum step_kind kind)
{
	for (size_t i = 0; i < count(list) && fall->n < STEPS_MAX; i++) {
		sd_json_variant *object = sd_json_variant_by_index(list, i);
		struct step *step = &fall->steps[fall->n++];
		uint64_t asked = number(object, "askedUsec"),
			 answered = number(object, "answeredUsec");

		*step = (struct step){ kind, number(object, "startedUsec"),
				       number(object, "durationUsec"), object };
		if (kind == STEP_STEER)
			step->start_us = number(object, "timeUsec");
		if (kind == STEP_QUESTION)
			*step = (struct step){ kind, asked, answered > asked ? answered - asked : 0,
					       object };
	}
}

static int by_start(const void *a, const void *b)
{
	const struct step *x = a, *y = b;

	/* what never began stands last */
	if (x->start_us == 0 || y->start_us == 0)
		return (x->start_us == 0) - (y->start_us == 0);
	return x->start_us < y->start_us ? -1 : x->start_us > y->start_us;
}

/* Where in the turn it lay; a narrow terminal has the time only. */
static void print_bar(struct waterfall *fall, const struct step *step)
{
	uint64_t total = fall->length_us > 0 ? fall->length_us : 1;
	uint64_t offset = step->start_us > fall->start_us ? step->start_us - fall->start_us : 0;
	size_t bar = fall->bar_columns, from, length;
	char span[TOOL_LINE_SPAN_BYTES];

	if (offset > total)
		offset = total;
	tool_line_span(offset, span);
	report_right(fall->out, STYLE_DIM, step->start_us ? span : "", SPAN_COLUMNS);
	screen_own(fall->out, STYLE_PLAIN, "  ");
	if (bar == 0)
		return;
	from = (size_t)(offset * (bar - 1) / total);
	length = 1 + (size_t)(step->length_us * bar / total);
	if (length > bar - from)
		length = bar - from;
	for (size_t i = 0; i < bar; i++) {
		bool in = step->start_us && i >= from && i < from + length;

		screen_own(fall->out, in ? STYLE_HEAD : STYLE_DIM, "%s", in ? BAR : REST);
	}
	screen_own(fall->out, STYLE_PLAIN, "  ");
}

static void print_span(struct waterfall *fall, const char *words, sd_json_variant *object,
		       const char *key)
{
	char span[TOOL_LINE_SPAN_BYTES];

	if (!link_field(object, key))
		return;
	tool_line_span(number(object, key), span);
	flow_own(&fall->flow, STYLE_PLAIN, "%s%s", words, span);
}

static void print_size(struct waterfall *fall, const char *words, sd_json_variant *object,
		       const char *key)
{
	char size[TOOL_LINE_SPAN_BYTES];

	if (!link_field(object, key))
		return;
	tool_line_size(number(object, key), size);
	flow_own(&fall->flow, STYLE_PLAIN, "%s%s", words, size);
}

static void print_number(struct waterfall *fall, const char *words, sd_json_variant *object,
			 const char *key)
{
	if (link_field(object, key))
		flow_own(&fall->flow, STYLE_PLAIN, "%s%llu", words,
			 (unsigned long long)number(object, key));
}

static void print_word(struct waterfall *fall, unsigned style, const char *words,
		       sd_json_variant *object, const char *key)
{
	const char *text = link_string(object, key);

	if (*text)
		flow_foreign(&fall->flow, style, words, text);
}

/* Where what was shown came from. */
static void print_labels(struct waterfall *fall, sd_json_variant *object)
{
	sd_json_variant *labels = link_field(object, "labels");

	for (size_t i = 0; i < count(labels); i++) {
		sd_json_variant *label = sd_json_variant_by_index(labels, i);

		if (sd_json_variant_is_string(label))
			flow_foreign(&fall->flow, STYLE_PLAIN, "label ",
				     sd_json_variant_string(label));
	}
}

/* What was replaced there because it looked like a secret. */
static void print_secrets(struct waterfall *fall, sd_json_variant *object)
{
	sd_json_variant *list = link_field(object, "secrets");

	for (size_t i = 0; i < count(list); i++) {
		sd_json_variant *row = sd_json_variant_by_index(list, i);

		flow_foreign(&fall->flow, STYLE_PLAIN, "replaced ", link_string(row, "kind"));
		print_number(fall, "times ", row, "count");
		print_word(fall, STYLE_PLAIN, "in ", row, "place");
	}
}

/* The second line of a step, below its name. */
static void begin_detail(struct waterfall *fall)
{
	flow_end(&fall->flow);
	screen_own(fall->out, STYLE_PLAIN, "%*s", (int)fall->indent, "");
	flow_begin(&fall->flow, fall->out, fall->indent, fall->indent);
}

static void print_hash(struct waterfall *fall, const char *words, sd_json_variant *object,
		       const char *key)
{
	const char *whole = link_string(object, key);
	char hash[HASH_DIGITS + 1] = { 0 };

	memcpy(hash, whole, strnlen(whole, HASH_DIGITS));
	if (hash[0])
		flow_foreign(&fall->flow, STYLE_DIM, words, hash);
}

static void print_cost(struct waterfall *fall, sd_json_variant *call)
{
	char money[COST_MONEY_BYTES];

	if (number(call, "nanodollars") == 0)
		return;
	cost_money(number(call, "nanodollars"), money);
	flow_own(&fall->flow, STYLE_PLAIN, "cost %s", money);
}

static void print_model(struct waterfall *fall, sd_json_variant *call)
{
	unsigned long long attempt = number(call, "attempt");
	bool has_hash = *link_string(call, "promptHash") != '\0';

	if (attempt > 1)
		flow_own(&fall->flow, STYLE_BOLD, "model %llu attempt %llu",
			 (unsigned long long)number(call, "call"), attempt);
	else
		flow_own(&fall->flow, STYLE_BOLD, "model %llu",
			 (unsigned long long)number(call, "call"));
	print_word(fall, STYLE_PLAIN, "", call, "model");
	print_word(fall, STYLE_PLAIN, "of ", call, "provider");
	print_span(fall, "", call, "durationUsec");
	if (number(call, "firstTokenUsec") > 0)
		print_span(fall, "first token ", call, "firstTokenUsec");
	else /* an answer of tool calls only has no text */
		print_span(fall, "began ", call, "headUsec");
	begin_detail(fall);
	print_word(fall, STYLE_ASK, "instead of ", call, "instead");
	print_hash(fall, "prompt ", call, "promptHash");
	print_size(fall, has_hash ? "" : "prompt ", call, "promptBytes");
	print_number(fall, "tokens ", call, "promptTokens");
	print_number(fall, "cached ", call, "cachedTokens");
	print_number(fall, "stored ", call, "storedTokens");
	print_number(fall, "answer ", call, "answerTokens");
	print_word(fall, STYLE_PLAIN, "stop ", call, "stop");
	print_number(fall, "tool calls ", call, "calls");
	print_secrets(fall, call);
	print_cost(fall, call);
	print_word(fall, STYLE_ASK, "", call, "warning");
	print_word(fall, STYLE_BAD, "", call, "error");
	print_word(fall, STYLE_BAD, "", call, "reason");
	flow_end(&fall->flow);
}

static void print_outcome(struct waterfall *fall, sd_json_variant *call)
{
	bool ok = link_boolean(call, "ok");
	bool says_itself = number(call, "exit") > 0 || number(call, "signal") > 0;

	if (link_boolean(call, "unknown"))
		flow_own(&fall->flow, STYLE_BAD, "cut off: nobody knows whether it happened");
	else if (link_boolean(call, "denied"))
		flow_own(&fall->flow, STYLE_BAD, "denied");
	else if (!ok)
		flow_own(&fall->flow, STYLE_BAD, "failed");
	else if (!says_itself)
		flow_own(&fall->flow, STYLE_GOOD, "ok");
}

static void print_tool_reason(struct waterfall *fall, sd_json_variant *call)
{
	auto_buf struct buf reason = BUF(TOOL_LINE_REASON_BYTES);

	if (tool_line_reason(call, &reason) >= 0 && reason.length > 0)
		flow_foreign(&fall->flow, STYLE_BAD, "", buf_string(&reason));
}

static void print_tool(struct waterfall *fall, sd_json_variant *call)
{
	tool_line_start(fall->out, link_string(call, "tool"), link_field(call, "arguments"),
			fall->indent);
	begin_detail(fall);
	flow_own(&fall->flow, STYLE_DIM, "intent %llu", (unsigned long long)number(call, "seq"));
	print_word(fall, STYLE_PLAIN, "", call, "effect");
	print_outcome(fall, call);
	print_word(fall, STYLE_PLAIN, "cage ", call, "cage");
	print_number(fall, "exit ", call, "exit");
	print_number(fall, "signal ", call, "signal");
	if (strcmp(link_string(call, "why"), "exit") != 0)
		print_word(fall, STYLE_BAD, "", call, "why");
	print_span(fall, "cpu ", call, "cpuUsec");
	print_span(fall, "", call, "durationUsec");
	print_size(fall, "", call, "bytes");
	if (number(call, "attempts") > 1)
		print_number(fall, "attempts ", call, "attempts");
	print_labels(fall, call);
	print_secrets(fall, call);
	print_tool_reason(fall, call);
	flow_end(&fall->flow);
}

static void print_question(struct waterfall *fall, sd_json_variant *question)
{
	bool answered = link_field(question, "answeredUsec") != NULL;
	bool allow = link_boolean(question, "allow");

	flow_own(&fall->flow, STYLE_ASK, "question %llu",
		 (unsigned long long)number(question, "seq"));
	print_word(fall, STYLE_PLAIN, "", question, "action");
	if (answered)
		flow_own(&fall->flow, allow ? STYLE_GOOD : STYLE_BAD, "%s", allow ? "yes" : "no");
	else
		flow_own(&fall->flow, STYLE_ASK, "open");
	print_word(fall, STYLE_DIM, "by ", question, "by");
	flow_end(&fall->flow);
}

static void print_compaction(struct waterfall *fall, sd_json_variant *compaction)
{
	bool ok = link_boolean(compaction, "ok");

	flow_own(&fall->flow, STYLE_BOLD, "turns %llu to %llu summarised",
		 (unsigned long long)number(compaction, "from"),
		 (unsigned long long)number(compaction, "until"));
	print_word(fall, STYLE_PLAIN, "", compaction, "why");
	print_span(fall, "", compaction, "durationUsec");
	begin_detail(fall);
	print_size(fall, "prompt ", compaction, "promptBytes");
	print_number(fall, "tokens ", compaction, "promptTokens");
	print_number(fall, "answer ", compaction, "answerTokens");
	flow_own(&fall->flow, ok ? STYLE_GOOD : STYLE_BAD, "%s", ok ? "in force" : "not in force");
	print_labels(fall, compaction);
	print_word(fall, STYLE_BAD, "", compaction, "reason");
	flow_end(&fall->flow);
}

static void print_steps(struct waterfall *fall)
{
	for (size_t i = 0; i < fall->n; i++) {
		const struct step *step = &fall->steps[i];

		print_bar(fall, step);
		flow_begin(&fall->flow, fall->out, fall->indent, fall->indent);
		switch (step->kind) {
		case STEP_MODEL:
			print_model(fall, step->object);
			break;
		case STEP_TOOL:
			print_tool(fall, step->object);
			break;
		case STEP_QUESTION:
			print_question(fall, step->object);
			break;
		case STEP_COMPACTION:
			print_compaction(fall, step->object);
			break;
		case STEP_STEER:
			flow_own(&fall->flow, STYLE_BOLD, "the person said");
			print_word(fall, STYLE_PLAIN, "", step->object, "text");
			flow_end(&fall->flow);
			break;
		}
	}
}

/* Each by what it is kept as: the front of its SHA-256. */
static void print_attachments(struct waterfall *fall, sd_json_variant *list)
{
	for (size_t i = 0; i < count(list); i++) {
		sd_json_variant *file = sd_json_variant_by_index(list, i);

		screen_own(fall->out, STYLE_PLAIN, "  ");
		flow_begin(&fall->flow, fall->out, strlen("  "), strlen("  "));
		flow_own(&fall->flow, STYLE_DIM, "with");
		print_word(fall, STYLE_PLAIN, "", file, "name");
		print_word(fall, STYLE_PLAIN, "", file, "type");
		print_size(fall, "", file, "bytes");
		print_hash(fall, "sha256 ", file, "blob");
		flow_end(&fall->flow);
	}
}

static void print_message(struct waterfall *fall, sd_json_variant *trace)
{
	size_t room = fall->out->terminal ? fall->out->columns - MESSAGE_OTHER_COLUMNS : 0;
	char size[TOOL_LINE_SPAN_BYTES];

	screen_own(fall->out, STYLE_BOLD, "> ");
	if (*link_string(trace, "tool"))
		tool_line_start(fall->out, link_string(trace, "tool"),
				link_field(trace, "arguments"), strlen("> "));
	else
		screen_foreign(fall->out, STYLE_BOLD, link_string(trace, "text"),
			       room > 0 && room < TEXT_COLUMNS ? room : TEXT_COLUMNS);
	if (link_field(trace, "contextBytes")) {
		tool_line_size(number(trace, "contextBytes"), size);
		screen_own(fall->out, STYLE_DIM, " with %s", size);
	}
	screen_own(fall->out, STYLE_PLAIN, "\n");
	print_attachments(fall, link_field(trace, "attachments"));
}

static void print_head(struct waterfall *fall, sd_json_variant *trace)
{
	const char *state = link_string(trace, "state"), *reason = link_string(trace, "reason");
	uint64_t accepted = number(trace, "acceptedUsec"), started = number(trace, "startedUsec");
	char span[TOOL_LINE_SPAN_BYTES];

	flow_begin(&fall->flow, fall->out, 0, strlen("  "));
	flow_own(&fall->flow, STYLE_BOLD, "turn %llu", (unsigned long long)number(trace, "turn"));
	print_word(fall, STYLE_PLAIN, "", trace, "thread");
	flow_foreign(&fall->flow, strcmp(state, "done") == 0 ? STYLE_GOOD : STYLE_BAD, "", state);
	tool_line_span(fall->length_us, span);
	flow_own(&fall->flow, STYLE_PLAIN, "%s", span);
	tool_line_span(started > accepted ? started - accepted : 0, span);
	flow_own(&fall->flow, STYLE_DIM, "waited %s", span);
	flow_own(&fall->flow, STYLE_DIM, "records %llu to %llu",
		 (unsigned long long)number(trace, "firstSeq"),
		 (unsigned long long)number(trace, "lastSeq"));
	print_labels(fall, trace);
	print_secrets(fall, trace);
	flow_end(&fall->flow);
	print_message(fall, trace);
	if (!*reason)
		return;
	flow_begin(&fall->flow, fall->out, 0, strlen("  "));
	flow_foreign(&fall->flow, STYLE_BAD, "", reason);
	flow_end(&fall->flow);
}

/* How much of the line is given to the bars. */
static void measure(struct waterfall *fall)
{
	size_t columns = fall->out->terminal ? fall->out->columns : COLUMNS_WIDE;

	fall->bar_columns = columns >= COLUMNS_WIDE     ? BAR_COLUMNS
			    : columns >= COLUMNS_MEDIUM ? BAR_COLUMNS / 2
							: 0;
	fall->indent = SPAN_COLUMNS + 2 + (fall->bar_columns > 0 ? fall->bar_columns + 2 : 0);
}

static int print_prompt(struct waterfall *fall, sd_json_variant *call, sd_varlink *link,
			struct error *err)
{
	auto_buf struct buf text = BUF(PROMPT_BYTES_MAX);
	auto_fd int fd = -1;
	int r;

	screen_own(fall->out, STYLE_BOLD, "--- prompt of model call %llu\n",
		   (unsigned long long)number(call, "call"));
	if (!link_field(call, "promptFd")) {
		screen_foreign(fall->out, STYLE_BAD, link_string(call, "promptMissing"), 0);
		screen_own(fall->out, STYLE_PLAIN, "\n");
		return 0;
	}
	fd = sd_varlink_peek_dup_fd(link, (size_t)number(call, "promptFd"));
	r = fd < 0 ? fd : dir_read_fd(fd, &text);
	if (r < 0)
		return FAIL(err, r, "prompt: %s", strerror(-r));
	screen_foreign_block(fall->out, STYLE_PLAIN, buf_string(&text), text.length);
	screen_fresh_line(fall->out);
	return 0;
}

static int print(struct shell *shell, sd_json_variant *trace, sd_varlink *link, struct error *err)
{
	auto_free struct step *steps = calloc(STEPS_MAX, sizeof(*steps));
	struct waterfall fall = { .shell = shell, .out = &shell->out, .steps = steps };
	sd_json_variant *calls = link_field(trace, "modelCalls");
	uint64_t done = number(trace, "doneUsec");
	int r = 0;

	if (!steps)
		return FAIL(err, -ENOMEM, "out of memory");
	fall.start_us = number(trace, "acceptedUsec");
	add_steps(&fall, calls, STEP_MODEL);
	add_steps(&fall, link_field(trace, "toolCalls"), STEP_TOOL);
	add_steps(&fall, link_field(trace, "questions"), STEP_QUESTION);
	add_steps(&fall, link_field(trace, "steers"), STEP_STEER);
	add_steps(&fall, link_field(trace, "compactions"), STEP_COMPACTION);
	for (size_t i = 0; i < fall.n; i++)
		if (steps[i].start_us + steps[i].length_us > done)
			done = steps[i].start_us + steps[i].length_us;
	fall.length_us = done > fall.start_us ? done - fall.start_us : 0;
	qsort(steps, fall.n, sizeof(*steps), by_start);
	measure(&fall);
	print_head(&fall, trace);
	print_steps(&fall);
	for (size_t i = 0; i < count(calls) && shell->options->prompt && r == 0; i++)
		r = print_prompt(&fall, sd_json_variant_by_index(calls, i), link, err);
	return r;
}

/* The turn that is meant: its number, or the last one of the thread that was named; 0: the newest.
 */
static int find_turn(struct shell *shell, const char *text, uint64_t *ret, struct error *err)
{
	if (text && number_parse_u64(text, 1, INT64_MAX, ret) < 0)
		return FAIL(err, COMMAND_USAGE, "\"%s\" is not the number of a turn", text);
	if (text || (!shell->options->thread && !shell->repl))
		return 0;
	return trace_list_last(shell, ret, err);
}

int trace_report(struct shell *shell, const char *const args[], struct error *err)
{
	auto_json sd_json_variant *parameters = NULL, *reply = NULL;
	auto_link sd_varlink *link = NULL;
	uint64_t turn = 0;
	int r;

	if (shell->options->all)
		return trace_list(shell, args, err);
	r = find_turn(shell, args[0], &turn, err);
	if (r < 0)
		return r;
	r = sd_json_buildo(
		&parameters,
		SD_JSON_BUILD_PAIR_CONDITION(turn > 0, "turn", SD_JSON_BUILD_UNSIGNED(turn)),
		SD_JSON_BUILD_PAIR_BOOLEAN("prompt", shell->options->prompt));
	if (r < 0)
		return FAIL(err, r, "trace: %s", strerror(-r));
	r = link_open(shell->run_fd, "agent", &link, err);
	if (r == 0)
		r = link_call(link, "io.clawos.Agent.Trace", parameters, &reply, err);
	if (r < 0)
		return r;
	if (shell->options->json)
		return report_json(shell, link_field(reply, "trace"), err);
	return print(shell, link_field(reply, "trace"), link, err);
}
