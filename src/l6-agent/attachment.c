/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l6-agent/attachment.h"

#include "base/utf8.h"

#include <string.h>

#define TEXT_TYPE "text/plain"

static bool begins(const char *bytes, size_t length, const char *with, size_t n)
{
	return length >= n && memcmp(bytes, with, n) == 0;
}

static bool is_webp(const char *bytes, size_t length)
{
	return length >= 12 && memcmp(bytes, "RIFF", 4) == 0 && memcmp(bytes + 8, "WEBP", 4) == 0;
}

/* Of control characters text has those of lines, and of terminals where it is a log. */
static bool is_text(const char *bytes, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if ((unsigned char)bytes[i] < ' ' &&
		    (!bytes[i] || !strchr("\t\n\r\f\b\x1b", bytes[i])))
			return false;
	return utf8_is_valid(bytes, length);
}

const char *attachment_type(const char *bytes, size_t length)
{
	static const struct {
		const char *front;
		size_t n;
		const char *type;
	} known[] = {
		{ "\x89PNG\r\n\x1a\n", 8, "image/png" },
		{ "\xff\xd8\xff", 3, "image/jpeg" },
		{ "GIF87a", 6, "image/gif" },
		{ "GIF89a", 6, "image/gif" },
		{ "%PDF-", 5, "application/pdf" },
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (begins(bytes, length, known[i].front, known[i].n))
			return known[i].type;
	if (is_webp(bytes, length))
		return "image/webp";
	return length > 0 && is_text(bytes, length) ? TEXT_TYPE : NULL;
}

enum attachment_kind attachment_kind(const char *type)
{
	if (strcmp(type, TEXT_TYPE) == 0)
		return ATTACHMENT_TEXT;
	return strncmp(type, "image/", 6) == 0 ? ATTACHMENT_IMAGE : ATTACHMENT_DOCUMENT;
}

/* It stands in quotes in the message, and is shown to the person. */
const char *attachment_name_problem(const char *name)
{
	size_t length = strlen(name);

	if (length == 0)
		return "the file has no name";
	if (length > ATTACHMENT_NAME_BYTES_MAX)
		return "the file's name is too long";
	if (!utf8_is_valid(name, length))
		return "the file's name is not UTF-8";
	for (const char *c = name; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7F || strchr("\"<>", *c))
			return "the file's name has a control character or one of \" < >";
	return "";
}

/* What is in the file cannot close its mark. */
static int add_between(const char *text, struct buf *message)
{
	static const char end[] = "</file";
	int r = 0;

	for (const char *at; r >= 0 && (at = strcasestr(text, end)); text = at + 1) {
		r = buf_add(message, text, (size_t)(at + 1 - text));
		if (r >= 0)
			r = buf_add_char(message, '\\');
	}
	return r < 0 ? r : buf_add_string(message, text);
}

int attachment_add_text(const struct attachment *attachment, struct buf *message)
{
	int r = buf_printf(message, "\n\n<file name=\"%s\">\n", attachment->name);

	if (r >= 0)
		r = add_between(attachment->bytes, message);
	return r < 0 ? r : buf_add_string(message, "\n</file>");
}

int attachment_add_missing(const struct attachment *attachment, struct buf *message)
{
	return buf_printf(message,
			  "\n\n[%s (%s, %zu bytes) was attached; this model cannot be shown it]",
			  attachment->name, attachment->type, attachment->length);
}
