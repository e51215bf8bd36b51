/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "base/cleanup.h"
#include "base/dir.h"
#include "l7-shell/history-file.h"

#include "harness/folder.h"
#include "harness/tap.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

enum { SEEN_BYTES_MAX = 1 << 20 };

struct seen {
	unsigned n;
	struct buf text;
};

static int on_entry(const char *text, void *data)
{
	struct seen *seen = data;

	seen->n++;
	return buf_printf(&seen->text, "%s|", text);
}

TEST(entries_come_back_as_they_were)
{
	static const char *const texts[] = { "one", "two\nlines", "back\\slash \\n", "\xC3\xA4" };
	struct seen seen = { .text = BUF(SEEN_BYTES_MAX) };
	auto_fd int fd = test_folder(NULL);
	struct stat st;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		EXPECT_INT(history_file_add(fd, texts[i]), ==, 0);
	EXPECT_INT(history_file_load(fd, on_entry, &seen), ==, 0);
	EXPECT_STR(seen.text.data, "one|two\nlines|back\\slash \\n|\xC3\xA4|");
	EXPECT_INT(fstatat(fd, "history", &st, 0), ==, 0);
	EXPECT_INT(st.st_mode & 0777, ==, 0600);
	buf_free(&seen.text);
}

TEST(a_state_without_history_has_none)
{
	struct seen seen = { .text = BUF(SEEN_BYTES_MAX) };
	auto_fd int fd = test_folder(NULL);

	EXPECT_INT(history_file_load(fd, on_entry, &seen), ==, 0);
	EXPECT_INT(seen.n, ==, 0);
}

TEST(only_the_newest_entries_are_kept)
{
	struct seen seen = { .text = BUF(SEEN_BYTES_MAX) }, again = { .text = BUF(SEEN_BYTES_MAX) };
	auto_buf struct buf file = BUF(HISTORY_FILE_BYTES_MAX);
	auto_fd int fd = test_folder(NULL);

	for (unsigned i = 0; i < 2 * HISTORY_FILE_ENTRIES + 5; i++)
		EXPECT_INT(buf_printf(&file, "entry %u\n", i), ==, 0);
	EXPECT_INT(dir_replace(fd, "history", file.data, file.length, 0600), ==, 0);
	EXPECT_INT(history_file_load(fd, on_entry, &seen), ==, 0);
	EXPECT_INT(seen.n, ==, HISTORY_FILE_ENTRIES);
	EXPECT_INT(strncmp(seen.text.data, "entry 2005|", 11), ==, 0);
	buf_truncate(&file, 0);
	EXPECT_INT(dir_read(fd, "history", &file), ==, 0);
	EXPECT_INT(strncmp(file.data, "entry 2005\n", 11), ==, 0);
	EXPECT_INT(history_file_load(fd, on_entry, &again), ==, 0);
	EXPECT_STR(again.text.data, seen.text.data);
	buf_free(&seen.text);
	buf_free(&again.text);
}
