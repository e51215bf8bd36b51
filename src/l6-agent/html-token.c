/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l6-agent/html-token.h"

#include <string.h>

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f';
}

void html_open(struct html_reader *reader, const char *html, size_t length)
{
	*reader = (struct html_reader){ .at = html, .end = html + length };
}

static void lower_name(const char *from, size_t length, char ret[HTML_NAME_BYTES])
{
	ret[0] = '\0';
	if (length >= HTML_NAME_BYTES)
		return;
	for (size_t i = 0; i < length; i++)
		ret[i] = (char)(from[i] >= 'A' && from[i] <= 'Z' ? from[i] | 0x20 : from[i]);
	ret[length] = '\0';
}

/* The end of a tag whose inside begins at `at`: quotes count only as values of attributes. */
static const char *find_tag_end(const char *at, const char *end)
{
	bool after_equals = false;

	for (; at < end && *at != '>'; at++) {
		if (after_equals && (*at == '"' || *at == '\'')) {
			at = memchr(at + 1, *at, (size_t)(end - at - 1));
			if (!at)
				return end;
		}
		after_equals = *at == '=' || (after_equals && is_space(*at));
	}
	return at;
}

static const char *find_text(const char *at, const char *end, const char *text)
{
	const char *found = memmem(at, (size_t)(end - at), text, strlen(text));

	return found ? found : end;
}

/* A comment, a doctype or an instruction: returns what follows it. */
static const char *skip_declaration(const char *at, const char *end)
{
	if (end - at >= 4 && memcmp(at, "<!--", 4) == 0) {
		at += 4;
		if (at < end && *at == '>')
			return at + 1;
		if (end - at >= 2 && memcmp(at, "->", 2) == 0)
			return at + 2;
		at = find_text(at, end, "-->");
		return end - at >= 3 ? at + 3 : end;
	}
	if (end - at >= 9 && memcmp(at, "<![CDATA[", 9) == 0) {
		at = find_text(at, end, "]]>");
		return end - at >= 3 ? at + 3 : end;
	}
	at = memchr(at, '>', (size_t)(end - at));
	return at ? at + 1 : end;
}

/* The end of raw text: "</name" and something that cannot go on a name. */
static const char *find_raw_end(const struct html_reader *reader)
{
	size_t n = strlen(reader->raw);
	const char *at = reader->at;

	while ((at = find_text(at, reader->end, "</")) < reader->end) {
		const char *behind = at + 2 + n;

		if (behind < reader->end && strncasecmp(at + 2, reader->raw, n) == 0 &&
		    (is_space(*behind) || *behind == '/' || *behind == '>'))
			return at;
		at += 2;
	}
	return reader->end;
}

static bool is_raw(const char *name)
{
	static const char *const names[] = { "script", "style",   "title",    "textarea",
					     "iframe", "noembed", "noframes", "xmp" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(name, names[i]) == 0)
			return true;
	return false;
}

static bool take_raw(struct html_reader *reader, struct html_token *ret)
{
	const char *end = find_raw_end(reader);

	reader->raw[0] = '\0';
	if (end == reader->at)
		return false;
	*ret = (struct html_token){ .kind = HTML_TEXT,
				    .bytes = reader->at,
				    .length = (size_t)(end - reader->at) };
	reader->at = end;
	return true;
}

static void take_tag(struct html_reader *reader, bool closing, struct html_token *ret)
{
	const char *name = reader->at + (closing ? 2 : 1), *behind = name, *end;

	while (behind < reader->end && !is_space(*behind) && *behind != '/' && *behind != '>')
		behind++;
	end = find_tag_end(behind, reader->end);
	*ret = (struct html_token){ .kind = closing ? HTML_CLOSE : HTML_OPEN,
				    .bytes = behind,
				    .length = (size_t)(end - behind) };
	lower_name(name, (size_t)(behind - name), ret->name);
	if (!closing && is_raw(ret->name))
		memcpy(reader->raw, ret->name, sizeof(reader->raw));
	reader->at = end < reader->end ? end + 1 : end;
}

/* A "<" that begins no tag is text. */
static const char *find_text_end(const char *at, const char *end)
{
	for (const char *from = at; (from = memchr(from, '<', (size_t)(end - from))); from++) {
		char next = ' ';

		if (from + 1 < end)
			next = from[1];
		if (is_letter(next) || next == '!' || next == '?' || next == '/')
			return from;
	}
	return end;
}

void html_next(struct html_reader *reader, struct html_token *ret)
{
	*ret = (struct html_token){ .kind = HTML_END };
	if (reader->raw[0] && take_raw(reader, ret))
		return;
	while (reader->at < reader->end) {
		const char *text_end = find_text_end(reader->at, reader->end);
		char next;

		if (text_end > reader->at) {
			*ret = (struct html_token){ .kind = HTML_TEXT,
						    .bytes = reader->at,
						    .length = (size_t)(text_end - reader->at) };
			reader->at = text_end;
			return;
		}
		next = reader->at[1];
		if (is_letter(next)) {
			take_tag(reader, false, ret);
			return;
		}
		if (next == '/' && reader->end - reader->at > 2 && is_letter(reader->at[2])) {
			take_tag(reader, true, ret);
			return;
		}
		reader->at = skip_declaration(reader->at, reader->end);
	}
}

struct attribute {
	const char *name, *value;
	size_t name_length, value_length;
};

static const char *skip_space(const char *at, const char *end)
{
	while (at < end && is_space(*at))
		at++;
	return at;
}

/* The value that begins at `at`, in quotes or without; returns what follows it. */
static const char *take_value(const char *at, const char *end, struct attribute *ret)
{
	const char *close;

	if (at < end && (*at == '"' || *at == '\'')) {
		ret->value = at + 1;
		close = memchr(at + 1, *at, (size_t)(end - at - 1));
		ret->value_length = (size_t)((close ? close : end) - ret->value);
		return close ? close + 1 : end;
	}
	ret->value = at;
	while (at < end && !is_space(*at))
		at++;
	ret->value_length = (size_t)(at - ret->value);
	return at;
}

/* The next attribute from *at on; false at the end. */
static bool next_attribute(const char **at, const char *end, struct attribute *ret)
{
	const char *p = *at;

	while (p < end && (is_space(*p) || *p == '/' || *p == '='))
		p++;
	if (p == end)
		return false;
	*ret = (struct attribute){ .name = p, .value = "" };
	while (p < end && !is_space(*p) && *p != '=' && *p != '/')
		p++;
	ret->name_length = (size_t)(p - ret->name);
	p = skip_space(p, end);
	if (p < end && *p == '=')
		p = take_value(skip_space(p + 1, end), end, ret);
	*at = p;
	return true;
}

bool html_attribute(const struct html_token *token, const char *name, struct buf *ret)
{
	const char *at = token->bytes, *end = token->bytes + token->length;
	struct attribute attribute;

	while (next_attribute(&at, end, &attribute))
		if (attribute.name_length == strlen(name) &&
		    strncasecmp(attribute.name, name, attribute.name_length) == 0)
			return html_unescape(ret, attribute.value, attribute.value_length) >= 0;
	return false;
}
