/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l5-wasm/dir-names.h"

#include "base/buf.h"

#include <dirent.h>
#include <sys/stat.h>

enum { GETDENTS_BYTES = 32 * 1024, NAME_BYTES_ALL_MAX = 64 * 1024 * 1024 };

static unsigned char type_of(int fd, const char *name)
{
	struct stat st;

	if (fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return DT_REG; /* gone since: opening it will tell */
	return (unsigned char)IFTODT(st.st_mode);
}

/* Each entry becomes its type, its name and a NUL. */
static int collect(int fd, size_t max, struct buf *entries, struct dir_names *names)
{
	char block[GETDENTS_BYTES] __attribute__((aligned(__alignof__(struct dirent64))));
	ssize_t n;

	if (lseek(fd, 0, SEEK_SET) < 0)
		return -errno;
	while ((n = getdents64(fd, block, sizeof(block))) > 0) {
		for (ssize_t at = 0; at < n;) {
			struct dirent64 *entry = (struct dirent64 *)(void *)(block + at);
			unsigned char type = entry->d_type;
			int r;

			at += entry->d_reclen;
			if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
				continue;
			if (names->count == max) {
				names->more = true;
				return 0;
			}
			if (type == DT_UNKNOWN)
				type = type_of(fd, entry->d_name);
			r = buf_add_char(entries, (char)type);
			if (r == 0)
				r = buf_add(entries, entry->d_name, strlen(entry->d_name) + 1);
			if (r < 0)
				return r;
			names->count++;
		}
	}
	return n < 0 ? -errno : 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

int dir_names_read(int fd, size_t max, struct dir_names *ret)
{
	CLEANUP(dir_names_fini) struct dir_names names = { 0 };
	auto_buf struct buf entries = BUF(NAME_BYTES_ALL_MAX);
	int r = collect(fd, max, &entries, &names);
	char *at;

	if (r < 0)
		return r;
	if (names.count == 0) {
		*ret = (struct dir_names){ 0 };
		return 0;
	}
	names.memory = buf_take(&entries);
	names.names = calloc(names.count, sizeof(*names.names));
	names.types = calloc(names.count, 1);
	if (!names.names || !names.types)
		return -ENOMEM;
	at = names.memory;
	for (size_t i = 0; i < names.count; i++) {
		names.names[i] = at + 1;
		at += strlen(at + 1) + 2;
	}
	qsort(names.names, names.count, sizeof(*names.names), by_name);
	for (size_t i = 0; i < names.count; i++)
		names.types[i] = (unsigned char)names.names[i][-1];
	*ret = names;
	names = (struct dir_names){ 0 };
	return 0;
}

void dir_names_fini(struct dir_names *names)
{
	free(names->names);
	free(names->types);
	free(names->memory);
	*names = (struct dir_names){ 0 };
}
