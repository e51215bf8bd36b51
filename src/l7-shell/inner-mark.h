/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * inner-mark - the prompt of the inner shell, found in its output and taken out of it (L7).
 *
 *     ESC ] 7770 ; NONCE ; STATUS ; DIRECTORY ; NONCE BEL
 *
 * The nonce is a random number of this shell; a program that does not know it cannot end its own
 * command. Whatever looks alike passes as the output it is.
 *
 * Errors     -ENOMEM, -EMSGSIZE of the buffers.
 * Tests      tests/unit/l7-shell/test-inner-mark.c.
 */
#pragma once

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>

enum { INNER_NONCE_DIGITS = 32, INNER_DIRECTORY_BYTES = 4096 };

struct inner_mark {
	char nonce[INNER_NONCE_DIGITS + 1];
	struct buf held; /* may be the front of a mark */
	bool found;      /* set by each mark */
	int status;
	char directory[INNER_DIRECTORY_BYTES];
};

/* Takes a random number. */
must_check int inner_mark_init(struct inner_mark *mark, struct error *err);
void inner_mark_free(struct inner_mark *mark);

/* Appends the prompt as the shell has to print it: a value for PS1, between single quotes. */
must_check int inner_mark_prompt(const struct inner_mark *mark, struct buf *out);

/* Appends what is no mark to out. */
must_check int inner_mark_feed(struct inner_mark *mark, const char *bytes, size_t length,
			       struct buf *out);
