/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l3-clawfs/identity.h"

#include "l3-clawfs/seeds.h"
#include "memory-fixture.h"

static int add_name(const struct document *document, void *data, struct error *err)
{
	(void)err;
	return buf_printf(data, "%s ", document->path);
}

static int64_t read_all(struct memory *memory, struct buf *text, struct buf *names)
{
	struct error err = { 0 };
	int64_t generation = -1;

	text->length = 0;
	names->length = 0;
	EXPECT_OK(identity_read(memory->store, MEMORY_OWNER, text, &generation, add_name, names,
				&err),
		  &err);
	return generation;
}

TEST(the_documents_are_joined_in_their_order)
{
	auto_memory struct memory memory = memory_new();
	auto_buf struct buf text = BUF(65536), names = BUF(1024);

	memory_open(&memory);
	(void)memory_put(&memory, "MEMORY.md", "m\n\n");
	(void)memory_put(&memory, "IDENTITY.md", "i");
	(void)memory_put(&memory, "USER.md", "u\n");
	(void)memory_put(&memory, "SOUL.md", "s\n");
	(void)memory_put(&memory, "AGENTS.md", "a\n");
	(void)memory_put(&memory, "README.md", "not in the prompt");
	(void)read_all(&memory, &text, &names);
	EXPECT_STR(text.data, "a\n---\ns\n---\nu\n---\ni\n---\nm\n");
	EXPECT_STR(names.data, "AGENTS.md SOUL.md USER.md IDENTITY.md MEMORY.md ");
}

TEST(what_says_nothing_costs_nothing)
{
	auto_memory struct memory memory = memory_new();
	auto_buf struct buf text = BUF(65536), names = BUF(1024);

	memory_open(&memory);
	EXPECT_INT(read_all(&memory, &text, &names), ==, 0);
	EXPECT_INT(text.length, ==, 0);
	(void)memory_put(&memory, "USER.md", "# The person\n\n<!-- name,\nlanguage -->\n");
	(void)memory_put(&memory, "MEMORY.md", " \n");
	(void)memory_put(&memory, "SOUL.md", "");
	(void)memory_put(&memory, "IDENTITY.md", "# Me\nClaw");
	(void)read_all(&memory, &text, &names);
	EXPECT_STR(text.data, "# Me\nClaw\n");
	EXPECT_STR(names.data, "IDENTITY.md ");
}

TEST(comments_and_headings_are_nothing_and_all_else_is_something)
{
	EXPECT_INT(identity_is_empty("<!-- a --> b", 12), ==, 0);
	EXPECT_INT(identity_is_empty("<!-- a", 6), ==, 1);
	EXPECT_INT(identity_is_empty("<!-", 3), ==, 0);
	EXPECT_INT(identity_is_empty("# a\n# b\n\n", 9), ==, 1);
	EXPECT_INT(identity_is_empty("text", 4), ==, 0);
}

TEST(the_generation_changes_with_the_documents_and_only_with_them)
{
	auto_memory struct memory memory = memory_new();
	auto_buf struct buf text = BUF(65536), names = BUF(1024);
	int64_t first, second;

	memory_open(&memory);
	(void)memory_put(&memory, "SOUL.md", "s");
	first = read_all(&memory, &text, &names);
	(void)memory_put(&memory, "projects/a.md", "x");
	EXPECT_INT(read_all(&memory, &text, &names), ==, first);
	(void)memory_append(&memory, "MEMORY.md", "x");
	second = read_all(&memory, &text, &names);
	EXPECT_INT(second, !=, first);
	(void)memory_put(&memory, "SOUL.md", "s");
	EXPECT_INT(read_all(&memory, &text, &names), !=, second);
}

TEST(a_long_memory_is_cut_at_a_line_and_stays_the_same_in_front)
{
	auto_memory struct memory memory = memory_new();
	auto_buf struct buf text = BUF(65536), names = BUF(1024), before = BUF(65536);
	char line[64];

	memory.quotas.memory_prompt_bytes = 1000;
	memory_open(&memory);
	for (int i = 0; i < 100; i++) {
		(void)snprintf(line, sizeof(line), "fact number %d\n", i);
		(void)memory_append(&memory, "MEMORY.md", line);
	}
	(void)read_all(&memory, &before, &names);
	EXPECT_INT(before.length, <, 1100);
	EXPECT_INT(strstr(before.data, "\n[MEMORY.md: 495 of 1490 bytes are not shown; "
				       "memory_search finds them]\n") != NULL,
		   ==, 1);
	(void)memory_append(&memory, "MEMORY.md", "one more\n");
	(void)read_all(&memory, &text, &names);
	EXPECT_INT(memcmp(before.data, text.data, 990), ==, 0);
}

TEST(the_seeds_are_few_bytes_and_are_planted_once)
{
	auto_memory struct memory memory = memory_new();
	auto_buf struct buf text = BUF(65536), names = BUF(1024);
	struct error err = { 0 };
	const char *share = getenv("CLAW_SPEC");

	memory_open(&memory);
	(void)memory_put(&memory, "SOUL.md", "my own\n");
	EXPECT_OK(seeds_plant(memory.store, share, MEMORY_OWNER, 1, &err), &err);
	EXPECT_INT(memory_count(&memory, "SELECT count(*) FROM document"), ==, 7);
	EXPECT_INT(memory_count(&memory, "SELECT count(*) FROM document WHERE author = 'seed'"), ==,
		   6);
	(void)read_all(&memory, &text, &names);
	EXPECT_STR(names.data, "AGENTS.md SOUL.md IDENTITY.md ");
	EXPECT_INT(text.length, <=, 900);
	EXPECT_INT(strstr(text.data, "my own") != NULL, ==, 1);
	EXPECT_OK(seeds_plant(memory.store, share, MEMORY_OWNER, 2, &err), &err);
	EXPECT_INT(memory_count(&memory, "SELECT count(*) FROM version"), ==, 7);
}

TEST(missing_seeds_are_an_error)
{
	auto_memory struct memory memory = memory_new();
	struct error err = { 0 };

	memory_open(&memory);
	EXPECT_INT(seeds_plant(memory.store, "/nonexistent", MEMORY_OWNER, 1, &err), ==, -ENOENT);
	EXPECT_INT(memory_count(&memory, "SELECT count(*) FROM document"), ==, 0);
}
