/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l3-clawfs/query.h"

#include "base/cleanup.h"
#include "harness/tap.h"

#include <stdio.h>

static sqlite3 *database(void)
{
	sqlite3 *db = NULL;

	EXPECT_INT(sqlite3_open(":memory:", &db), ==, SQLITE_OK);
	return db;
}

static void expect_expression(const char *text, enum query_mode mode, const char *wanted)
{
	auto_buf struct buf out = BUF(QUERY_EXPRESSION_BYTES);
	struct tokens *tokens = NULL;
	struct query query = { 0 };
	sqlite3 *db = database();
	struct error err = { 0 };

	EXPECT_OK(tokens_open(db, TOKENS_FOLDED, &tokens, &err), &err);
	EXPECT_OK(query_parse(tokens, text, strlen(text), &query, &err), &err);
	EXPECT_OK(query_expression(&query, mode, &out), &err);
	EXPECT_STR(buf_string(&out), wanted);
	query_fini(&query);
	tokens_close(tokens);
	(void)sqlite3_close(db);
}

TEST(words_are_quoted_one_by_one)
{
	expect_expression("green tea", QUERY_ALL, "\"green\" AND \"tea\"");
	expect_expression("green tea", QUERY_ANY, "\"green\" OR \"tea\"");
	expect_expression("tea OR NOT (x)", QUERY_ALL, "\"tea\" AND \"x\"");
	expect_expression("a\"b\" col:val*", QUERY_ANY, "\"b\" OR \"col\" OR \"val\"");
}

TEST(words_that_say_nothing_are_left_out_unless_there_are_no_others)
{
	expect_expression("What is the name of my boat?", QUERY_ALL, "\"name\" AND \"boat\"");
	expect_expression("who are you", QUERY_ALL, "\"who\" AND \"are\" AND \"you\"");
}

TEST(a_word_counts_once_and_folded)
{
	expect_expression("Tea TEA t\xc3\xa9"
			  "a",
			  QUERY_ANY, "\"tea\"");
}

TEST(short_words_are_no_beginnings)
{
	expect_expression("go boatyard", QUERY_BEGIN, "\"boatyard\"*");
	expect_expression("go", QUERY_BEGIN, "");
}

TEST(text_without_a_word_is_no_query)
{
	expect_expression("", QUERY_ALL, "");
	expect_expression("?!\"'(*", QUERY_ANY, "");
	expect_expression("\xf0\x9f\x8d\xb5", QUERY_ANY, "");
}

TEST(rare_terms_come_first_and_common_ones_are_not_looked_for_alone)
{
	auto_buf struct buf any = BUF(QUERY_EXPRESSION_BYTES), all = BUF(QUERY_EXPRESSION_BYTES);
	char a[] = "common", b[] = "rare", c[] = "absent", d[] = "half", e[] = "most";
	struct query query = {
		.terms = { a, b, c, d, e },
		.chunks = { 2500, 3, 0, 1000, 9000 },
		.n_terms = 5,
	};

	query_weigh(&query);
	EXPECT_INT(query_expression(&query, QUERY_ANY, &any), ==, 0);
	EXPECT_STR(any.data, "\"absent\" OR \"rare\" OR \"half\"");
	EXPECT_INT(query_expression(&query, QUERY_ALL, &all), ==, 0);
	EXPECT_STR(all.data, "\"absent\" AND \"rare\" AND \"half\" AND \"common\" AND "
			     "\"most\"");
}

TEST(a_long_query_is_bounded)
{
	auto_buf struct buf text = BUF(65536), out = BUF(QUERY_EXPRESSION_BYTES);
	struct tokens *tokens = NULL;
	struct query query = { 0 };
	sqlite3 *db = database();
	struct error err = { 0 };

	for (int i = 0; i < 1500; i++)
		EXPECT_INT(buf_printf(&text, "word%d ", i), ==, 0);
	EXPECT_INT(text.length, >, 10000);
	EXPECT_OK(tokens_open(db, TOKENS_FOLDED, &tokens, &err), &err);
	EXPECT_OK(query_parse(tokens, text.data, text.length, &query, &err), &err);
	EXPECT_INT(query.n_terms, ==, QUERY_TERMS_MAX);
	EXPECT_OK(query_expression(&query, QUERY_ANY, &out), &err);
	query_fini(&query);

	text.length = 0;
	for (int i = 0; i < 10000; i++)
		EXPECT_INT(buf_add_char(&text, 'a'), ==, 0);
	EXPECT_OK(query_parse(tokens, text.data, text.length, &query, &err), &err);
	EXPECT_INT(query.n_terms, ==, 0);
	tokens_close(tokens);
	(void)sqlite3_close(db);
}
