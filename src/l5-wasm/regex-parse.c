/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l5-wasm/regex-internal.h"

#include "base/cleanup.h"
#include "base/number.h"
#include "base/utf8.h"

#include <assert.h>

struct parser {
	const char *pattern, *at, *end;
	struct regex_tree *tree;
	bool ignore_case;
	unsigned depth;
	int code; /* of the first problem */
	struct error *err;
};

static uint32_t parse_alternatives(struct parser *parser);

/* ---- making nodes ---- */

static uint32_t add_node(struct parser *parser, struct regex_node node)
{
	if (parser->tree->n_nodes == REGEX_NODES_MAX) {
		parser->tree->no_room = true;
		return 0;
	}
	parser->tree->nodes[parser->tree->n_nodes] = node;
	return parser->tree->n_nodes++;
}

static int problem(struct parser *parser, int code, const char *what)
{
	if (parser->code == 0)
		parser->code = FAIL(parser->err, code, "%s (at byte %zu of the pattern)", what,
				    (size_t)(parser->at - parser->pattern) + 1);
	parser->at = parser->end; /* nothing more is read */
	return parser->code;
}

/* The set made of the ranges from first on. */
static uint32_t finish_set(struct parser *parser, uint32_t first, bool negated)
{
	regex_set_finish(parser->tree, first, negated, parser->ignore_case);
	return add_node(parser, (struct regex_node){ .kind = REGEX_SET,
						     .first_range = first,
						     .n_ranges = parser->tree->n_ranges - first });
}

/* ---- characters ---- */

static uint32_t take_code(struct parser *parser)
{
	const unsigned char *at = (const unsigned char *)parser->at;
	size_t n = utf8_next(parser->at, (size_t)(parser->end - parser->at));
	uint32_t code;

	parser->at += n > 0 ? n : 1;
	switch (n) {
	case 2:
		return (uint32_t)(at[0] & 0x1F) << 6 | (at[1] & 0x3F);
	case 3:
		return (uint32_t)(at[0] & 0x0F) << 12 | (uint32_t)(at[1] & 0x3F) << 6 |
		       (at[2] & 0x3F);
	case 4:
		code = (uint32_t)(at[0] & 0x07) << 18 | (uint32_t)(at[1] & 0x3F) << 12;
		return code | (uint32_t)(at[2] & 0x3F) << 6 | (at[3] & 0x3F);
	default:
		return at[0];
	}
}

/* \x41 or \x{1F600}; at is behind the x. */
static bool take_hex(struct parser *parser, uint32_t *ret)
{
	bool braces = parser->at < parser->end && *parser->at == '{';
	int digits = 0, max = braces ? 6 : 2;
	uint32_t code = 0;

	parser->at += braces;
	for (; parser->at < parser->end && digits < max; digits++) {
		int digit = number_hex_digit(*parser->at);

		if (digit < 0)
			break;
		code = code * 16 + (uint32_t)digit;
		parser->at++;
	}
	if (digits == 0 || (!braces && digits != 2) || code > REGEX_CODE_MAX)
		return false;
	if (braces && (parser->at == parser->end || *parser->at != '}'))
		return false;
	parser->at += braces;
	*ret = code;
	return true;
}

/* An escape that stands for one character; at is behind the backslash. */
static bool take_escape(struct parser *parser, uint32_t *ret)
{
	static const char from[] = "tfvrea", to[] = "\t\f\v\r\x1b\a";
	const char *known;

	if (parser->at == parser->end) {
		(void)problem(parser, -EINVAL, "a backslash at the end");
		return false;
	}
	known = strchr(from, *parser->at);
	if (known) {
		*ret = (unsigned char)to[known - from];
		parser->at++;
		return true;
	}
	if (*parser->at == 'x') {
		parser->at++;
		if (take_hex(parser, ret))
			return true;
		(void)problem(parser, -EINVAL, "\\x wants two hexadecimal digits or {digits}");
		return false;
	}
	if (*parser->at == 'n') {
		(void)problem(parser, -EOPNOTSUPP,
			      "\\n cannot match: lines are searched one by one");
		return false;
	}
	if (isdigit((unsigned char)*parser->at) || *parser->at == 'k') {
		(void)problem(parser, -EOPNOTSUPP,
			      "back references are not offered, as matching takes linear time");
		return false;
	}
	if (isalpha((unsigned char)*parser->at)) {
		(void)problem(parser, -EOPNOTSUPP, "an escape that is not known");
		return false;
	}
	*ret = take_code(parser);
	return true;
}

