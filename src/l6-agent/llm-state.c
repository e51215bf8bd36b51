/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l6-agent/llm-state.h"

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/dir.h"

#include <assert.h>
#include <dirent.h>
#include <endian.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define STATE_BYTES_MAX (UINT64_C(1) << 31)
#define SUFFIX ".prefix"

enum { NAME_BYTES = SHA256_HEX_BYTES + sizeof(SUFFIX), FILE_MODE = 0600 };

/* The head of a file; all numbers little-endian. Tokens (le32 each) and the state follow. */
struct state_head {
	char magic[8];
	uint64_t n_tokens, state_bytes;
	uint8_t key[SHA256_BYTES];
	uint8_t sum[SHA256_BYTES]; /* of everything behind the head */
};
static_assert(sizeof(struct state_head) == 88, "a format on disk");

static const char magic[8] = { 'C', 'L', 'A', 'W', 'K', 'V', '0', '1' };

static void name_of(const uint8_t key[SHA256_BYTES], char ret[NAME_BYTES])
{
	sha256_hex(key, ret);
	memcpy(ret + SHA256_HEX_BYTES - 1, SUFFIX, sizeof(SUFFIX));
}

void llm_state_key(const uint8_t id[SHA256_BYTES], const char *prefix, size_t length,
		   uint8_t ret[SHA256_BYTES])
{
	struct sha256 hash;

	sha256_init(&hash);
	sha256_add(&hash, id, SHA256_BYTES);
	sha256_add(&hash, prefix, length);
	sha256_end(&hash, ret);
}

size_t llm_state_is_kept(int dir_fd, const uint8_t key[SHA256_BYTES])
{
	auto_fd int fd = -1;
	char name[NAME_BYTES];
	struct state_head head;

	name_of(key, name);
	fd = dir_open_nolink(dir_fd, name, O_RDONLY, 0);
	if (fd < 0 || pread(fd, &head, sizeof(head), 0) != sizeof(head) ||
	    memcmp(head.magic, magic, sizeof(magic)) != 0)
		return 0;
	return (size_t)le64toh(head.n_tokens);
}

static int compare_rows(const void *a, const void *b)
{
	const struct llm_state_row *left = a, *right = b;

	return (left->used_ns < right->used_ns) - (left->used_ns > right->used_ns);
}

static bool read_row(int dir_fd, const char *name, struct llm_state_row *ret)
{
	auto_fd int fd = -1;
	struct state_head head;
	struct stat st;

	if (strlen(name) != NAME_BYTES - 2 || strcmp(name + SHA256_HEX_BYTES - 1, SUFFIX) != 0)
		return false;
	fd = dir_open_nolink(dir_fd, name, O_RDONLY, 0);
	if (fd < 0 || fstat(fd, &st) < 0)
		return false;
	memcpy(ret->name, name, SHA256_HEX_BYTES - 1);
	ret->name[SHA256_HEX_BYTES - 1] = '\0';
	ret->bytes = (uint64_t)st.st_size;
	ret->used_ns = st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec;
	ret->tokens =
		pread(fd, &head, sizeof(head), 0) == sizeof(head) ? le64toh(head.n_tokens) : 0;
	return true;
}

static void close_dir(DIR *dir)
{
	if (dir)
		(void)closedir(dir);
}
DEFINE_CLEANUP(DIR *, close_dir)

static DIR *open_listing(int dir_fd)
{
	int fd = dir_open(dir_fd, ".", O_RDONLY | O_DIRECTORY, 0);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	if (!dir)
		close_fd(&fd);
	return dir;
}

int llm_state_list(int dir_fd, struct llm_state_row rows[LLM_STATE_FILES_MAX + 1],
		   struct error *err)
{
	CLEANUP(close_dir_ptr) DIR *dir = open_listing(dir_fd);
	const struct dirent *entry;
	int n = 0;

	if (!dir)
		return FAIL(err, -EIO, "the state folder cannot be listed");
	while (n <= LLM_STATE_FILES_MAX && (entry = readdir(dir)))
		if (read_row(dir_fd, entry->d_name, &rows[n]))
			n++;
	qsort(rows, (size_t)n, sizeof(rows[0]), compare_rows);
	return n;
}

/* Removes what is over the limit; one file is added at a time, so at most one is. */
static int bound(int dir_fd, struct error *err)
{
	struct llm_state_row rows[LLM_STATE_FILES_MAX + 1];
	int n = llm_state_list(dir_fd, rows, err);
	char name[NAME_BYTES];

	if (n <= LLM_STATE_FILES_MAX)
		return n < 0 ? n : 0;
	memcpy(name, rows[n - 1].name, SHA256_HEX_BYTES - 1);
	memcpy(name + SHA256_HEX_BYTES - 1, SUFFIX, sizeof(SUFFIX));
	return unlinkat(dir_fd, name, 0) < 0 ? FAIL(err, -errno, "a prefix state cannot be removed")
					     : 0;
}

