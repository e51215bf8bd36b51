/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * llm-file - which weights a file holds: SHA-256 over all of it, and the name they give themselves
 * (L6).
 *
 * Hashing a gigabyte takes a second, so it is done once per file: weights.id in the state folder
 * remembers the result together with device, inode, size and both times of the file. The kernel
 * changes the ctime with every write, and nobody sets it back; a file that changed within the last
 * seconds before it was hashed is not remembered, because a clock of the file system may be that
 * coarse. weights.id of the shared folder, made at set-up, is believed likewise.
 *
 * Errors     -EIO, also when the file changes meanwhile, and the errno of opening and reading.
 * Source     spec/local-model.md section 3. Tests: tests/unit/l6-agent/test-llm-file.c
 */
#pragma once

#include "base/error.h"
#include "base/sha256.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum { LLM_NAME_BYTES = 96, LLM_FILE_STAMP = 5 };

struct llm_file {
	uint8_t sha256[SHA256_BYTES];
	uint64_t size;
	char name[LLM_NAME_BYTES]; /* what it calls itself, printable ASCII; "" when it has none
				    */
};

struct llm_file_options {
	const char *path;
	int state_fd, shared_fd; /* shared_fd: -1 without one */
};

/* A hash under way; the zero value is none. */
struct llm_file_hash {
	bool is_begun;
	uint64_t stamp[LLM_FILE_STAMP]; /* device, inode, size, mtime and ctime in ns */
	uint64_t began_ns;
	off_t at;
	struct sha256 sum;
};

/*
 * 0: *ret is filled. 1: a piece has been hashed, call again with the same hash; nobody waits longer
 * than the disk takes for a piece.
 */
must_check int llm_file_identify(const struct llm_file_options *options, struct llm_file_hash *hash,
				 struct llm_file *ret, struct error *err);