/* One end of a range in a set. *ret_many: it was a class of characters and is added already. */
static bool take_member(struct parser *parser, uint32_t *ret, bool *ret_many)
{
	*ret_many = false;
	if (*parser->at == '[' && parser->at + 1 < parser->end && parser->at[1] == ':') {
		size_t n = regex_add_posix(parser->tree, parser->at + 1, parser->end);

		parser->at += 1 + n;
		*ret_many = n > 0;
		*ret = '[';
		return true;
	}
	if (*parser->at != '\\') {
		*ret = take_code(parser);
		return true;
	}
	parser->at++;
	if (parser->at < parser->end && regex_add_shorthand(parser->tree, *parser->at)) {
		parser->at++;
		*ret_many = true;
		return true;
	}
	if (parser->at < parser->end && *parser->at == 'b') {
		parser->at++;
		*ret = '\b';
		return true;
	}
	return take_escape(parser, ret);
}

/* at is behind the [. */
static uint32_t parse_set(struct parser *parser)
{
	uint32_t first = parser->tree->n_ranges, low, high;
	const char *open = parser->at - 1;
	bool negated = parser->at < parser->end && *parser->at == '^', many, empty = true;

	parser->at += negated;
	while (parser->at < parser->end && (*parser->at != ']' || empty)) {
		empty = false;
		if (!take_member(parser, &low, &many))
			return 0;
		if (many)
			continue;
		high = low;
		if (parser->end - parser->at >= 2 && parser->at[0] == '-' && parser->at[1] != ']') {
			parser->at++;
			if (!take_member(parser, &high, &many))
				return 0;
			if (many) {
				regex_add_range(parser->tree, '-', '-');
				high = low;
			}
		}
		if (high < low) {
			(void)problem(parser, -EINVAL, "a range whose end is before its start");
			return 0;
		}
		regex_add_range(parser->tree, low, high);
	}
	if (parser->at == parser->end) {
		parser->at = open;
		(void)problem(parser, -EINVAL,
			      "a [ that is not closed; write \\[ for the character");
		return 0;
	}
	parser->at++;
	return finish_set(parser, first, negated);
}

static uint32_t parse_code(struct parser *parser, uint32_t code)
{
	uint32_t first = parser->tree->n_ranges;

	regex_add_range(parser->tree, code, code);
	return finish_set(parser, first, false);
}

/* at is behind the backslash. */
static uint32_t parse_backslash(struct parser *parser)
{
	static const struct {
		char c;
		enum regex_kind kind;
	} edges[] = {
		{ 'b', REGEX_WORD_EDGE }, { '<', REGEX_WORD_EDGE },    { '>', REGEX_WORD_EDGE },
		{ 'A', REGEX_BEGIN },     { 'B', REGEX_NO_WORD_EDGE }, { 'z', REGEX_END },
		{ 'Z', REGEX_END },
	};
	uint32_t first = parser->tree->n_ranges, code;

	for (size_t i = 0; i < sizeof(edges) / sizeof(edges[0]); i++) {
		if (parser->at < parser->end && *parser->at == edges[i].c) {
			parser->at++;
			return add_node(parser, (struct regex_node){ .kind = edges[i].kind });
		}
	}
	if (parser->at < parser->end && regex_add_shorthand(parser->tree, *parser->at)) {
		parser->at++;
		return finish_set(parser, first, false);
	}
	return take_escape(parser, &code) ? parse_code(parser, code) : 0;
}

/* ---- structure ---- */