int llm_state_keep(int dir_fd, const uint8_t key[SHA256_BYTES], struct llm_weights *weights,
		   const llama_token *tokens, size_t n, struct error *err)
{
	struct llama_context *context = llm_weights_context(weights);
	struct state_head head = { .n_tokens = htole64(n) };
	auto_buf struct buf file = BUF(STATE_BYTES_MAX);
	size_t size = llama_state_seq_get_size(context, 0);
	char name[NAME_BYTES], *to;
	int r;

	assert(llm_weights_held(weights) == n);
	r = buf_reserve(&file, sizeof(head) + n * sizeof(uint32_t) + size, &to);
	if (r < 0)
		return FAIL(err, r, "no memory for a prefix state of %zu bytes", size);
	for (size_t i = 0; i < n; i++) {
		uint32_t token = htole32((uint32_t)tokens[i]);

		memcpy(to + sizeof(head) + i * sizeof(token), &token, sizeof(token));
	}
	size = llama_state_seq_get_data(
		context, (uint8_t *)to + sizeof(head) + n * sizeof(uint32_t), size, 0);
	if (size == 0)
		return FAIL(err, -EIO, "the model's state cannot be read");
	memcpy(head.magic, magic, sizeof(magic));
	memcpy(head.key, key, SHA256_BYTES);
	head.state_bytes = htole64(size);
	sha256_of(to + sizeof(head), n * sizeof(uint32_t) + size, head.sum);
	memcpy(to, &head, sizeof(head));
	buf_commit(&file, sizeof(head) + n * sizeof(uint32_t) + size);
	name_of(key, name);
	r = dir_replace(dir_fd, name, file.data, file.length, FILE_MODE);
	if (r < 0)
		return FAIL(err, r, "a prefix state cannot be written: %s", strerror(-r));
	return bound(dir_fd, err);
}

/* True when the mapped file is whole, belongs to the key and to these tokens. */
static bool is_sound(const uint8_t *file, size_t length, const uint8_t key[SHA256_BYTES],
		     const llama_token *tokens, size_t n, size_t *ret_state)
{
	uint8_t sum[SHA256_BYTES];
	struct state_head head;

	if (length < sizeof(head))
		return false;
	memcpy(&head, file, sizeof(head));
	if (memcmp(head.magic, magic, sizeof(magic)) != 0 ||
	    memcmp(head.key, key, SHA256_BYTES) != 0 || le64toh(head.n_tokens) != n ||
	    (length - sizeof(head)) / sizeof(uint32_t) < n)
		return false;
	*ret_state = length - sizeof(head) - n * sizeof(uint32_t);
	if (le64toh(head.state_bytes) != *ret_state)
		return false;
	sha256_of(file + sizeof(head), length - sizeof(head), sum);
	if (memcmp(sum, head.sum, SHA256_BYTES) != 0)
		return false;
	for (size_t i = 0; i < n; i++) {
		uint32_t token;

		memcpy(&token, file + sizeof(head) + i * sizeof(token), sizeof(token));
		if (le32toh(token) != (uint32_t)tokens[i])
			return false;
	}
	return true;
}

static bool fill(struct llm_weights *weights, const uint8_t *file, size_t length,
		 const uint8_t key[SHA256_BYTES], const llama_token *tokens, size_t n)
{
	size_t state;

	if (!is_sound(file, length, key, tokens, n, &state))
		return false;
	(void)llm_weights_rewind(weights, 0);
	if (llama_state_seq_set_data(llm_weights_context(weights), file + length - state, state,
				     0) == 0) {
		llama_memory_clear(llama_get_memory(llm_weights_context(weights)), false);
		return false;
	}
	llm_weights_now_holds(weights, tokens, n);
	return true;
}

int llm_state_restore(int dir_fd, const uint8_t key[SHA256_BYTES], struct llm_weights *weights,
		      const llama_token *tokens, size_t n, enum llm_state_found *ret,
		      struct error *err)
{
	auto_fd int fd = -1;
	char name[NAME_BYTES];
	struct stat st;
	uint8_t *file;
	bool filled;

	name_of(key, name);
	fd = dir_open_nolink(dir_fd, name, O_RDONLY, 0);
	*ret = LLM_STATE_ABSENT;
	if (fd == -ENOENT)
		return 0;
	if (fd < 0 || fstat(fd, &st) < 0)
		return FAIL(err, -EIO, "a prefix state cannot be opened");
	file = st.st_size <= 0 ? MAP_FAILED
			       : mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	filled = file != MAP_FAILED && fill(weights, file, (size_t)st.st_size, key, tokens, n);
	if (file != MAP_FAILED)
		(void)munmap(file, (size_t)st.st_size); /* a valid mapping */
	if (!filled) {
		(void)unlinkat(dir_fd, name, 0); /* damaged: computed and written again */
		return 0;
	}
	(void)futimens(fd, NULL); /* least recently used goes first; inexact is harmless */
	*ret = LLM_STATE_RESTORED;
	return 0;
}
