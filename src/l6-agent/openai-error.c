/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l6-agent/openai-error.h"

#include "base/utf8.h"

#include <stdbool.h>
#include <string.h>
#include <yyjson.h>

enum {
	SENTENCE_BYTES_MAX = 160,    /* of the provider's own words */
	BODY_SCANNED_MAX = 8 * 1024, /* of a body that is not JSON */
	STATUS_TOO_LARGE = 413,
};

static const struct {
	int status;
	const char *hint;
} hints[] = {
	{ 400, "the request was refused" },
	{ 401, "the key was not accepted" },
	{ 402, "payment is required" },
	{ 403, "access was refused" },
	{ 404, "no such model or address; check base_url and model" },
	{ 408, "the provider took too long" },
	{ 413, "the request is too large" },
	{ 422, "the request was refused" },
	{ 429, "too many requests or the quota is used up" },
	{ 500, "the provider failed" },
	{ 502, "the provider's gateway failed" },
	{ 503, "the provider is overloaded or down" },
	{ 504, "the provider's gateway timed out" },
	{ 529, "the provider is overloaded" },
};

/* How providers word that the conversation no longer fits; lower case. */
static const char *const too_long_words[] = {
	"context_length",
	"context length",
	"maximum context",
	"context window",
	"context size",
	"exceed_context",
	"prompt is too long",
	"input is too long",
	"too many tokens",
	"reduce the length",
	"maximum prompt",
	"string_above_max_length",
	"exceeds the maximum number of tokens",
	"token limit exceeded",
	"max_prompt_tokens",
};

static const char *hint_for(int status)
{
	for (size_t i = 0; i < sizeof(hints) / sizeof(hints[0]); i++)
		if (hints[i].status == status)
			return hints[i].hint;
	return status >= 500                   ? "the provider failed"
	       : status >= 300 && status < 400 ? "a redirect, which is not followed; check base_url"
					       : "the request was refused";
}

static bool says_too_long(const char *text)
{
	for (size_t i = 0; i < sizeof(too_long_words) / sizeof(too_long_words[0]); i++)
		if (strcasestr(text, too_long_words[i]))
			return true;
	return false;
}

/* One line of valid UTF-8 without control characters, at most SENTENCE_BYTES_MAX long. */
static void tidy(const char *text, size_t length, char ret[static SENTENCE_BYTES_MAX + 1])
{
	size_t n = 0;
	bool space = false;

	for (size_t at = 0; at < length;) {
		size_t width = utf8_next(text + at, length - at);
		unsigned char c = (unsigned char)text[at];

		if (width == 0 || c <= ' ' || c == 0x7F) {
			space = n > 0;
			at++;
			continue;
		}
		if (n + width + space > SENTENCE_BYTES_MAX)
			break;
		if (space)
			ret[n++] = ' ';
		memcpy(ret + n, text + at, width);
		n += width;
		at += width;
		space = false;
	}
	ret[n] = '\0';
}

static int say(int status, bool too_long, const char *words, struct error *err)
{
	int code = too_long || status == STATUS_TOO_LARGE ? -E2BIG : -EREMOTEIO;
	const char *colon = *words ? ": " : "";

	if (code == -E2BIG)
		return FAIL(err, code, "the conversation is too long for the model%s%s", colon,
			    words);
	if (status >= 200 && status < 300)
		return FAIL(err, code, "the provider reported an error%s%s", colon, words);
	return FAIL(err, code, "the provider answered %d, %s%s%s", status, hint_for(status), colon,
		    words);
}

/* {"message"}, {"msg"}, {"detail"}, a string, or the first of a list of these. */
static yyjson_val *find_words(yyjson_val *value)
{
	static const char *const keys[] = { "message",           "msg",  "detail", "error",
					    "error_description", "title" };

	if (yyjson_is_arr(value))
		value = yyjson_arr_get_first(value);
	if (yyjson_is_str(value))
		return value;
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		yyjson_val *inner = yyjson_obj_get(value, keys[i]);

		if (yyjson_is_arr(inner))
			inner = yyjson_arr_get_first(inner);
		if (yyjson_is_obj(inner))
			inner = yyjson_obj_get(inner, "message") ? yyjson_obj_get(inner, "message")
								 : yyjson_obj_get(inner, "msg");
		if (yyjson_is_str(inner) && yyjson_get_len(inner) > 0)
			return inner;
	}
	return NULL;
}

static bool code_is_too_long(yyjson_val *error)
{
	static const char *const keys[] = { "code", "type" };

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		const char *code = yyjson_get_str(yyjson_obj_get(error, keys[i]));

		if (code && says_too_long(code))
			return true;
	}
	return false;
}

int openai_error_value(int status, yyjson_val *error, struct error *err)
{
	yyjson_val *words = find_words(error);
	yyjson_val *code = yyjson_obj_get(error, "code");
	char tidied[SENTENCE_BYTES_MAX + 1];
	bool too_long = code_is_too_long(error) || (words && says_too_long(yyjson_get_str(words)));

	tidy(yyjson_get_str(words), yyjson_get_len(words), tidied);
	/* inside a stream the head said 200; the object may know better */
	if (status < 300 && yyjson_is_int(code) && yyjson_get_int(code) >= 400 &&
	    yyjson_get_int(code) < 600)
		status = yyjson_get_int(code);
	return say(status, too_long, tidied, err);
}

/* What a person would read of an HTML page, up to the limit: its title, else its text. */
static void read_html(const char *bytes, size_t length, char ret[static SENTENCE_BYTES_MAX + 1])
{
	static const char opening[] = "<title>";
	const char *title = memmem(bytes, length, opening, sizeof(opening) - 1);
	const char *end = bytes + length;
	char text[BODY_SCANNED_MAX];
	size_t n = 0;
	bool in_tag = false;

	if (title) {
		bytes = title + sizeof(opening) - 1;
		title = memchr(bytes, '<', (size_t)(end - bytes));
		end = title ? title : end;
	}
	for (; bytes < end && n < sizeof(text); bytes++) {
		in_tag = *bytes == '<' || (in_tag && *bytes != '>');
		if (in_tag || *bytes == '>')
			text[n++] = ' ';
		else
			text[n++] = *bytes;
	}
	tidy(text, n, ret);
}

int openai_error_body(int status, const char *bytes, size_t length, struct error *err)
{
	yyjson_doc *doc = yyjson_read(
		bytes, length, YYJSON_READ_STOP_WHEN_DONE | YYJSON_READ_ALLOW_INVALID_UNICODE);
	yyjson_val *root = yyjson_doc_get_root(doc);
	char words[SENTENCE_BYTES_MAX + 1] = "";
	bool too_long;
	int r;

	if (yyjson_is_arr(root))
		root = yyjson_arr_get_first(root);
	if (yyjson_is_obj(root) || yyjson_is_str(root)) {
		yyjson_val *error = yyjson_obj_get(root, "error");

		r = openai_error_value(status, error && !yyjson_is_null(error) ? error : root, err);
		yyjson_doc_free(doc);
		return r;
	}
	yyjson_doc_free(doc);
	length = length < BODY_SCANNED_MAX ? length : BODY_SCANNED_MAX;
	read_html(bytes, length, words);
	too_long = status >= 400 && status < 500 && says_too_long(words);
	return say(status, too_long, words, err);
}

int openai_error_words(const char *bytes, size_t length, struct error *err)
{
	char words[SENTENCE_BYTES_MAX + 1];

	tidy(bytes, length, words);
	return FAIL(err, -EPROTO, "the answer is neither a stream of events nor JSON%s%s",
		    *words ? ": " : "", words);
}
