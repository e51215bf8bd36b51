/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* printed-value - JSON and Python values as models print them, into JSON (L6). */
#include "l6-agent/printed-internal.h"

#include <string.h>

/* How the models of one family quote a string. */
static const char *const token_quotes[] = { "<|\"|>", "<escape>" };

void look_skip_blanks(struct look *look)
{
	while (look->at < look->end && strchr(" \t\r\n", *look->at) && *look->at)
		look->at++;
}

char look_peek(const struct look *look)
{
	if (look->at == look->end)
		return '\0';
	return *look->at;
}

bool look_skip(struct look *look, const char *text)
{
	size_t n = strlen(text);

	if ((size_t)(look->end - look->at) < n || memcmp(look->at, text, n) != 0)
		return false;
	look->at += n;
	return true;
}

bool look_word(struct look *look, char *ret, size_t size)
{
	size_t n = 0;

	while (look->at < look->end && *look->at &&
	       (isalnum((unsigned char)*look->at) || strchr("_.-", *look->at))) {
		if (n + 1 == size)
			return false;
		ret[n++] = *look->at++;
	}
	ret[n] = '\0';
	return true;
}

/* What does not fit is cut when nothing follows. */
static int misfit(const struct look *look)
{
	return look->at == look->end ? READ_CUT : READ_BAD;
}

static int add_byte(struct buf *out, char c)
{
	if (c == '"')
		return buf_add_string(out, "\\\"");
	if (c == '\n')
		return buf_add_string(out, "\\n");
	if ((unsigned char)c < 0x20)
		return buf_printf(out, "\\u%04x", (unsigned)(unsigned char)c);
	return buf_add_char(out, c);
}

/* Behind a backslash. One that JSON does not know is a backslash. */
static int add_escape(struct look *look, struct buf *out)
{
	char c = look_peek(look);
	size_t digits = 0;

	if (look->at == look->end)
		return READ_CUT;
	if (c == '\'' || c == '\n') {
		look->at++;
		return add_byte(out, c);
	}
	if (c == 'u') {
		while (digits < 4 && look->end - look->at > (ptrdiff_t)digits + 1 &&
		       isxdigit((unsigned char)look->at[digits + 1]))
			digits++;
		if (digits < 4)
			return buf_add_string(out, "\\\\");
	}
	if (!strchr("\"\\/bfnrtu", c))
		return buf_add_string(out, "\\\\");
	look->at++;
	if (buf_add_char(out, '\\') < 0)
		return -EMSGSIZE;
	return buf_add_char(out, c);
}

/* What quotes the string that begins here; "" when none does. */
static const char *quote_at(const struct look *look)
{
	static const char *const quotes[] = { "\"\"\"", "'''", "\"", "'" };
	struct look try = *look;

	for (size_t i = 0; i < sizeof(token_quotes) / sizeof(token_quotes[0]); i++)
		if (look_skip(&try, token_quotes[i]))
			return token_quotes[i];
	for (size_t i = 0; i < sizeof(quotes) / sizeof(quotes[0]); i++)
		if (look_skip(&try, quotes[i]))
			return quotes[i];
	return "";
}

/* "" is an empty string, not the beginning of a triple quotation that never ends. */
static bool is_empty_string(const struct look *look, const char *quote)
{
	return strlen(quote) == 3 &&
	       !memmem(look->at + 3, (size_t)(look->end - look->at) - 3, quote, 3);
}

static int read_string(struct look *look, struct buf *out)
{
	const char *quote = quote_at(look);
	bool has_escapes;
	int r = buf_add_char(out, '"');

	if (*quote && is_empty_string(look, quote))
		quote = *quote == '"' ? "\"" : "'";
	if (!*quote)
		return misfit(look);
	has_escapes = *quote != '<';
	look->at += strlen(quote);
	while (r == 0 && look->at < look->end) {
		if (look_skip(look, quote))
			return buf_add_char(out, '"');
		if (has_escapes && *look->at == '\\') {
			look->at++;
			r = add_escape(look, out);
		} else if (*look->at == '\\') {
			look->at++;
			r = buf_add_string(out, "\\\\");
		} else {
			r = add_byte(out, *look->at++);
		}
	}
	return r == 0 ? READ_CUT : r;
}

