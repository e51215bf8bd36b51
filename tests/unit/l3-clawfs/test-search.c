/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l3-clawfs/search.h"

#include "harness/cases.h"
#include "l3-clawfs/excerpt.h"
#include "memory-fixture.h"

struct found {
	struct buf paths, text;
	double first_score, last_score;
	uint64_t offset;
	unsigned n;
};

static int on_hit(const struct hit *hit, void *data, struct error *err)
{
	struct found *found = data;

	(void)err;
	EXPECT_INT(hit->score > 0 && hit->score <= 1, ==, 1);
	EXPECT_INT(found->n == 0 || hit->score <= found->last_score, ==, 1);
	EXPECT_INT(hit->length, <=, EXCERPT_BYTES);
	EXPECT_INT(hit->offset + hit->length, <=, hit->document->bytes);
	if (found->n++ == 0) {
		found->first_score = hit->score;
		found->offset = hit->offset;
		EXPECT_INT(buf_add(&found->text, hit->text, hit->length), ==, 0);
	}
	found->last_score = hit->score;
	return buf_printf(&found->paths, "%s%s", found->n > 1 ? " " : "", hit->document->path);
}

static void found_fini(struct found *found)
{
	buf_free(&found->paths);
	buf_free(&found->text);
}

static void run(struct memory *memory, const char *query, size_t length, const char *labels,
		struct found *ret)
{
	struct searcher *searcher = NULL;
	struct error err = { 0 };

	*ret = (struct found){ .paths = BUF(65536), .text = BUF(65536) };
	EXPECT_OK(searcher_open(memory->store, &searcher, &err), &err);
	EXPECT_OK(search(searcher, query, length, 5, labels, on_hit, ret, &err), &err);
	searcher_close(searcher);
}

static void expect_found(struct memory *memory, const char *query, const char *paths)
{
	CLEANUP(found_fini) struct found found;

	run(memory, query, strlen(query), "[]", &found);
	EXPECT_STR(buf_string(&found.paths), paths);
}

static struct memory cases_memory;

static void run_case(const struct test_case *c)
{
	CLEANUP(found_fini) struct found found;
	size_t length = cases_unescape(c->fields[0]);
	const char *wanted = c->fields[1], *paths;
	size_t n = strlen(wanted);

	run(&cases_memory, c->fields[0], length, "[]", &found);
	paths = buf_string(&found.paths);
	if (strcmp(wanted, "-") == 0
		    ? paths[0] != '\0'
		    : strncmp(paths, wanted, n) != 0 || (paths[n] != '\0' && paths[n] != ' '))
		tap_fail(c->file, c->line, "found \"%s\"", paths);
}

TEST(any_text_is_a_query_and_finds_what_it_should)
{
	cases_memory = memory_new();
	memory_open(&cases_memory);
	(void)memory_put(&cases_memory, "people/ann.md",
			 "Ann likes green tea. Her birthday is on 3 May.\n");
	(void)memory_put(&cases_memory, "projects/boat.md",
			 "# The boat\nIts engine is a Volvo MD2030, serviced in Kiel every "
			 "winter.\n");
	(void)memory_put(&cases_memory, "daily/2026-11-20.md",
			 "- 09:10 the dentist moved the appointment to 14 December\n");
	(void)memory_put(&cases_memory, "code.md",
			 "Use foo_bar-baz() from parser.c; never C++ or .NET.\n");
	(void)memory_put(&cases_memory, "party.md", "Zoë's café 🎉 for the Übergabe\n");
	(void)memory_put(&cases_memory, "sql.md", "SELECT * FROM students; DROP TABLE students;\n");
	cases_run("fs-queries", 3, 40, run_case);
	memory_close(&cases_memory);
}

TEST(ten_kilobytes_of_anything_are_a_query)
{
	auto_memory struct memory memory = memory_new();
	static char text[10240];
	CLEANUP(found_fini) struct found found;

	memory_open(&memory);
	(void)memory_put(&memory, "a.md", "tea and boats\n");
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (char)(i * 7 + i / 256);
	run(&memory, text, sizeof(text), "[]", &found);
	memset(text, '"', sizeof(text));
	memcpy(text + 5000, " tea ", 5);
	found_fini(&found);
	run(&memory, text, sizeof(text), "[]", &found);
	EXPECT_STR(buf_string(&found.paths), "a.md");
}

TEST(the_newest_version_is_found_and_no_former_one)
{
	auto_memory struct memory memory = memory_new();

	memory_open(&memory);
	(void)memory_put(&memory, "a.md", "the boat is red");
	(void)memory_put(&memory, "a.md", "the boat is blue");
	expect_found(&memory, "red", "");
	expect_found(&memory, "blue", "a.md");
	(void)memory_put(&memory, "a.md", "");
	expect_found(&memory, "blue", "");
}

TEST(a_chunk_with_every_word_comes_first)
{
	auto_memory struct memory memory = memory_new();

	memory_open(&memory);
	(void)memory_put(&memory, "one.md", "boat boat boat boat boat");
	(void)memory_put(&memory, "both.md",
			 "a long text in which the boat is named once, and after a while, when "
			 "nobody waits for it any more, the engine is too");
	(void)memory_put(&memory, "two.md", "engine engine engine");
	expect_found(&memory, "boat engine", "both.md one.md two.md");
}

