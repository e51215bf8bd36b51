/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * secret - bytes that must not be written anywhere but where they belong.
 *
 * Kept in pages of their own that are locked into memory, left out of core dumps and of children,
 * and wiped when freed. The type is opaque and has no format function; what needs the bytes asks
 * for them by name, so every such place can be found.
 *
 * Ownership  secret_free() wipes and frees; NULL-tolerant.
 * Errors     -ENOMEM/-EPERM when memory cannot be locked (a program then refuses to start),
 *            -EMSGSIZE too long, -EINVAL empty or with a control character, or reading's errno.
 */
#pragma once

#include "base/cleanup.h"
#include "base/error.h"

#include <stddef.h>

enum { SECRET_BYTES_MAX = 4096 };

struct secret;

/*
 * Reads a one-line secret from a descriptor's start. One newline at its end is not part of it.
 * prefix (may be NULL) is put in front, so that a whole header line lives in the same pages.
 */
must_check int secret_read(int fd, const char *prefix, struct secret **ret, struct error *err);
void secret_free(struct secret *secret);
DEFINE_CLEANUP(struct secret *, secret_free)

/* The bytes, NUL-terminated; only for the call that puts them where they belong. Borrowed. */
char *secret_expose(struct secret *secret);
