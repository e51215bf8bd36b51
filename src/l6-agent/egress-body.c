/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l6-agent/egress-body.h"

#include "base/buf.h"
#include "base/json-text.h"
#include "base/number.h"

#include <stdbool.h>
#include <string.h>

enum { NUMBER_DIGITS_MAX = 9, MODEL_BYTES_MAX = 4096, ANSWER_TOKENS_MAX = 999999999 };

struct span {
	const char *at, *end;
};

enum member { MEMBER_MODEL, MEMBER_LIMIT, MEMBER_TOOLS, MEMBER_OTHER };

static const struct {
	const char *name;
	enum member kind;
} members[] = {
	{ "model", MEMBER_MODEL },
	{ "max_tokens", MEMBER_LIMIT },
	{ "max_completion_tokens", MEMBER_LIMIT },
	{ "tools", MEMBER_TOOLS },
	{ "messages", MEMBER_OTHER },
	{ "stream", MEMBER_OTHER },
	{ "stream_options", MEMBER_OTHER },
	{ "system", MEMBER_OTHER },
	{ "tool_choice", MEMBER_OTHER },
};

enum { N_MEMBERS = sizeof(members) / sizeof(members[0]) };

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static void skip_blanks(struct span *text)
{
	while (text->at < text->end && is_blank(*text->at))
		text->at++;
}

static bool take(struct span *text, char c)
{
	skip_blanks(text);
	if (text->at == text->end || *text->at != c)
		return false;
	text->at++;
	return true;
}

/* A string with its quotation marks; false when there is none or it has no end. */
static bool take_string(struct span *text, struct span *ret)
{
	skip_blanks(text);
	ret->at = text->at;
	if (!take(text, '"'))
		return false;
	while (text->at < text->end && *text->at != '"')
		text->at += *text->at == '\\' && text->end - text->at > 1 ? 2 : 1;
	if (text->at == text->end)
		return false;
	ret->end = ++text->at;
	return true;
}

/* Any value. Brackets are counted, strings passed over. */
static bool take_value(struct span *text, struct span *ret)
{
	size_t depth = 0;

	skip_blanks(text);
	ret->at = text->at;
	while (text->at < text->end) {
		struct span string;
		char c = *text->at;

		if (depth == 0 && (c == ',' || c == '}' || c == ']'))
			break;
		if (c == '"' && !take_string(text, &string))
			return false;
		if (c == '"')
			continue;
		depth += c == '{' || c == '[';
		depth -= c == '}' || c == ']';
		text->at++;
	}
	ret->end = text->at;
	while (ret->end > ret->at && is_blank(ret->end[-1]))
		ret->end--;
	return depth == 0 && ret->end > ret->at;
}

static bool is_text(const struct span *span, const char *text)
{
	size_t length = strlen(text);

	return (size_t)(span->end - span->at) == length && memcmp(span->at, text, length) == 0;
}

/* The next member of an object that is open; *ret_more is false behind the last. */
static bool take_member(struct span *text, bool is_first, struct span *ret_key,
			struct span *ret_value, bool *ret_more)
{
	*ret_more = !take(text, '}');
	if (!*ret_more)
		return true;
	if (!is_first && !take(text, ','))
		return false;
	return take_string(text, ret_key) && take(text, ':') && take_value(text, ret_value);
}

static int check_model(const struct span *value, const char *model, struct error *err)
{
	auto_buf struct buf wanted = BUF(MODEL_BYTES_MAX);

	if (*value->at != '"')
		return FAIL(err, -EINVAL, "the body's model is no text");
	if (!model)
		return 0;
	if (json_text_string(&wanted, model) < 0)
		return FAIL(err, -EINVAL, "the model's name is no text");
	return is_text(value, buf_string(&wanted))
		       ? 0
		       : FAIL(err, -EINVAL, "the body asks another model than %.100s", model);
}

static int check_limit(const struct span *value, uint64_t *ret, struct error *err)
{
	size_t length = (size_t)(value->end - value->at);
	char digits[NUMBER_DIGITS_MAX + 1] = "";
	uint64_t limit;

	if (length > NUMBER_DIGITS_MAX)
		return FAIL(err, -EINVAL, "the body's limit of tokens is no number");
	memcpy(digits, value->at, length);
	if (number_parse_u64(digits, 1, ANSWER_TOKENS_MAX, &limit) < 0)
		return FAIL(err, -EINVAL, "the body's limit of tokens is no number");
	*ret = limit > *ret ? limit : *ret;
	return 0;
}

/* {"type":"function",…} or, of Anthropic, one without a type: others are the provider's own. */
static bool is_function(struct span *text)
{
	struct span key, value;
	bool more = true;

	if (!take(text, '{'))
		return false;
	for (bool is_first = true; more; is_first = false) {
		if (!take_member(text, is_first, &key, &value, &more))
			return false;
		if (more && (memchr(key.at, '\\', (size_t)(key.end - key.at)) ||
			     (is_text(&key, "\"type\"") && !is_text(&value, "\"function\""))))
			return false;
	}
	return true;
}

static int check_tools(const struct span *value, struct error *err)
{
	struct span text = *value;
	bool good = take(&text, '['), is_first = true;

	for (; good && !take(&text, ']'); is_first = false)
		good = (is_first || take(&text, ',')) && is_function(&text);
	return good ? 0
		    : FAIL(err, -EINVAL, "the body offers a tool that is not a function of ours");
}

static int find(const struct span *key, unsigned *seen, enum member *ret, struct error *err)
{
	size_t length = (size_t)(key->end - key->at) - 2; /* without quotation marks */

	for (size_t i = 0; i < N_MEMBERS; i++) {
		if (strlen(members[i].name) != length ||
		    memcmp(members[i].name, key->at + 1, length) != 0)
			continue;
		if (*seen & 1U << i)
			return FAIL(err, -EINVAL, "the body has \"%s\" twice", members[i].name);
		*seen |= 1U << i;
		*ret = members[i].kind;
		return 0;
	}
	return FAIL(err, -EINVAL, "the body has a member that a request of ours has not");
}

static int check_member(const struct span *key, const struct span *value, const char *model,
			unsigned *seen, uint64_t *ret_limit, struct error *err)
{
	enum member kind = MEMBER_OTHER;
	int r = find(key, seen, &kind, err);

	if (r < 0)
		return r;
	switch (kind) {
	case MEMBER_MODEL:
		return check_model(value, model, err);
	case MEMBER_LIMIT:
		return check_limit(value, ret_limit, err);
	case MEMBER_TOOLS:
		return check_tools(value, err);
	case MEMBER_OTHER:
		return 0;
	}
	return 0;
}

int egress_body_check(const char *body, size_t length, const char *model,
		      uint64_t *ret_answer_tokens, struct error *err)
{
	struct span text = { body, body + length }, key, value;
	uint64_t limit = 0;
	unsigned seen = 0;
	bool more = true;

	if (!take(&text, '{'))
		return FAIL(err, -EINVAL, "the body is no JSON object");
	for (bool is_first = true; more; is_first = false) {
		int r = 0;

		if (!take_member(&text, is_first, &key, &value, &more))
			return FAIL(err, -EINVAL, "the body is no JSON object");
		if (more)
			r = check_member(&key, &value, model, &seen, &limit, err);
		if (r < 0)
			return r;
	}
	skip_blanks(&text);
	if (text.at != text.end)
		return FAIL(err, -EINVAL, "something stands behind the body's object");
	if (!(seen & 1U)) /* the first row */
		return FAIL(err, -EINVAL, "the body names no model");
	*ret_answer_tokens = limit;
	return 0;
}
