/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l5-wasm/json-read.h"

#include "harness/tap.h"

static int read_text(const char *text)
{
	CLEANUP(json_tree_fini) struct json_tree tree = { 0 };

	return json_read(text, strlen(text), &tree);
}

TEST(members_are_found_with_their_types)
{
	static const char text[] =
		" { \"a\" : \"x\" , \"b\" : [ 1 , { \"a\" : 2 } ] , \"c\" : true, "
		"\"d\":null, \"e\":-12,\"f\":1.5,\"g\":{} } ";
	CLEANUP(json_tree_fini) struct json_tree tree = { 0 };
	const struct json_value *root, *value;

	EXPECT_INT(json_read(text, strlen(text), &tree), ==, 0);
	root = &tree.values[0];
	EXPECT_STR(json_string(&tree, json_member(&tree, root, "a")), "x");
	EXPECT_INT(json_member(&tree, root, "b")->type, ==, JSON_LIST);
	EXPECT_INT(json_member(&tree, root, "c")->integer, ==, 1);
	EXPECT_INT(json_member(&tree, root, "d")->type, ==, JSON_NULL);
	EXPECT_INT(json_member(&tree, root, "e")->integer, ==, -12);
	EXPECT_INT(json_member(&tree, root, "f")->type, ==, JSON_FRACTION);
	value = json_member(&tree, root, "g");
	EXPECT_INT(value->type, ==, JSON_OBJECT);
	EXPECT_INT(json_member(&tree, value, "a") == NULL, ==, true);
	EXPECT_INT(json_member(&tree, root, "h") == NULL, ==, true);
}

TEST(escapes_and_every_legal_character_are_taken)
{
	static const char text[] = "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e4\\ud83d\\ude00\x7f"
				   "\xEF\xBF\xBF\"";
	CLEANUP(json_tree_fini) struct json_tree tree = { 0 };

	EXPECT_INT(json_read(text, strlen(text), &tree), ==, 0);
	EXPECT_STR(json_string(&tree, &tree.values[0]),
		   "\"\\/\b\f\n\r\t\xC3\xA4\xF0\x9F\x98\x80\x7f\xEF\xBF\xBF");
}

TEST(integers_have_64_bits_and_larger_ones_are_none)
{
	CLEANUP(json_tree_fini) struct json_tree tree = { 0 };
	static const char text[] = "[9223372036854775807,-9223372036854775808,9223372036854775808,"
				   "1e2,-0,100000000000000000000000000]";

	EXPECT_INT(json_read(text, strlen(text), &tree), ==, 0);
	EXPECT_INT(tree.values[1].integer, ==, INT64_MAX);
	EXPECT_INT(tree.values[2].integer, ==, INT64_MIN);
	EXPECT_INT(tree.values[3].type, ==, JSON_FRACTION);
	EXPECT_INT(tree.values[4].type, ==, JSON_FRACTION);
	EXPECT_INT(tree.values[5].type, ==, JSON_INTEGER);
	EXPECT_INT(tree.values[6].type, ==, JSON_FRACTION);
}

TEST(what_is_no_json_is_refused)
{
	static const char *const texts[] = {
		"",
		" ",
		"{",
		"[",
		"]",
		"{\"a\"}",
		"{\"a\":}",
		"{a:1}",
		"[1,]",
		"{\"a\":1,}",
		"[1 2]",
		"01",
		"-",
		"1.",
		"1e",
		".5",
		"+1",
		"falsy",
		"nul",
		"\"",
		"\"\\\"",
		"\"\\x\"",
		"\"\n\"",
		"\"\\u12\"",
		"\"\\ud800\"",
		"\"\\udc00\"",
		"\"\\ud800\\u0041\"",
		"1 1",
		"{} {}",
		"\"\xff\"",
		"\"\xed\xa0\x80\"",
		"// x\n1",
		"'a'",
		"\"\\u0000\"",
		"{\"a\":1 \"b\":2}",
		"{1:2}",
		"[,1]",
		"NaN",
		"\xEF\xBB\xBF{}",
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (read_text(texts[i]) != -EINVAL)
			tap_fail(__FILE__, __LINE__, "%zu: %s: %d", i, texts[i],
				 read_text(texts[i]));
}

TEST(depth_and_number_of_values_are_bounded)
{
	auto_buf struct buf text = BUF(64 * 1024);

	for (int i = 0; i < JSON_DEPTH_MAX + 1; i++)
		EXPECT_INT(buf_add_char(&text, '['), ==, 0);
	EXPECT_INT(read_text(text.data), ==, -E2BIG);
	buf_truncate(&text, 0);
	EXPECT_INT(buf_add_string(&text, "[0"), ==, 0);
	for (int i = 0; i < JSON_VALUES_MAX; i++)
		EXPECT_INT(buf_add_string(&text, ",0"), ==, 0);
	EXPECT_INT(buf_add_char(&text, ']'), ==, 0);
	EXPECT_INT(read_text(text.data), ==, -E2BIG);
}
