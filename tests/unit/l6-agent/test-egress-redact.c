/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l6-agent/egress-redact.h"

#include "harness/tap.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEY "sk-Test+4f9a/1c77e1"

enum { TEXT_MAX = 1 << 20, STEPS = 9, KEY_LENGTH = sizeof(KEY) - 1 };

static void must(int r)
{
	if (r < 0)
		tap_fail(__FILE__, __LINE__, "failed with %d", r);
}

/* What is passed on of text that comes in pieces of step bytes. */
static char *pass(const char *text, size_t step)
{
	CLEANUP(egress_key_free_ptr) struct egress_key *key = NULL;
	CLEANUP(egress_redact_free_ptr) struct egress_redact *redact = NULL;
	auto_buf struct buf out = BUF(TEXT_MAX);
	size_t length = strlen(text);

	must(egress_key_new(KEY, &key));
	must(egress_redact_new(key, true, &redact));
	for (size_t at = 0; at < length; at += step)
		must(egress_redact_add(redact, text + at, length - at < step ? length - at : step,
				       &out));
	must(egress_redact_end(redact, &out));
	must(buf_add(&out, "", 0));
	EXPECT_INT(out.length, ==, length);
	return buf_take(&out);
}

/* In pieces of every size text becomes wanted. */
static void expect_passed(const char *text, const char *wanted)
{
	for (size_t step = 1; step <= STEPS; step++) {
		auto_free char *passed = pass(text, step < STEPS ? step : strlen(text));

		EXPECT_STR(passed, wanted);
	}
}

/* The encoded key between these is gone, and only that. */
static void expect_starred(const char *before, const char *encoded, const char *behind)
{
	auto_buf struct buf text = BUF(TEXT_MAX), wanted = BUF(TEXT_MAX);

	must(buf_printf(&text, "%s%s%s", before, encoded, behind));
	must(buf_add_string(&wanted, before));
	for (size_t i = 0; i < strlen(encoded); i++)
		must(buf_add_char(&wanted, '*'));
	must(buf_add_string(&wanted, behind));
	expect_passed(text.data, wanted.data);
}

TEST(the_key_as_it_is_becomes_stars)
{
	expect_starred("", KEY, "");
	expect_starred("Bearer ", KEY, " is wrong");
	expect_starred("sk-Tesk-Test+4f9a/1c77e", KEY, "sk-Test");
	expect_starred("{\"error\":{\"message\":\"key ", KEY, "\"}}");
	expect_starred("\\u00", KEY, "");
	expect_starred("%", KEY, "%7");
}

/* Each character of the key by format; of a negative one the letter stays. */
static char *escaped(const char *format, bool each)
{
	struct buf out = BUF(TEXT_MAX);

	for (const char *c = KEY; *c; c++) {
		if (each || !strchr("abcdefghijklmnopqrstuvwxyz", *c))
			must(buf_printf(&out, "%s%02x", format, (unsigned char)*c));
		else
			must(buf_add_char(&out, *c));
	}
	return buf_take(&out);
}

TEST(escaped_characters_are_read)
{
	static const char *const formats[] = { "\\u00", "\\\\u00", "\\\\\\\\u00", "\\x", "%" };

	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		auto_free char *some = escaped(formats[i], false), *all = escaped(formats[i], true);

		expect_starred("\"a\":\"x ", some, " y\"");
		expect_starred("\"a\":\"\\\\\\u00", all, "\\u0079\"");
	}
	expect_starred("\"content\":\"", "sk-Test+4f9a\\/1c77e1", "\"");
	expect_starred("\\\"", "s\\k-Test+4f9a\\\\\\/1c77e1", "\\\"");
}

TEST(hexadecimal_digits_of_either_case_are_read)
{
	expect_starred("0x", "736b2d546573742b346639612f316337376531", "00");
	expect_starred("73 6b ", "736B2D546573742B346639612F316337376531", "");
}

/* base64 of text; digits is the alphabet. */
static void encode(const char *text, const char *digits, struct buf *out)
{
	size_t n = strlen(text), bits = 0;
	unsigned held = 0;

	for (size_t i = 0; i < n; i++) {
		held = held << 8 | (unsigned char)text[i];
		for (bits += 8; bits >= 6; bits -= 6)
			must(buf_add_char(out, digits[held >> (bits - 6) & 63]));
	}
	if (bits > 0)
		must(buf_add_char(out, digits[held << (6 - bits) & 63]));
}

/* Of the digits around the key those stay that say something of what is beside it. */
static void check_base64(const char *digits, size_t before, const char *behind)
{
	static const size_t whole[] = { 0, 2, 3 }, kept[] = { 25, 24, 25 };
	auto_buf struct buf text = BUF(TEXT_MAX), encoded = BUF(TEXT_MAX), wanted = BUF(TEXT_MAX);

	must(buf_printf(&text, "%.*s" KEY "%s", (int)before, "::", behind));
	encode(text.data, digits, &encoded);
	must(buf_add(&wanted, encoded.data, encoded.length));
	memset(wanted.data + whole[before], '*', kept[before]);
	expect_passed(encoded.data, wanted.data);
}