TEST(a_word_of_the_path_weighs_more)
{
	auto_memory struct memory memory = memory_new();

	memory_open(&memory);
	(void)memory_put(&memory, "notes.md", "the boat has an engine and two sails");
	(void)memory_put(&memory, "boat.md", "it has an engine and two large sails");
	expect_found(&memory, "boat", "boat.md notes.md");
}

TEST(a_rare_word_weighs_more_than_a_common_one)
{
	auto_memory struct memory memory = memory_new();
	char path[32];

	memory_open(&memory);
	for (int i = 0; i < 30; i++) {
		(void)snprintf(path, sizeof(path), "log/%d.md", i);
		(void)memory_put(&memory, path, "went to work by train today");
	}
	(void)memory_put(&memory, "x.md", "a zeppelin passed over the house while we were there");
	expect_found(&memory, "zeppelin train", "x.md log/29.md log/28.md log/27.md log/26.md");
}

TEST(stems_and_beginnings_are_found)
{
	auto_memory struct memory memory = memory_new();

	memory_open(&memory);
	(void)memory_put(&memory, "a.md", "she was running several marathons");
	expect_found(&memory, "run marathon", "a.md");
	expect_found(&memory, "marat", "a.md");
	expect_found(&memory, "ma", "");
}

TEST(an_excerpt_shows_the_place_and_says_where_it_is)
{
	auto_memory struct memory memory = memory_new();
	auto_buf struct buf text = BUF(65536);
	CLEANUP(found_fini) struct found found;

	for (int i = 0; i < 400; i++)
		EXPECT_INT(buf_printf(&text, "line %d of a long log\n", i), ==, 0);
	EXPECT_INT(buf_add_string(&text, "Ann was born in Lund\n"), ==, 0);
	for (int i = 0; i < 400; i++)
		EXPECT_INT(buf_printf(&text, "more %d of a long log\n", i), ==, 0);
	memory_open(&memory);
	(void)memory_put(&memory, "a.md", text.data);
	run(&memory, "lund", 4, "[]", &found);
	EXPECT_STR(buf_string(&found.paths), "a.md");
	EXPECT_INT(strstr(buf_string(&found.text), "Ann was born in Lund\n") != NULL, ==, 1);
	EXPECT_INT(memcmp(text.data + found.offset, found.text.data, found.text.length), ==, 0);
	EXPECT_INT(found.offset == 0 || text.data[found.offset - 1] == '\n', ==, 1);
}

TEST(overlapping_chunks_show_a_place_once)
{
	auto_memory struct memory memory = memory_new();
	auto_buf struct buf text = BUF(65536);

	for (int i = 0; i < 740; i++)
		EXPECT_INT(buf_printf(&text, "w%d ", i), ==, 0);
	EXPECT_INT(buf_add_string(&text, "zeppelin "), ==, 0);
	for (int i = 0; i < 400; i++)
		EXPECT_INT(buf_printf(&text, "v%d ", i), ==, 0);
	memory_open(&memory);
	(void)memory_put(&memory, "a.md", text.data);
	EXPECT_INT(memory_count(&memory, "SELECT count(*) FROM chunk"), ==, 2);
	expect_found(&memory, "zeppelin", "a.md");
}

TEST(appending_indexes_like_writing_at_once)
{
	auto_memory struct memory memory = memory_new();
	auto_buf struct buf text = BUF(1 << 20);
	char line[64];

	memory_open(&memory);
	for (int i = 0; i < 900; i++) {
		(void)snprintf(line, sizeof(line), "entry %d with some words unique%d\n", i, i);
		(void)memory_append(&memory, "grown.md", line);
		EXPECT_INT(buf_add_string(&text, line), ==, 0);
	}
	(void)memory_put(&memory, "whole.md", text.data);
	EXPECT_INT(memory_count(&memory,
				"SELECT count(*) FROM (SELECT number, start, length FROM chunk"
				" WHERE document = 1 EXCEPT SELECT number, start, length FROM chunk"
				" WHERE document = 2)"),
		   ==, 0);
	EXPECT_INT(memory_count(&memory, "SELECT count(*) FROM chunk WHERE document = 1"), ==,
		   memory_count(&memory, "SELECT count(*) FROM chunk WHERE document = 2"));
	for (int i = 0; i < 900; i += 89) {
		CLEANUP(found_fini) struct found found;

		(void)snprintf(line, sizeof(line), "unique%d", i);
		run(&memory, line, strlen(line), "[]", &found);
		EXPECT_INT(found.n, ==, 2);
	}
	EXPECT_INT(memory_count(&memory,
				"SELECT count(*) FROM chunk_text WHERE chunk_text MATCH 'unique7'"),
		   ==, 2);
}

TEST(labels_filter)
{
	auto_memory struct memory memory = memory_new();
	struct document_write write = memory_text("a.md", "tea from the web");
	CLEANUP(found_fini) struct found found = { 0 };

	memory_open(&memory);
	write.labels = "[\"mail\",\"web\"]";
	(void)memory_write(&memory, &write, WRITE_DONE);
	(void)memory_put(&memory, "b.md", "tea from home");
	run(&memory, "tea", 3, "[\"web\"]", &found);
	EXPECT_STR(buf_string(&found.paths), "a.md");
	found_fini(&found);
	run(&memory, "tea", 3, "[\"mail\",\"phone\"]", &found);
	EXPECT_STR(buf_string(&found.paths), "");
}
