/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l3-clawfs/documents.h"

#include "memory-fixture.h"

enum { CONTENT_MAX = 4 << 20 };

static void expect_content(struct memory *memory, const char *path, int64_t version,
			   const char *wanted)
{
	auto_buf struct buf content = BUF(CONTENT_MAX);

	memory_content(memory, path, version, &content);
	EXPECT_STR(buf_string(&content), wanted);
}

TEST(every_write_keeps_the_former_version)
{
	auto_memory struct memory memory = memory_new();

	memory_open(&memory);
	EXPECT_INT(memory_put(&memory, "a.md", "one"), ==, 1);
	EXPECT_INT(memory_put(&memory, "a.md", ""), ==, 2);
	EXPECT_INT(memory_put(&memory, "a.md", "three"), ==, 3);
	expect_content(&memory, "a.md", 1, "one");
	expect_content(&memory, "a.md", 2, "");
	expect_content(&memory, "a.md", 3, "three");
	expect_content(&memory, "a.md", 0, "three");
}

TEST(an_append_begins_on_a_line_of_its_own)
{
	auto_memory struct memory memory = memory_new();

	memory_open(&memory);
	(void)memory_append(&memory, "a.md", "one");
	(void)memory_append(&memory, "a.md", "two\n");
	(void)memory_append(&memory, "a.md", "three");
	expect_content(&memory, "a.md", 1, "one");
	expect_content(&memory, "a.md", 2, "one\ntwo\n");
	expect_content(&memory, "a.md", 3, "one\ntwo\nthree");
}

TEST(many_appends_read_back_whole_at_every_version)
{
	auto_memory struct memory memory = memory_new();
	auto_buf struct buf wanted = BUF(CONTENT_MAX), content = BUF(CONTENT_MAX);
	char line[32];

	memory.quotas.versions = 1000;
	memory_open(&memory);
	for (int i = 1; i <= 3 * CONTENT_CHAIN + 5; i++) {
		(void)snprintf(line, sizeof(line), "line %d\n", i);
		EXPECT_INT(memory_append(&memory, "a.md", line), ==, i);
	}
	for (int i = 1; i <= 3 * CONTENT_CHAIN + 5; i++) {
		EXPECT_INT(buf_printf(&wanted, "line %d\n", i), ==, 0);
		memory_content(&memory, "a.md", i, &content);
		EXPECT_STR(content.data, wanted.data);
	}
}

TEST(an_append_stores_what_it_adds)
{
	auto_memory struct memory memory = memory_new();
	static char large[500001];

	memset(large, 'a', 500000);
	memory_open(&memory);
	(void)memory_put(&memory, "a.md", large);
	for (int i = 0; i < 20; i++)
		(void)memory_append(&memory, "a.md", "one more line\n");
	EXPECT_INT(memory_count(&memory, "SELECT value FROM total WHERE name = 'bytes'"), <,
		   501000);
	EXPECT_INT(memory_count(&memory, "SELECT sum(length(piece)) FROM version"), ==,
		   memory_count(&memory, "SELECT value FROM total WHERE name = 'bytes'"));
}

TEST(old_versions_go_and_what_is_kept_stays_readable)
{
	auto_memory struct memory memory = memory_new();
	auto_buf struct buf content = BUF(CONTENT_MAX);
	char line[32];

	memory.quotas.versions = 10;
	memory_open(&memory);
	for (int i = 1; i <= 300; i++) {
		(void)snprintf(line, sizeof(line), "line %d\n", i);
		if (i % 7 == 0)
			(void)memory_put(&memory, "a.md", line);
		else
			(void)memory_append(&memory, "a.md", line);
	}
	for (int64_t version = 290; version <= 300; version++)
		memory_content(&memory, "a.md", version, &content);
	EXPECT_INT(memory_count(&memory, "SELECT count(*) FROM version"), <=, 11 + CONTENT_CHAIN);
	EXPECT_INT(memory_count(&memory, "SELECT sum(length(piece)) FROM version"), ==,
		   memory_count(&memory, "SELECT value FROM total WHERE name = 'bytes'"));
	memory_content(&memory, "a.md", 0, &content);
	EXPECT_STR(content.data, "line 294\nline 295\nline 296\nline 297\nline 298\nline 299\n"
				 "line 300\n");
}

