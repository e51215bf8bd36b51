/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l3-clawfs/store.h"

#include "base/dir.h"
#include "l3-clawfs/schema.h"
#include "memory-fixture.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>

static int file_fd(const struct memory *memory, int flags)
{
	char path[128];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/memory.db", memory->dir);
	fd = dir_open_configured(path, flags, 0600);
	EXPECT_INT(fd, >=, 0);
	return fd;
}

static void read_file(const struct memory *memory, struct buf *out)
{
	auto_fd int fd = file_fd(memory, O_RDONLY);

	out->length = 0;
	EXPECT_INT(dir_read_fd(fd, out), ==, 0);
}

/* Opening fails with this code and a sentence with these words, and leaves the file as it was. */
static void expect_refused(struct memory *memory, int wanted, const char *words)
{
	auto_buf struct buf before = BUF(16 << 20), after = BUF(16 << 20);
	struct error err = { 0 };

	read_file(memory, &before);
	EXPECT_INT(store_open(memory->dir, &memory->quotas, &memory->store, &err), ==, wanted);
	if (!strstr(err.text, words))
		tap_fail(__FILE__, __LINE__, "\"%s\" does not say \"%s\"", err.text, words);
	read_file(memory, &after);
	EXPECT_INT(after.length, ==, before.length);
	EXPECT_INT(memcmp(after.data, before.data, before.length), ==, 0);
}

static void execute(struct memory *memory, const char *sql)
{
	EXPECT_INT(sqlite3_exec(store_db(memory->store), sql, NULL, NULL, NULL), ==, SQLITE_OK);
}

static void reclose(struct memory *memory)
{
	store_close(memory->store);
	memory->store = NULL;
}

TEST(a_new_store_is_made_and_opened_again)
{
	auto_memory struct memory memory = memory_new();

	memory_open(&memory);
	(void)memory_put(&memory, "a.md", "tea");
	reclose(&memory);
	memory_open(&memory);
	EXPECT_INT(memory_count(&memory, "SELECT count(*) FROM document"), ==, 1);
	EXPECT_INT(memory_count(&memory, "PRAGMA user_version"), ==, schema_version);
	EXPECT_INT(memory_count(&memory, "PRAGMA application_id"), ==, SCHEMA_APPLICATION_ID);
	EXPECT_INT(memory_count(&memory, "PRAGMA synchronous"), ==, 2);
}

TEST(a_newer_schema_is_refused_untouched)
{
	auto_memory struct memory memory = memory_new();

	memory_open(&memory);
	execute(&memory, "PRAGMA user_version = 999");
	reclose(&memory);
	expect_refused(&memory, -ENOTSUP, "left untouched");
}

TEST(a_database_of_something_else_is_refused_untouched)
{
	auto_memory struct memory memory = memory_new();

	memory_open(&memory);
	execute(&memory, "PRAGMA application_id = 5");
	reclose(&memory);
	expect_refused(&memory, -EUCLEAN, "not a ClawFS store");
}

TEST(what_is_no_database_is_refused_untouched)
{
	auto_memory struct memory memory = memory_new();
	auto_fd int fd = file_fd(&memory, O_WRONLY | O_CREAT);
	char noise[8192];

	memset(noise, 'x', sizeof(noise));
	EXPECT_INT(dir_write_all(fd, noise, sizeof(noise)), ==, 0);
	expect_refused(&memory, -EUCLEAN, "not a ClawFS store");
}

TEST(a_damaged_page_is_found_at_the_start)
{
	auto_memory struct memory memory = memory_new();
	char text[512] = "", noise[4096];
	struct error err = { 0 };
	int fd;

	memory_open(&memory);
	for (int i = 0; i < 200; i++) {
		(void)snprintf(text, sizeof(text), "n%d.md", i);
		(void)memory_put(&memory, text, "some words about tea and boats and more");
	}
	reclose(&memory);
	memset(noise, 0x5a, sizeof(noise));
	fd = file_fd(&memory, O_WRONLY);
	EXPECT_INT(pwrite(fd, noise, sizeof(noise), 4096 * 3), ==, (int)sizeof(noise));
	(void)close(fd);
	EXPECT_INT(store_open(memory.dir, &memory.quotas, &memory.store, &err), ==, -EUCLEAN);
	EXPECT_INT(strncmp(err.text, "memory.db", 9), ==, 0);
}

