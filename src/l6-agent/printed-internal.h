/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * printed-internal - what the parts of printed.c share: marks, tolerant values, segments (L6).
 *
 * Everything reads from a struct look and moves it on only past what it understood.
 */
#pragma once

#include "base/buf.h"
#include "l6-agent/printed.h"

struct yyjson_val;

enum {
	PRINTED_WORD_BYTES = 48,
	PRINTED_NAME_BYTES = 96,
	PRINTED_MARK_BYTES_MAX = 200, /* from < to > */
	PRINTED_DEPTH_MAX = 64,
	PRINTED_JSON_BYTES_MAX = 32 * 1024 * 1024,
};

struct look {
	const char *at, *end;
};

/* What a reading function found; failures of the system are negative errno. */
enum reading { READ_OK, READ_BAD, READ_CUT };

/* ---- printed-mark.c ---- */

/*
 * One mark: <word>, </word>, <|word|>, <word=name>, <word name="x">, [WORD], with the full-width
 * bars and namespaces that models put in.
 */
struct mark {
	char word[PRINTED_WORD_BYTES]; /* lower case, without bars and namespace */
	char name[PRINTED_NAME_BYTES]; /* the value behind = or of name="" */
	bool closes;
	const char *end; /* behind the mark */
};

enum mark_kind {
	MARK_OTHER,
	MARK_AROUND,    /* opens or closes what holds calls */
	MARK_ELEMENT,   /* <invoke name=…>, <function=…> */
	MARK_SEPARATOR, /* between a name and its arguments */
	MARK_CHANNEL,   /* harmony: <|channel|>, <|message|> … */
	MARK_ENDING,    /* an end-of-turn token that came along */
};

enum reading mark_read(const char *at, const char *end, struct mark *ret);
enum mark_kind mark_kind_of(const struct mark *mark);
/* Can bytes that begin with < or [ and end too early still become a mark that matters? */
bool mark_may_begin(const struct printed *printed, const char *at, const char *end);

/* ---- printed-value.c ---- */

/*
 * A JSON value as models write it: single quotes, True and None, line feeds inside strings, keys
 * without quotes, trailing commas. Appends it as JSON.
 */
int value_read(struct look *look, struct buf *out, unsigned depth);
/* name(a=1, b="x") from the opening bracket to the closing one. Appends a JSON object. */
int value_read_arguments(struct look *look, struct buf *out);
void look_skip_blanks(struct look *look);
char look_peek(const struct look *look); /* NUL at the end */
bool look_skip(struct look *look, const char *text);
/* [A-Za-z0-9_.-]; an empty word is "". False when it does not fit. */
bool look_word(struct look *look, char *ret, size_t size);

/* ---- printed-parse.c ---- */

struct parse {
	const struct printed *printed;
	struct look look;
	bool is_marked; /* begins with a mark, so that a call is certainly meant */
	struct printed_call *calls;
	size_t n_calls;
	/* a call that was begun: its tool, and where what it was given begins */
	const struct tool *begun;
	const char *begun_at;
};

/* The calls of a whole segment; READ_OK, READ_BAD, or -ENOMEM. Calls are the caller's to free. */
int parse_segment(struct parse *parse);
/* arguments are taken. */
int parse_add(struct parse *parse, const struct tool *tool, struct buf *arguments);

/* ---- printed-json.c ---- */

int parse_json(struct parse *parse);
/* The tool that an object which cannot be read names. */
const struct tool *json_names_tool(const struct printed *printed, const char *at, const char *end);
bool tool_has_argument(const struct tool *tool, const char *name);

/* ---- printed-element.c ---- */

/* Behind <invoke name=…> and its like, up to its end. */
int parse_element(struct parse *parse, const struct tool *tool, const char *word);
/* <name>x</name><arguments>…</arguments> behind the mark that was just read. */
int parse_children(struct parse *parse, const struct mark *first);
/* <arg_key>k</arg_key><arg_value>v</arg_value> … */
int parse_pairs(struct parse *parse, const struct tool *tool);

/* ---- printed-judge.c ---- */

enum judged { JUDGED_NO, JUDGED_MAYBE, JUDGED_YES };
struct judge_place {
	bool at_start, at_line_start; /* of the message; of a line */
};
/* Whether a call begins at the text; MAYBE: more of it has to come first. */
enum judged printed_judge(const struct printed *printed, const struct judge_place *place,
			  const char *at, size_t length);