TEST(a_repeated_call_of_a_tool_is_made_once)
{
	auto_memory struct memory memory = memory_new();
	struct document_write write = memory_text("a.md", "tea\n");

	memory_open(&memory);
	write.append = true;
	write.author = "tool:17";
	EXPECT_INT(memory_write(&memory, &write, WRITE_DONE), ==, 1);
	EXPECT_INT(memory_write(&memory, &write, WRITE_REPEATED), ==, 1);
	expect_content(&memory, "a.md", 0, "tea\n");

	write.author = "tool:18"; /* another call may well add the same line */
	EXPECT_INT(memory_write(&memory, &write, WRITE_DONE), ==, 2);
	write.text = "TEA\n"; /* and one call has one content */
	EXPECT_INT(memory_write(&memory, &write, WRITE_DONE), ==, 3);
}

TEST(a_repeated_call_is_known_at_the_end_of_a_chain_too)
{
	auto_memory struct memory memory = memory_new();
	struct document_write write = memory_text("a.md", "tea");
	char author[32];

	memory_open(&memory);
	write.append = true;
	write.author = author;
	for (int i = 1; i <= 2 * CONTENT_CHAIN + 3; i++) {
		(void)snprintf(author, sizeof(author), "tool:%d", i);
		EXPECT_INT(memory_write(&memory, &write, WRITE_DONE), ==, i);
		EXPECT_INT(memory_write(&memory, &write, WRITE_REPEATED), ==, i);
	}
}

TEST(a_repeated_call_with_a_version_is_known_behind_other_writes)
{
	auto_memory struct memory memory = memory_new();
	struct document_write write = memory_text("a.md", "tea\n");

	memory_open(&memory);
	(void)memory_put(&memory, "a.md", "begin\n");
	write.append = true;
	write.author = "tool:17";
	write.expect_version = 1;
	EXPECT_INT(memory_write(&memory, &write, WRITE_DONE), ==, 2);
	(void)memory_append(&memory, "a.md", "by somebody else\n");
	EXPECT_INT(memory_write(&memory, &write, WRITE_REPEATED), ==, 2);
	expect_content(&memory, "a.md", 0, "begin\ntea\nby somebody else\n");
}

TEST(people_and_the_agent_may_say_the_same_twice)
{
	auto_memory struct memory memory = memory_new();

	memory_open(&memory);
	EXPECT_INT(memory_append(&memory, "a.md", "tea\n"), ==, 1);
	EXPECT_INT(memory_append(&memory, "a.md", "tea\n"), ==, 2);
	expect_content(&memory, "a.md", 0, "tea\ntea\n");
}

TEST(an_expected_version_guards_a_race)
{
	auto_memory struct memory memory = memory_new();
	struct document_write write = memory_text("a.md", "tea");

	memory_open(&memory);
	write.expect_version = 1;
	EXPECT_INT(memory_write(&memory, &write, WRITE_CONFLICT), ==, 0);
	write.expect_version = 0;
	EXPECT_INT(memory_write(&memory, &write, WRITE_DONE), ==, 1);
	EXPECT_INT(memory_write(&memory, &write, WRITE_CONFLICT), ==, 1);
	write.expect_version = 1;
	EXPECT_INT(memory_write(&memory, &write, WRITE_DONE), ==, 2);
	EXPECT_INT(memory_count(&memory, "SELECT count(*) FROM version"), ==, 2);
}