TEST(a_second_opener_is_refused)
{
	auto_memory struct memory memory = memory_new();
	int status = 0;
	pid_t pid;

	memory_open(&memory);
	(void)memory_put(&memory, "a.md", "tea");
	pid = fork(); /* locks belong to a process */
	if (pid == 0) {
		struct store *other = NULL;
		struct error err = { 0 };
		int r = store_open(memory.dir, &memory.quotas, &other, &err);

		_exit(r == -EBUSY && strstr(err.text, "another clawfsd") ? 0 : 1);
	}
	EXPECT_INT(waitpid(pid, &status, 0), ==, pid);
	EXPECT_INT(status, ==, 0);
}

TEST(what_was_not_committed_is_wholly_absent)
{
	auto_memory struct memory memory = memory_new();
	const struct document_write write = memory_text("a.md", "tea");
	struct write_result result;
	struct error err = { 0 };

	memory_open(&memory);
	EXPECT_OK(store_begin(memory.store, &err), &err);
	EXPECT_OK(document_write(memory.store, &write, &result, &err), &err);
	document_fini(&result.document);
	reclose(&memory);
	memory_open(&memory);
	EXPECT_INT(memory_count(&memory, "SELECT count(*) FROM document"), ==, 0);
	EXPECT_INT(memory_count(&memory, "SELECT count(*) FROM chunk"), ==, 0);
	EXPECT_INT(memory_count(&memory, "SELECT value FROM total WHERE name = 'documents'"), ==,
		   0);
}

TEST(a_unit_can_be_taken_back_alone)
{
	auto_memory struct memory memory = memory_new();
	const struct document_write first = memory_text("a.md", "tea"),
				    second = memory_text("b.md", "boat");
	struct write_result result;
	struct error err = { 0 };

	memory_open(&memory);
	EXPECT_OK(store_begin(memory.store, &err), &err);
	EXPECT_OK(store_mark(memory.store, &err), &err);
	EXPECT_OK(document_write(memory.store, &first, &result, &err), &err);
	document_fini(&result.document);
	EXPECT_OK(store_keep(memory.store, &err), &err);
	EXPECT_OK(store_mark(memory.store, &err), &err);
	EXPECT_OK(document_write(memory.store, &second, &result, &err), &err);
	document_fini(&result.document);
	store_undo(memory.store);
	EXPECT_OK(store_commit(memory.store, &err), &err);
	EXPECT_INT(memory_count(&memory, "SELECT count(*) FROM document"), ==, 1);
	EXPECT_INT(memory_count(&memory, "SELECT count(*) FROM document WHERE path = 'a.md'"), ==,
		   1);
}

TEST(the_file_is_for_its_owner_alone)
{
	auto_memory struct memory memory = memory_new();
	char path[128];
	struct stat st;

	(void)umask(077);
	memory_open(&memory);
	(void)snprintf(path, sizeof(path), "%s/memory.db", memory.dir);
	EXPECT_INT(stat(path, &st), ==, 0);
	EXPECT_INT(st.st_mode & 077, ==, 0);
}

TEST(a_missing_folder_is_an_error_with_its_path)
{
	struct quotas quotas;
	struct store *store = NULL;
	struct error err = { 0 };

	quotas_default(&quotas);
	EXPECT_INT(store_open("/nonexistent/fs", &quotas, &store, &err), <, 0);
	EXPECT_INT(strncmp(err.text, "/nonexistent/fs/memory.db", 25), ==, 0);
}