TEST(base64_is_read_wherever_the_key_begins)
{
	static const char standard[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	static const char url[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

	for (size_t before = 0; before < 3; before++) {
		check_base64(standard, before, " and more");
		check_base64(url, before, " and more");
		check_base64(standard, before, "");
	}
}

#define EVENT(member, text) \
	"data: {\"id\":\"1\",\"choices\":[{\"delta\":{\"" member "\":\"" text "\"}}]}\n\n"

TEST(pieces_in_several_events_are_one_text)
{
	static const char *const members[] = { "content",   "text",     "reasoning_content",
					       "reasoning", "thinking", "arguments" };

	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
		auto_buf struct buf text = BUF(TEXT_MAX), wanted = BUF(TEXT_MAX);
		const char *c = KEY;

		must(buf_printf(&text, EVENT("%s", "so: sk-"), members[i]));
		must(buf_printf(&wanted, EVENT("%s", "so: sk-"), members[i]));
		for (c += 3; *c; c++) {
			must(buf_printf(&text, EVENT("%s", "%c"), members[i], *c));
			must(buf_printf(&wanted, EVENT("%s", "*"), members[i]));
		}
		must(buf_printf(&text, EVENT("%s", "!"), members[i]));
		must(buf_printf(&wanted, EVENT("%s", "!"), members[i]));
		for (size_t step = 1; step < STEPS; step++) {
			auto_free char *passed = pass(text.data, step);
			char *at = strstr(passed, "sk-");

			if (at) /* three characters say nothing */
				memcpy(at, "sk-", 3);
			else if ((at = strstr(passed, "***")))
				memcpy(at, "sk-", 3);
			EXPECT_STR(passed, wanted.data);
		}
	}
}

TEST(other_members_between_the_pieces_make_no_difference)
{
	expect_passed(EVENT("content", "sk-Test+")
			      EVENT("reasoning", "hm") ": ping\n\n" EVENT("name", "x")
				      EVENT("content", "4f9a/1") EVENT("content", "c77e1."),
		      EVENT("content", "********")
			      EVENT("reasoning", "hm") ": ping\n\n" EVENT("name", "x")
				      EVENT("content", "******") EVENT("content", "*****."));
	expect_passed(EVENT("content", "sk-Test\\u002b") EVENT("content", "4f9a\\/1c77e1."),
		      EVENT("content", "*************") EVENT("content", "************."));
	expect_passed(EVENT("arguments", "{\\\"k\\\":\\\"sk-Te\\\\u0073")
			      EVENT("arguments", "t+4f9a/1c77e1\\\"}"),
		      EVENT("arguments", "{\\\"k\\\":\\\"************")
			      EVENT("arguments", "*************\\\"}"));
}

TEST(what_is_not_the_key_stays)
{
	static const char *const texts[] = {
		EVENT("content", "sk-Test+4") EVENT("reasoning", "f9a/1c77e1"),
		EVENT("content", "sk-Test+4f9a") EVENT("content", " /1c77e1"),
		EVENT("role", "sk-Test+4") EVENT("role", "f9a/1c77e1"),
		"sk-Test+4f9a/1c77e sk-Test+4f9A/1c77e1 %73%6 \\u0073\\u006 \\\\\\",
		"\xff\xfe\x00sk-\xff",
		"{\"content\":\"a\"\"content\" : {\"content\":[\"\\\"\",",
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		expect_passed(texts[i], texts[i]);
}

static size_t add_one(struct egress_redact *redact, const char *text)
{
	auto_buf struct buf out = BUF(TEXT_MAX);

	must(egress_redact_add(redact, text, strlen(text), &out));
	return out.length;
}

TEST(only_what_may_begin_the_key_is_kept_back)
{
	CLEANUP(egress_key_free_ptr) struct egress_key *key = NULL;
	CLEANUP(egress_redact_free_ptr) struct egress_redact *redact = NULL;
	static const char few[] = EVENT("content", "is sk-"), more[] = EVENT("content", "T");

	must(egress_key_new(KEY, &key));
	must(egress_redact_new(key, true, &redact));
	EXPECT_INT(add_one(redact, few), ==, strlen(few));
	EXPECT_INT(add_one(redact, more), ==, strstr(more, "T\"") - more);
	EXPECT_INT(add_one(redact, few), ==, strlen(few) + strlen(strstr(more, "T\"")));
}

TEST(what_is_kept_back_is_bounded_and_then_becomes_stars)
{
	CLEANUP(egress_key_free_ptr) struct egress_key *key = NULL;
	CLEANUP(egress_redact_free_ptr) struct egress_redact *redact = NULL;
	auto_buf struct buf out = BUF(TEXT_MAX);
	static const char begun[] = EVENT("content", "sk-Test+4f"), other[] = EVENT("x", "y");
	size_t added = strlen(begun);

	must(egress_key_new(KEY, &key));
	must(egress_redact_new(key, true, &redact));
	must(egress_redact_add(redact, begun, strlen(begun), &out));
	for (; added < 2 * EGRESS_REDACT_HELD_BYTES_MAX; added += strlen(other)) {
		must(egress_redact_add(redact, other, strlen(other), &out));
		EXPECT_INT(added + strlen(other) - out.length, <=, EGRESS_REDACT_HELD_BYTES_MAX);
	}
	EXPECT_INT(out.length, ==, added);
	EXPECT_INT(strncmp(out.data, EVENT("content", "**********"), strlen(begun)), ==, 0);
}

TEST(more_than_half_a_key_at_the_end_becomes_stars)
{
	expect_passed("x sk-Test+4", "x sk-Test+4");
	expect_passed("x sk-Test+4f9a/1c77e", "x ******************");
}
