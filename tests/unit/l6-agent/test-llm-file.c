/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l6-agent/llm-file.h"

#include "base/clock.h"
#include "base/dir.h"
#include "harness/tap.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_BYTES = 40 * 1024 * 1024, STEP_BYTES = 16 * 1024 * 1024, LATER_S = 60 };

struct place {
	char folder[32], weights[48];
	int own_fd, shared_fd;
	unsigned steps; /* of the last hash; 0: there was none */
};

static int folder(const struct place *place, const char *name)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "%s/%s", place->folder, name);
	EXPECT_INT(mkdir(path, 0700), ==, 0);
	return dir_open_configured(path, O_RDONLY | O_DIRECTORY, 0);
}

static void write_weights(const struct place *place, off_t at, char byte, size_t n)
{
	int fd = dir_open_configured(place->weights, O_WRONLY | O_CREAT, 0600);
	char *bytes = malloc(n);

	memset(bytes, byte, n);
	EXPECT_INT(pwrite(fd, bytes, n, at), ==, (intmax_t)n);
	free(bytes);
	close_fd(&fd);
}

static struct place made(void)
{
	struct place place = { .folder = "/tmp/llm-file-XXXXXX" };
	struct timespec now;

	EXPECT_INT(mkdtemp(place.folder) != NULL, ==, 1);
	(void)snprintf(place.weights, sizeof(place.weights), "%s/weights", place.folder);
	place.own_fd = folder(&place, "own");
	place.shared_fd = folder(&place, "shared");
	write_weights(&place, 0, 'w', FILE_BYTES);
	(void)clock_gettime(CLOCK_REALTIME, &now);
	clock_set_fake(1, ((uint64_t)now.tv_sec + LATER_S) * CLOCK_SECOND_US);
	return place;
}

static void gone(struct place *place)
{
	(void)unlinkat(place->own_fd, "weights.id", 0);
	(void)unlinkat(place->shared_fd, "weights.id", 0);
	close_fd(&place->own_fd);
	close_fd(&place->shared_fd);
	for (const char *const *name = (const char *const[]){ "own", "shared", NULL }; *name;
	     name++) {
		char path[64];

		(void)snprintf(path, sizeof(path), "%s/%s", place->folder, *name);
		(void)rmdir(path);
	}
	(void)unlink(place->weights);
	EXPECT_INT(rmdir(place->folder), ==, 0);
}

static struct llm_file identified(struct place *place, int own_fd, int shared_fd)
{
	const struct llm_file_options options = { place->weights, own_fd, shared_fd };
	struct llm_file_hash hash = { 0 };
	struct llm_file file = { 0 };
	struct error err = { 0 };
	int r = 1;

	for (place->steps = 0; r == 1; place->steps++)
		r = llm_file_identify(&options, &hash, &file, &err);
	EXPECT_OK(r, &err);
	place->steps--;
	return file;
}

TEST(a_file_is_hashed_once_and_by_its_whole_content)
{
	struct place place = made();
	struct llm_file first = identified(&place, place.own_fd, -1), again, whole;
	char *bytes = malloc(FILE_BYTES);

	EXPECT_INT(place.steps, ==, FILE_BYTES / STEP_BYTES);
	again = identified(&place, place.own_fd, -1);
	EXPECT_INT(place.steps, ==, 0);
	memset(bytes, 'w', FILE_BYTES);
	sha256_of(bytes, FILE_BYTES, whole.sha256);
	EXPECT_INT(memcmp(first.sha256, whole.sha256, SHA256_BYTES), ==, 0);
	EXPECT_INT(memcmp(again.sha256, whole.sha256, SHA256_BYTES), ==, 0);
	EXPECT_INT(again.size, ==, FILE_BYTES);
	free(bytes);
	gone(&place);
}

TEST(one_changed_byte_is_seen_even_when_the_mtime_is_set_back)
{
	struct place place = made();
	struct llm_file first = identified(&place, place.own_fd, -1), changed;
	struct stat st;

	EXPECT_INT(stat(place.weights, &st), ==, 0);
	write_weights(&place, FILE_BYTES / 2 + 12345, 'x', 1);
	EXPECT_INT(utimensat(AT_FDCWD, place.weights,
			     (const struct timespec[]){ st.st_atim, st.st_mtim }, 0),
		   ==, 0);
	changed = identified(&place, place.own_fd, -1);
	EXPECT_INT(memcmp(first.sha256, changed.sha256, SHA256_BYTES), !=, 0);
	gone(&place);
}

TEST(what_set_up_remembered_is_believed_and_a_foreign_one_is_not)
{
	struct place place = made();
	struct llm_file first = identified(&place, place.shared_fd, -1), again;

	again = identified(&place, place.own_fd, place.shared_fd);
	EXPECT_INT(place.steps, ==, 0);
	EXPECT_INT(memcmp(first.sha256, again.sha256, SHA256_BYTES), ==, 0);
	for (const char *const *line =
		     (const char *const[]){ "", "\n", "1 2 3 4 5 6 x\n", "1 2 3\n", NULL };
	     *line; line++) {
		EXPECT_INT(dir_replace(place.shared_fd, "weights.id", *line, strlen(*line), 0600),
			   ==, 0);
		(void)unlinkat(place.own_fd, "weights.id", 0);
		again = identified(&place, place.own_fd, place.shared_fd);
		EXPECT_INT(place.steps, ==, FILE_BYTES / STEP_BYTES);
		EXPECT_INT(memcmp(first.sha256, again.sha256, SHA256_BYTES), ==, 0);
	}
	gone(&place);
}

TEST(a_file_that_has_just_changed_is_not_remembered)
{
	struct place place = made();
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	clock_set_fake(1, ((uint64_t)now.tv_sec + 1) * CLOCK_SECOND_US);
	(void)identified(&place, place.own_fd, -1);
	(void)identified(&place, place.own_fd, -1);
	EXPECT_INT(place.steps, ==, FILE_BYTES / STEP_BYTES);
	gone(&place);
}

TEST(a_file_that_changes_while_it_is_hashed_is_refused)
{
	struct place place = made();
	const struct llm_file_options options = { place.weights, place.own_fd, -1 };
	struct llm_file_hash hash = { 0 };
	struct llm_file file;

	EXPECT_INT(llm_file_identify(&options, &hash, &file, NULL), ==, 1);
	write_weights(&place, 0, 'x', 2);
	EXPECT_INT(utimensat(AT_FDCWD, place.weights, NULL, 0), ==, 0);
	EXPECT_INT(llm_file_identify(&options, &hash, &file, NULL), ==, -EIO);
	EXPECT_INT(llm_file_identify(&options, &hash, &file, NULL), ==, 1);
	gone(&place);
}
