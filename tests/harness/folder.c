/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "harness/folder.h"

#include "base/dir.h"
#include "harness/tap.h"

#include <ftw.h>

enum { DESCRIPTORS = 8 };

static const char template[] = "/tmp/clawos-unit-XXXXXX";
static char folder[sizeof(template)];

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *ftw)
{
	(void)status;
	(void)type;
	(void)ftw;
	return remove(path);
}

static void remove_folder(void)
{
	(void)nftw(folder, remove_one, DESCRIPTORS, FTW_DEPTH | FTW_PHYS);
}

int test_folder(const char **ret_path)
{
	int fd;

	if (folder[0])
		remove_folder();
	else
		EXPECT_INT(atexit(remove_folder), ==, 0);
	memcpy(folder, template, sizeof(template));
	EXPECT_INT(mkdtemp(folder) != NULL, ==, 1);
	fd = dir_open_configured(folder, O_RDONLY | O_DIRECTORY, 0);
	EXPECT_INT(fd, >=, 0);
	if (ret_path)
		*ret_path = folder;
	return fd;
}