TEST(labels_grow_by_an_append_and_are_set_by_a_replacement)
{
	auto_memory struct memory memory = memory_new();
	struct document_write write = memory_text("a.md", "tea");
	struct document document = { 0 };
	struct error err = { 0 };

	memory_open(&memory);
	write.labels = "[\"web\"]";
	(void)memory_write(&memory, &write, WRITE_DONE);
	write.append = true;
	write.labels = "[\"mail\"]";
	(void)memory_write(&memory, &write, WRITE_DONE);
	EXPECT_INT(document_find(memory.store, "a.md", MEMORY_OWNER, 0, &document, &err), ==, 1);
	EXPECT_STR(document.labels, "[\"mail\",\"web\"]");
	document_fini(&document);
	write.append = false;
	(void)memory_write(&memory, &write, WRITE_DONE);
	EXPECT_INT(document_find(memory.store, "a.md", MEMORY_OWNER, 0, &document, &err), ==, 1);
	EXPECT_STR(document.labels, "[\"mail\"]");
	document_fini(&document);
}

/* The write is refused by this quota and changes nothing. */
static void expect_over(struct memory *memory, const struct document_write *write,
			const char *limit)
{
	int64_t before = memory_count(memory, "SELECT count(*) FROM version");
	struct write_result result = { 0 };
	struct error err = { 0 };

	EXPECT_OK(store_begin(memory->store, &err), &err);
	EXPECT_OK(document_write(memory->store, write, &result, &err), &err);
	EXPECT_OK(store_commit(memory->store, &err), &err);
	EXPECT_INT(result.outcome, ==, WRITE_OVER_LIMIT);
	EXPECT_STR(result.limit, limit);
	EXPECT_INT(result.limit_value, >, 0);
	EXPECT_INT(memory_count(memory, "SELECT count(*) FROM version"), ==, before);
}

TEST(each_limit_is_named_and_nothing_is_changed_behind_it)
{
	auto_memory struct memory memory = memory_new();
	static char large[2000001];
	struct document_write write = memory_text("a.md", large);

	memset(large, 'a', 2000000);
	memory.quotas.document_bytes = 1500000;
	memory.quotas.identity_bytes = 2000;
	memory.quotas.documents = 2;
	memory.quotas.total_bytes = 2000000;
	memory_open(&memory);
	write.length = 1500001;
	expect_over(&memory, &write, "fs.document_bytes");
	write.length = 1500000;
	(void)memory_write(&memory, &write, WRITE_DONE);
	write.append = true;
	write.length = 1;
	expect_over(&memory, &write, "fs.document_bytes");
	write.append = false;
	write.length = 500001;
	expect_over(&memory, &write, "fs.total_bytes");
	write = memory_text("SOUL.md", large);
	write.length = 2001;
	expect_over(&memory, &write, "fs.identity_bytes");
	(void)memory_put(&memory, "b.md", "x");
	write = memory_text("c.md", "x");
	expect_over(&memory, &write, "fs.documents");
}

TEST(an_empty_append_to_what_is_there_changes_nothing)
{
	auto_memory struct memory memory = memory_new();
	struct document_write write = memory_text("a.md", "");

	memory_open(&memory);
	write.append = true;
	EXPECT_INT(memory_write(&memory, &write, WRITE_DONE), ==, 1);
	EXPECT_INT(memory_write(&memory, &write, WRITE_REPEATED), ==, 1);
	EXPECT_INT(memory_append(&memory, "a.md", "tea"), ==, 2);
	expect_content(&memory, "a.md", 0, "tea");
}

TEST(owners_do_not_see_each_other)
{
	auto_memory struct memory memory = memory_new();
	struct document_write write = memory_text("a.md", "other");
	struct document document = { 0 };
	struct error err = { 0 };

	memory_open(&memory);
	(void)memory_put(&memory, "a.md", "mine");
	write.owner = MEMORY_OWNER + 1;
	EXPECT_INT(memory_write(&memory, &write, WRITE_DONE), ==, 1);
	expect_content(&memory, "a.md", 0, "mine");
	EXPECT_INT(document_find(memory.store, "a.md", MEMORY_OWNER + 2, 0, &document, &err), ==,
		   0);
}
