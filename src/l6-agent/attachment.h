/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * attachment - a file that came with the person's message: what it is, and how a model gets it
 * (L6).
 *
 * A text stands in the message itself, in a mark with its name. A picture or a document goes to the
 * provider in the form's own block; a form without such blocks says in the message that it was not
 * shown.
 *
 * Ownership  Borrowed everywhere; nothing is kept.
 * Source     spec/providers.md, "Files of a message"
 */
#pragma once

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>

enum { ATTACHMENT_NAME_BYTES_MAX = 255 };

enum attachment_kind { ATTACHMENT_TEXT, ATTACHMENT_IMAGE, ATTACHMENT_DOCUMENT };

struct attachment {
	const char *name; /* UTF-8, one line */
	const char *type; /* of attachment_type() */
	const char *bytes;
	size_t length;
};

/* What the bytes themselves say they are, of what models are shown: PNG, JPEG, GIF, WebP, PDF, text
 * in UTF-8. NULL: something else. Static. */
const char *attachment_type(const char *bytes, size_t length);
enum attachment_kind attachment_kind(const char *type);

/* "" or why it cannot be a file's name here. */
const char *attachment_name_problem(const char *name);

/* A text in its mark, and words for one that cannot be shown to this model. */
must_check int attachment_add_text(const struct attachment *attachment, struct buf *message);
must_check int attachment_add_missing(const struct attachment *attachment, struct buf *message);
