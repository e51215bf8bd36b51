/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l6-agent/blob.h"

#include "base/array.h"
#include "base/dir.h"

#include <assert.h>
#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum {
	BLOB_MODE = 0600,
	BLOB_DIR_MODE = 0700,
	BLOB_PATH_BYTES = 4 + SHA256_HEX_BYTES,
	FRESH_MAX = 4096
};

struct fresh {
	int fd;
	char name[SHA256_HEX_BYTES];
};

struct blob_store {
	int fd; /* blobs/ */
	struct fresh *fresh;
	size_t n_fresh, capacity;
	uint64_t written;
};

static void fresh_path(const char *name, char ret[BLOB_PATH_BYTES])
{
	(void)snprintf(ret, BLOB_PATH_BYTES, "new/%s",
		       name); /* fits: the name has a fixed length */
}

static int make_dir(int dir_fd, const char *name)
{
	return mkdirat(dir_fd, name, BLOB_DIR_MODE) < 0 && errno != EEXIST ? -errno : 0;
}

/* What a crash left under new/ never got a name, so no record speaks of it. */
static int remove_unfinished(int blobs_fd)
{
	auto_fd int fd = dir_open(blobs_fd, "new", O_RDONLY | O_DIRECTORY, 0);
	int listed_fd = fd < 0 ? fd : fcntl(fd, F_DUPFD_CLOEXEC, 3);
	struct dirent *entry;
	DIR *dir;

	if (fd < 0)
		return fd;
	dir = listed_fd < 0 ? NULL : fdopendir(listed_fd);
	if (!dir) {
		close_fd(&listed_fd);
		return -errno;
	}
	while ((entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			(void)unlinkat(fd, entry->d_name, 0); /* left alone, it is harmless */
	(void)closedir(dir);
	return 0;
}

int blob_store_open(int dir_fd, struct blob_store **ret, struct error *err)
{
	struct blob_store *store;
	auto_fd int fd = -1;
	int r = make_dir(dir_fd, "blobs");

	if (r >= 0)
		r = fd = dir_open(dir_fd, "blobs", O_RDONLY | O_DIRECTORY, 0);
	if (r >= 0)
		r = make_dir(fd, "new");
	if (r >= 0)
		r = remove_unfinished(fd);
	if (r < 0)
		return FAIL(err, r, "the folder of the journal's blobs: %s", strerror(-r));
	store = calloc(1, sizeof(*store));
	if (!store)
		return FAIL(err, -ENOMEM, "out of memory");
	store->fd = take_fd(&fd);
	*ret = store;
	return 0;
}

void blob_store_close(struct blob_store *store)
{
	if (!store)
		return;
	for (size_t i = 0; i < store->n_fresh; i++)
		close_fd(&store->fresh[i].fd);
	free(store->fresh);
	close_fd(&store->fd);
	free(store);
}

static bool is_fresh(const struct blob_store *store, const char *name)
{
	for (size_t i = 0; i < store->n_fresh; i++)
		if (strcmp(store->fresh[i].name, name) == 0)
			return true;
	return false;
}

static int remember(struct blob_store *store, const char *name, int *fd)
{
	int r = ARRAY_ROOM(store->fresh, store->n_fresh, store->capacity, FRESH_MAX);

	if (r < 0)
		return r;
	store->fresh[store->n_fresh].fd = take_fd(fd);
	memcpy(store->fresh[store->n_fresh++].name, name, SHA256_HEX_BYTES);
	return 0;
}

int blob_put(struct blob_store *store, const void *bytes, size_t length,
	     uint8_t ret_hash[SHA256_BYTES])
{
	char name[SHA256_HEX_BYTES], path[BLOB_PATH_BYTES];
	struct stat status;
	auto_fd int fd = -1;
	int r;

	if (length > BLOB_BYTES_MAX)
		return -EMSGSIZE;
	sha256_of(bytes, length, ret_hash);
	sha256_hex(ret_hash, name);
	if (is_fresh(store, name) || fstatat(store->fd, name, &status, AT_SYMLINK_NOFOLLOW) == 0)
		return 0;
	fresh_path(name, path);
	fd = dir_open(store->fd, path, O_WRONLY | O_CREAT | O_TRUNC, BLOB_MODE);
	if (fd < 0)
		return fd;
	r = dir_write_all(fd, bytes, length);
	return r < 0 ? r : remember(store, name, &fd);
}

int blob_get(struct blob_store *store, const uint8_t hash[SHA256_BYTES], struct buf *out)
{
	char name[SHA256_HEX_BYTES], path[BLOB_PATH_BYTES];
	uint8_t found[SHA256_BYTES];
	struct buf content = BUF(BLOB_BYTES_MAX);
	int r;

	sha256_hex(hash, name);
	fresh_path(name, path);
	r = dir_read(store->fd, is_fresh(store, name) ? path : name, &content);
	if (r >= 0) {
		sha256_of(buf_string(&content), content.length, found);
		r = memcmp(found, hash, sizeof(found)) == 0 ? 0 : -EBADMSG;
	}
	if (r >= 0)
		r = buf_add(out, buf_string(&content), content.length);
	buf_free(&content);
	return r;
}

int blob_sync(struct blob_store *store)
{
	char path[BLOB_PATH_BYTES];
	int n = 0;

	if (store->n_fresh == 0)
		return 0;
	for (size_t i = 0; i < store->n_fresh; i++) {
		struct fresh *fresh = &store->fresh[i];

		fresh_path(fresh->name, path);
		if (fdatasync(fresh->fd) < 0 ||
		    renameat(store->fd, path, store->fd, fresh->name) < 0)
			return -errno;
		close_fd(&fresh->fd);
		fresh->fd = -1;
		n++;
	}
	if (fsync(store->fd) < 0)
		return -errno;
	store->written += store->n_fresh;
	store->n_fresh = 0;
	return n + 1;
}

uint64_t blob_count_written(const struct blob_store *store)
{
	return store->written;
}
