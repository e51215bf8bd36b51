/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l6-agent/llm-file.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/dir.h"
#include "base/number.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <gguf.h>
#include <llama.h>

#define REMEMBERED "weights.id"
#define SETTLED_S 2 /* the coarsest clock of a file system in use */

enum {
	PIECE_BYTES = 1024 * 1024,
	PIECES = 16, /* in a step */
	LINE_BYTES_MAX = 1024,
	STAMP_SIZE = 2,
	STAMP_CTIME = 4,
	FILE_MODE = 0600,
};

static uint64_t nanoseconds(const struct timespec *time)
{
	return (uint64_t)time->tv_sec * 1000000000 + (uint64_t)time->tv_nsec;
}

static int look(int fd, const char *path, uint64_t ret[LLM_FILE_STAMP], struct error *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return FAIL(err, -EIO, "model file %s is no regular file", path);
	ret[0] = st.st_dev;
	ret[1] = st.st_ino;
	ret[STAMP_SIZE] = (uint64_t)st.st_size;
	ret[3] = nanoseconds(&st.st_mtim);
	ret[STAMP_CTIME] = nanoseconds(&st.st_ctim);
	return 0;
}

/* "DEVICE INODE SIZE MTIME CTIME SHA256 NAME\n", when it is about this file. */
static bool parse(char *line, const uint64_t stamp[LLM_FILE_STAMP], struct llm_file *ret)
{
	char *at = line, *word, *end = strchr(line, '\n');

	if (!end || end[1])
		return false;
	*end = '\0';
	for (size_t i = 0; i < LLM_FILE_STAMP; i++) {
		uint64_t number = 0;

		word = strsep(&at, " ");
		if (!at || number_parse_u64(word, 0, UINT64_MAX, &number) < 0 || number != stamp[i])
			return false;
	}
	word = strsep(&at, " ");
	if (!at || !sha256_parse(word, ret->sha256) || strlen(at) >= sizeof(ret->name))
		return false;
	memcpy(ret->name, at, strlen(at) + 1);
	ret->size = stamp[STAMP_SIZE];
	return true;
}

static bool recall(int dir_fd, const uint64_t stamp[LLM_FILE_STAMP], struct llm_file *ret)
{
	auto_buf struct buf line = BUF(LINE_BYTES_MAX);

	return dir_fd >= 0 && dir_read(dir_fd, REMEMBERED, &line) >= 0 && line.data &&
	       parse(line.data, stamp, ret);
}

static int remember(int dir_fd, const uint64_t stamp[LLM_FILE_STAMP], const struct llm_file *file)
{
	auto_buf struct buf line = BUF(LINE_BYTES_MAX);
	char hex[SHA256_HEX_BYTES];
	int r = 0;

	sha256_hex(file->sha256, hex);
	for (size_t i = 0; i < LLM_FILE_STAMP && r >= 0; i++)
		r = buf_printf(&line, "%llu ", (unsigned long long)stamp[i]);
	if (r >= 0)
		r = buf_printf(&line, "%s %s\n", hex, file->name);
	return r < 0 ? r : dir_replace(dir_fd, REMEMBERED, line.data, line.length, FILE_MODE);
}

/* 1: there is more to hash. */
static int hash_pieces(int fd, const char *path, struct llm_file_hash *hash, struct error *err)
{
	auto_free char *piece = malloc(PIECE_BYTES);

	if (!piece)
		return FAIL(err, -ENOMEM, "out of memory");
	for (unsigned i = 0; i < PIECES;) {
		ssize_t n = pread(fd, piece, PIECE_BYTES, hash->at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return FAIL(err, -errno, "model file %s: %s", path, strerror(errno));
		if (n == 0)
			return 0;
		sha256_add(&hash->sum, piece, (size_t)n);
		hash->at += n;
		i++;
	}
	return 1;
}

static void drop_log(enum ggml_log_level level, const char *text, void *data)
{
	(void)level;
	(void)text;
	(void)data;
}

static const char *field(const struct gguf_context *head, const char *key)
{
	int64_t at = head ? gguf_find_key(head, key) : -1;

	return at >= 0 && gguf_get_kv_type(head, at) == GGUF_TYPE_STRING
		       ? gguf_get_val_str(head, at)
		       : "";
}

/* "Qwen2.5-Coder 1.5B", else general.name. The file is anybody's: what is no printable ASCII
 * becomes "?". */
static void read_name(const char *path, char ret[LLM_NAME_BYTES])
{
	const struct gguf_init_params params = { .no_alloc = true };
	const char *name, *base, *size;
	struct gguf_context *head;

	llama_log_set(drop_log, NULL); /* what is no model is refused when it is loaded */
	head = gguf_init_from_file(path, params);
	name = field(head, "general.name");
	base = field(head, "general.basename");
	size = field(head, "general.size_label");
	(void)snprintf(ret, LLM_NAME_BYTES, "%s%s%s", *base && *size ? base : name,
		       *base && *size ? " " : "", *base && *size ? size : ""); /* or cut */
	for (char *c = ret; *c; c++)
		if (*c < ' ' || *c > '~')
			*c = '?';
	if (head)
		gguf_free(head);
}

/* The last piece has been hashed. */
static int end_hash(const struct llm_file_options *options, struct llm_file_hash *hash,
		    struct llm_file *ret)
{
	hash->is_begun = false;
	ret->size = hash->stamp[STAMP_SIZE];
	sha256_end(&hash->sum, ret->sha256);
	read_name(options->path, ret->name);
	if (hash->stamp[STAMP_CTIME] + SETTLED_S * UINT64_C(1000000000) < hash->began_ns)
		(void)remember(options->state_fd, hash->stamp, ret); /* else hashed again */
	return 0;
}

int llm_file_identify(const struct llm_file_options *options, struct llm_file_hash *hash,
		      struct llm_file *ret, struct error *err)
{
	auto_fd int fd = dir_open_configured(options->path, O_RDONLY, 0);
	uint64_t stamp[LLM_FILE_STAMP];
	int r;

	if (fd < 0)
		return FAIL(err, fd, "model file %s: %s", options->path, strerror(-fd));
	r = look(fd, options->path, stamp, err);
	if (r < 0)
		return r;
	if (!hash->is_begun &&
	    (recall(options->state_fd, stamp, ret) || recall(options->shared_fd, stamp, ret)))
		return 0;
	if (!hash->is_begun) {
		*hash = (struct llm_file_hash){ .is_begun = true,
						.began_ns = clock_realtime_us() * 1000 };
		memcpy(hash->stamp, stamp, sizeof(stamp));
		sha256_init(&hash->sum);
	}
	r = hash_pieces(fd, options->path, hash, err);
	if (r >= 0)
		r = look(fd, options->path, stamp, err) < 0 ? -EIO : r;
	if (r >= 0 && memcmp(hash->stamp, stamp, sizeof(stamp)) != 0)
		r = FAIL(err, -EIO, "model file %s changed while it was read", options->path);
	if (r < 0)
		hash->is_begun = false;
	return r == 0 ? end_hash(options, hash, ret) : r;
}