/* (?:  (?i)  (?i:  (?P<name>  (?<name>  at is behind the "(?". *ret_done: it was only flags. */
static bool take_group_kind(struct parser *parser, bool *ret_done)
{
	const char *at = parser->at;
	bool on = true, ignore_case = parser->ignore_case;

	*ret_done = false;
	if (at + 1 < parser->end && at[0] == 'P' && at[1] == '<')
		at++;
	if (at + 1 < parser->end && at[0] == '<' && at[1] != '=' && at[1] != '!') {
		const char *close = memchr(at, '>', (size_t)(parser->end - at));

		if (close)
			parser->at = close + 1;
		return close != NULL;
	}
	for (; at < parser->end && strchr("imsu-", *at); at++) {
		on = *at == '-' ? false : on;
		ignore_case = *at == 'i' ? on : ignore_case;
	}
	if (at == parser->end || (*at != ':' && *at != ')'))
		return false;
	*ret_done = *at == ')';
	parser->ignore_case = ignore_case;
	parser->at = at + 1;
	return true;
}

/* at is behind the (. */
static uint32_t parse_group(struct parser *parser)
{
	const char *open = parser->at - 1;
	bool ignore_case = parser->ignore_case, only_flags = false;
	uint32_t node;

	if (parser->depth == REGEX_GROUPS_MAX) {
		(void)problem(parser, -EINVAL, "too many groups inside one another");
		return 0;
	}
	if (parser->at < parser->end && *parser->at == '?') {
		parser->at++;
		if (!take_group_kind(parser, &only_flags)) {
			(void)problem(
				parser, -EOPNOTSUPP,
				"look-around and other (? groups are not offered, as matching "
				"takes linear time");
			return 0;
		}
	}
	if (only_flags)
		return add_node(parser, (struct regex_node){ .kind = REGEX_EMPTY });
	parser->depth++;
	node = parse_alternatives(parser);
	parser->depth--;
	parser->ignore_case = ignore_case;
	if (parser->code != 0)
		return 0;
	if (parser->at == parser->end) {
		parser->at = open;
		(void)problem(parser, -EINVAL,
			      "a ( that is not closed; write \\( for the character");
		return 0;
	}
	parser->at++;
	return node;
}

static uint32_t parse_atom(struct parser *parser)
{
	uint32_t first = parser->tree->n_ranges;
	char c = *parser->at;

	switch (c) {
	case '(':
		parser->at++;
		return parse_group(parser);
	case '[':
		parser->at++;
		return parse_set(parser);
	case '\\':
		parser->at++;
		return parse_backslash(parser);
	case '.':
		parser->at++;
		regex_add_range(parser->tree, 0, REGEX_CODE_MAX);
		return finish_set(parser, first, false);
	case '^':
	case '$':
		parser->at++;
		return add_node(parser,
				(struct regex_node){ .kind = c == '^' ? REGEX_BEGIN : REGEX_END });
	case '*':
	case '+':
	case '?':
		(void)problem(
			parser, -EINVAL,
			"nothing to repeat (this is a regular expression, not a file pattern)");
		return 0;
	default:
		return parse_code(parser, take_code(parser));
	}
}

/* {3} {3,} {3,5}; false when it is no such thing: then the brace is a character. */
static bool take_bounds(struct parser *parser, int *ret_min, int *ret_max)
{
	const char *at = parser->at + 1;
	int numbers[2] = { 0, -1 }, n = 0;
	bool comma = false;

	for (; at < parser->end && *at != '}'; at++) {
		if (*at == ',' && !comma) {
			comma = true;
			n = 1;
		} else if (isdigit((unsigned char)*at) && numbers[n] <= REGEX_REPEAT_MAX) {
			numbers[n] = (numbers[n] < 0 ? 0 : numbers[n]) * 10 + (*at - '0');
		} else {
			return false;
		}
	}
	if (at == parser->end || at == parser->at + 1 || parser->at[1] == ',')
		return false;
	parser->at = at + 1;
	*ret_min = numbers[0];
	*ret_max = comma ? numbers[1] : numbers[0];
	return true;
}

