/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * attach - files of the person that go along with a message (L7).
 *
 * A file is read when it is named, so what is sent is what it was then. Whether a model can be
 * shown it is the agent's to say.
 *
 * Ownership  struct attachments is the caller's; attach_drop().
 * Errors     -errno with the file's name; -E2BIG for too many; -EMSGSIZE for one too large.
 * Tests      tests/process/test-attachments.py.
 */
#pragma once

#include "base/error.h"
#include "l7-shell/screen.h"

#include <stddef.h>
#include <stdint.h>

enum { ATTACH_MAX = 16 }; /* as many as one message takes */

struct attached_path {
	char *name; /* without folders */
	int fd;     /* a sealed copy */
	size_t bytes;
};

struct attachments {
	struct attached_path files[ATTACH_MAX];
	size_t n;
};

/* path from the directory the program runs in; "~/" is the person's home. */
must_check int attach_add(struct attachments *attachments, const char *path, struct error *err);
void attach_drop(struct attachments *attachments);

/* "cat.png 12 KB", a line each. */
void attach_tell(const struct attachments *attachments, struct screen *out);