/* true, None, 5, -1.5e3. Anything else without quotes is bad. */
static int read_plain(struct look *look, struct buf *out)
{
	static const struct {
		const char *from, *to;
	} known[] = {
		{ "true", "true" }, { "false", "false" }, { "null", "null" }, { "none", "null" }
	};
	const char *from = look->at;
	size_t n = 0, digits = 0;

	while (look->at < look->end && *look->at &&
	       (isalnum((unsigned char)*look->at) || strchr("+-._", *look->at)))
		look->at++;
	n = (size_t)(look->at - from);
	if (look->at == look->end)
		return READ_CUT; /* 12 may have become 123 */
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (n == strlen(known[i].from) && strncasecmp(from, known[i].from, n) == 0)
			return buf_add_string(out, known[i].to);
	for (size_t i = 0; i < n; i++) {
		if (!isdigit((unsigned char)from[i]) && !strchr("+-.eE", from[i]))
			return READ_BAD;
		digits += isdigit((unsigned char)from[i]) ? 1 : 0;
	}
	return digits > 0 ? buf_add(out, from, n) : READ_BAD;
}

static int read_key(struct look *look, struct buf *out)
{
	char word[PRINTED_NAME_BYTES];

	if (*quote_at(look))
		return read_string(look, out);
	if (!look_word(look, word, sizeof(word)) || !*word)
		return misfit(look);
	return buf_printf(out, "\"%s\"", word);
}

/* Members up to the closing byte: of an object, or of the brackets behind a name. */
static int read_members(struct look *look, struct buf *out, char closing, unsigned depth)
{
	int r = buf_add_char(out, '{');
	bool first = true;

	while (r == 0) {
		look_skip_blanks(look);
		if (look_peek(look) == closing) {
			look->at++;
			return buf_add_char(out, '}');
		}
		if (!first && !look_skip(look, ","))
			return misfit(look);
		look_skip_blanks(look);
		if (!first && look_peek(look) == closing)
			continue; /* a trailing comma */
		r = first ? 0 : buf_add_char(out, ',');
		first = false;
		if (r == 0)
			r = read_key(look, out);
		look_skip_blanks(look);
		if (r == 0 && !look_skip(look, ":") && !look_skip(look, "="))
			r = misfit(look);
		if (r == 0)
			r = buf_add_char(out, ':');
		if (r == 0)
			r = value_read(look, out, depth + 1);
	}
	return r;
}

static int read_list(struct look *look, struct buf *out, unsigned depth)
{
	int r = buf_add_char(out, '[');
	bool first = true;

	look->at++;
	while (r == 0) {
		look_skip_blanks(look);
		if (look_skip(look, "]"))
			return buf_add_char(out, ']');
		if (!first && !look_skip(look, ","))
			return misfit(look);
		look_skip_blanks(look);
		if (!first && look_peek(look) == ']')
			continue;
		r = first ? 0 : buf_add_char(out, ',');
		first = false;
		if (r == 0)
			r = value_read(look, out, depth + 1);
	}
	return r;
}

int value_read(struct look *look, struct buf *out, unsigned depth)
{
	look_skip_blanks(look);
	if (depth > PRINTED_DEPTH_MAX)
		return READ_BAD;
	switch (look_peek(look)) {
	case '{':
		look->at++;
		return read_members(look, out, '}', depth);
	case '[':
		return read_list(look, out, depth);
	case '"':
	case '\'':
	case '<':
		return read_string(look, out);
	default:
		return read_plain(look, out);
	}
}

int value_read_arguments(struct look *look, struct buf *out)
{
	struct look inside;
	int r;

	if (!look_skip(look, "("))
		return misfit(look);
	inside = *look;
	look_skip_blanks(&inside);
	if (look_peek(&inside) != '{')
		return read_members(look, out, ')', 0);
	r = value_read(&inside, out, 0); /* one object in brackets */
	look_skip_blanks(&inside);
	if (r == READ_OK && !look_skip(&inside, ")"))
		r = misfit(&inside);
	*look = inside;
	return r;
}