static uint32_t parse_repeat(struct parser *parser)
{
	uint32_t node = parse_atom(parser);

	for (unsigned n = 0; parser->code == 0 && parser->at < parser->end; n++) {
		char c = *parser->at;
		int min = c == '+', max = c == '?' ? 1 : -1;

		if (n > 0 && strchr("*+?", c)) {
			(void)problem(parser, -EOPNOTSUPP,
				      "two repetitions in a row; put the first in ( )");
			return 0;
		}
		if (c == '{') {
			if (!take_bounds(parser, &min, &max))
				return node;
			if (min > REGEX_REPEAT_MAX || max > REGEX_REPEAT_MAX ||
			    (max >= 0 && max < min)) {
				(void)problem(parser, -EINVAL,
					      "a repetition that is too large or "
					      "whose end is before its start");
				return 0;
			}
		} else if (c == '*' || c == '+' || c == '?') {
			parser->at++;
		} else {
			return node;
		}
		/* Lazy or not makes no difference to whether a line matches. */
		if (parser->at < parser->end && *parser->at == '?')
			parser->at++;
		node = add_node(parser, (struct regex_node){ .kind = REGEX_REPEAT,
							     .left = node,
							     .min = min,
							     .max = max });
	}
	return node;
}

static uint32_t parse_sequence(struct parser *parser)
{
	uint32_t node = add_node(parser, (struct regex_node){ .kind = REGEX_EMPTY });

	while (parser->at < parser->end && *parser->at != '|' && *parser->at != ')') {
		uint32_t right = parse_repeat(parser);

		if (parser->code != 0)
			return 0;
		node = add_node(parser, (struct regex_node){
						.kind = REGEX_CAT, .left = node, .right = right });
	}
	return node;
}

static uint32_t parse_alternatives(struct parser *parser)
{
	uint32_t node = parse_sequence(parser);

	while (parser->code == 0 && parser->at < parser->end && *parser->at == '|') {
		uint32_t right;

		parser->at++;
		right = parse_sequence(parser);
		node = add_node(parser, (struct regex_node){
						.kind = REGEX_ALT, .left = node, .right = right });
	}
	return node;
}

static uint32_t parse_literal(struct parser *parser)
{
	uint32_t node = add_node(parser, (struct regex_node){ .kind = REGEX_EMPTY });

	while (parser->at < parser->end) {
		uint32_t right = parse_code(parser, take_code(parser));

		node = add_node(parser, (struct regex_node){
						.kind = REGEX_CAT, .left = node, .right = right });
	}
	return node;
}

int regex_parse(const char *pattern, const struct regex_options *options, struct regex_tree *ret,
		struct error *err)
{
	struct parser parser = { .pattern = pattern,
				 .at = pattern,
				 .end = pattern + strlen(pattern),
				 .tree = ret,
				 .ignore_case = options->ignore_case,
				 .err = err };

	*ret = (struct regex_tree){ 0 };
	if (!utf8_is_valid(pattern, strlen(pattern)))
		return FAIL(err, -EOPNOTSUPP, "the pattern is not UTF-8");
	if (pattern[0] == '\0' || strlen(pattern) > REGEX_PATTERN_BYTES_MAX)
		return FAIL(err, -EOPNOTSUPP, "the pattern must have 1 to %d bytes",
			    REGEX_PATTERN_BYTES_MAX);
	ret->nodes = calloc(REGEX_NODES_MAX, sizeof(*ret->nodes));
	ret->ranges = calloc(REGEX_RANGES_MAX, sizeof(*ret->ranges));
	if (!ret->nodes || !ret->ranges)
		return -ENOMEM;
	ret->root = options->literal ? parse_literal(&parser) : parse_alternatives(&parser);
	if (parser.code == 0 && parser.at < parser.end)
		(void)problem(&parser, -EINVAL, "a ) without its (; write \\) for the character");
	if (parser.code == 0 && ret->no_room)
		return FAIL(err, -EOPNOTSUPP, "the pattern is too large");
	return parser.code;
}

void regex_tree_fini(struct regex_tree *tree)
{
	free(tree->nodes);
	free(tree->ranges);
	*tree = (struct regex_tree){ 0 };
}
