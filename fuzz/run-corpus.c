/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* Feeds every file of a corpus to a fuzz target, as a test. usage: corpus-NAME FOLDER */
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/dir.h"

#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { FILE_MAX_BYTES = 1024 * 1024 };

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static int feed(int folder_fd, const char *name)
{
	auto_buf struct buf content = BUF(FILE_MAX_BYTES);
	auto_free uint8_t *copy = NULL;
	int r = dir_read(folder_fd, name, &content);

	if (r < 0)
		return r;
	copy = malloc(content.length ? content.length : 1); /* exact size, for ASan */
	if (!copy)
		return -ENOMEM;
	memcpy(copy, buf_string(&content), content.length);
	return LLVMFuzzerTestOneInput(copy, content.length);
}

int main(int argc, char **argv)
{
	DIR *folder = argc == 2 ? opendir(argv[1]) : NULL;
	const struct dirent *entry;
	unsigned n = 0, failed = 0;

	while (folder && (entry = readdir(folder))) {
		int r;

		if (entry->d_name[0] == '.')
			continue;
		r = feed(dirfd(folder), entry->d_name);
		failed += r != 0;
		printf("%sok %u - %s is survived\n", r ? "not " : "", ++n, entry->d_name);
	}
	if (folder)
		(void)closedir(folder); /* nothing was written */
	printf("1..%u\n", n);
	return n == 0 || failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
