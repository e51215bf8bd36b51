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
#define LAST_NAME "last.session"

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

static size_t is_kept_in(int dir_fd, const char *name)
{
	auto_fd int fd = dir_fd < 0 ? -1 : dir_open_nolink(dir_fd, name, O_RDONLY, 0);
	struct state_head head;

	if (fd < 0 || pread(fd, &head, sizeof(head), 0) != sizeof(head) ||
	    memcmp(head.magic, magic, sizeof(magic)) != 0)
		return 0;
	return (size_t)le64toh(head.n_tokens);
}

size_t llm_state_is_kept(const struct llm_store *store, const uint8_t key[SHA256_BYTES])
{
	char name[NAME_BYTES];
	size_t n;

	name_of(key, name);
	n = is_kept_in(store->own_fd, name);
	return n > 0 ? n : is_kept_in(store->shared_fd, name);
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

int llm_state_list(const struct llm_store *store, struct llm_state_row rows[LLM_STATES_MAX + 1],
		   struct error *err)
{
	CLEANUP(close_dir_ptr) DIR *dir = open_listing(store->own_fd);
	const struct dirent *entry;
	int n = 0;

	if (!dir)
		return FAIL(err, -EIO, "the state folder cannot be listed");
	while (n <= LLM_STATES_MAX && (entry = readdir(dir)))
		if (read_row(store->own_fd, entry->d_name, &rows[n]))
			n++;
	qsort(rows, (size_t)n, sizeof(rows[0]), compare_rows);
	return n;
}

/* Removes what is over the limit. */
static int bound(const struct llm_store *store, struct error *err)
{
	struct llm_state_row rows[LLM_STATES_MAX + 1];
	int n = llm_state_list(store, rows, err);
	char name[NAME_BYTES];

	for (; n > (int)store->states_max; n--) {
		memcpy(name, rows[n - 1].name, SHA256_HEX_BYTES - 1);
		memcpy(name + SHA256_HEX_BYTES - 1, SUFFIX, sizeof(SUFFIX));
		if (unlinkat(store->own_fd, name, 0) < 0)
			return FAIL(err, -errno, "a prefix state cannot be removed");
	}
	return n < 0 ? n : 0;
}

/* Writes what the context holds. */
static int write_state(int dir_fd, const char *name, const uint8_t key[SHA256_BYTES],
		       struct llm_weights *weights, struct error *err)
{
	struct llama_context *context = llm_weights_context(weights);
	size_t n = llm_weights_held(weights), size = llama_state_seq_get_size(context, 0);
	const llama_token *tokens = llm_weights_tokens(weights);
	struct state_head head = { .n_tokens = htole64(n) };
	auto_buf struct buf file = BUF(STATE_BYTES_MAX);
	char *to;
	int r;

	r = buf_reserve(&file, sizeof(head) + n * sizeof(uint32_t) + size, &to);
	if (r < 0)
		return FAIL(err, r, "no memory for a state of %zu bytes", size);
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
	r = dir_replace(dir_fd, name, file.data, file.length, FILE_MODE);
	return r < 0 ? FAIL(err, r, "a state cannot be written: %s", strerror(-r)) : 0;
}

int llm_state_keep(const struct llm_store *store, const uint8_t key[SHA256_BYTES],
		   struct llm_weights *weights, struct error *err)
{
	char name[NAME_BYTES];
	int r;

	name_of(key, name);
	r = write_state(store->own_fd, name, key, weights, err);
	return r < 0 ? r : bound(store, err);
}

int llm_state_keep_last(const struct llm_store *store, struct llm_weights *weights,
			struct error *err)
{
	return write_state(store->own_fd, LAST_NAME, llm_weights_id(weights), weights, err);
}

/* A mapped file, and where its parts begin. */
struct mapped {
	uint8_t *bytes;
	size_t length, n_tokens, state_at;
};

static void unmap(struct mapped *mapped)
{
	if (mapped->bytes)
		(void)munmap(mapped->bytes, mapped->length); /* a valid mapping */
}

/* True when the file is whole and belongs to the key. */
static bool is_sound(struct mapped *mapped, const uint8_t key[SHA256_BYTES])
{
	uint8_t sum[SHA256_BYTES];
	struct state_head head;
	size_t rest;

	if (mapped->length < sizeof(head))
		return false;
	memcpy(&head, mapped->bytes, sizeof(head));
	rest = mapped->length - sizeof(head);
	if (memcmp(head.magic, magic, sizeof(magic)) != 0 ||
	    memcmp(head.key, key, SHA256_BYTES) != 0 ||
	    le64toh(head.n_tokens) > rest / sizeof(uint32_t))
		return false;
	mapped->n_tokens = (size_t)le64toh(head.n_tokens);
	mapped->state_at = sizeof(head) + mapped->n_tokens * sizeof(uint32_t);
	if (le64toh(head.state_bytes) != mapped->length - mapped->state_at)
		return false;
	sha256_of(mapped->bytes + sizeof(head), rest, sum);
	return memcmp(sum, head.sum, SHA256_BYTES) == 0;
}

/* Opens and maps a state; *ret_fd is -1 when there is none. */
static int map_state(int dir_fd, const char *name, struct mapped *ret, int *ret_fd,
		     struct error *err)
{
	auto_fd int fd = dir_open_nolink(dir_fd, name, O_RDONLY, 0);
	struct stat st;
	void *bytes;

	*ret_fd = -1;
	if (fd == -ENOENT)
		return 0;
	if (fd < 0 || fstat(fd, &st) < 0)
		return FAIL(err, -EIO, "a state cannot be opened");
	if (st.st_size > 0) {
		bytes = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
		if (bytes == MAP_FAILED)
			return FAIL(err, -errno, "a state cannot be read: %s", strerror(errno));
		*ret = (struct mapped){ .bytes = bytes, .length = (size_t)st.st_size };
	}
	*ret_fd = take_fd(&fd);
	return 0;
}

/* Hands a sound state to the engine; false when the engine does not take it. */
static bool fill(struct llm_weights *weights, const struct mapped *mapped)
{
	size_t n = mapped->n_tokens;
	llama_token *tokens = NULL;
	bool filled = false;

	if (n <= llm_weights_context_tokens(weights))
		tokens = calloc(n + 1, sizeof(tokens[0]));
	if (!tokens)
		return false;
	for (size_t i = 0; i < n; i++) {
		uint32_t token;

		memcpy(&token, mapped->bytes + sizeof(struct state_head) + i * sizeof(token),
		       sizeof(token));
		tokens[i] = (llama_token)le32toh(token);
	}
	(void)llm_weights_rewind(weights, 0);
	filled = llama_state_seq_set_data(llm_weights_context(weights),
					  mapped->bytes + mapped->state_at,
					  mapped->length - mapped->state_at, 0) > 0;
	if (filled)
		llm_weights_now_holds(weights, tokens, n);
	else
		llama_memory_clear(llama_get_memory(llm_weights_context(weights)), false);
	free(tokens);
	return filled;
}

static int restore(int dir_fd, const char *name, const uint8_t key[SHA256_BYTES],
		   struct llm_weights *weights, enum llm_state_found *ret, struct error *err)
{
	CLEANUP(unmap) struct mapped mapped = { 0 };
	auto_fd int fd = -1;
	int r = map_state(dir_fd, name, &mapped, &fd, err);

	*ret = LLM_STATE_ABSENT;
	if (r < 0 || fd < 0)
		return r;
	if (!is_sound(&mapped, key) || !fill(weights, &mapped)) {
		(void)unlinkat(dir_fd, name, 0); /* damaged: computed and written again; a shared
						   folder is read-only */
		return 0;
	}
	(void)futimens(fd, NULL); /* least recently used goes first; inexact is harmless */
	*ret = LLM_STATE_RESTORED;
	return 0;
}

/* As restore(), and the tokens have to be these. */
static int restore_tokens(int dir_fd, const char *name, const uint8_t key[SHA256_BYTES],
			  struct llm_weights *weights, const llama_token *tokens, size_t n,
			  enum llm_state_found *ret, struct error *err)
{
	int r = restore(dir_fd, name, key, weights, ret, err);

	if (r < 0 || *ret == LLM_STATE_ABSENT)
		return r;
	if (llm_weights_held(weights) == n && llm_weights_shared(weights, tokens, n) == n)
		return 0;
	(void)unlinkat(dir_fd, name, 0); /* the same bytes made other tokens then */
	*ret = LLM_STATE_ABSENT;
	return 0;
}

int llm_state_restore(const struct llm_store *store, const uint8_t key[SHA256_BYTES],
		      struct llm_weights *weights, const llama_token *tokens, size_t n,
		      enum llm_state_found *ret, struct error *err)
{
	char name[NAME_BYTES];
	int r;

	name_of(key, name);
	r = restore_tokens(store->own_fd, name, key, weights, tokens, n, ret, err);
	if (r < 0 || *ret == LLM_STATE_RESTORED || store->shared_fd < 0)
		return r;
	return restore_tokens(store->shared_fd, name, key, weights, tokens, n, ret, err);
}

int llm_state_restore_last(const struct llm_store *store, struct llm_weights *weights,
			   enum llm_state_found *ret, struct error *err)
{
	return restore(store->own_fd, LAST_NAME, llm_weights_id(weights), weights, ret, err);
}
