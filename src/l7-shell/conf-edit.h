/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * conf-edit - sets a key in the text of clawos.conf and leaves everything else as it stands (L7).
 *
 * Errors     -EINVAL for a value that is no single line of text; -EMSGSIZE, -ENOMEM.
 * Tests      tests/unit/l7-shell/test-env-file.c.
 */
#pragma once

#include "base/buf.h"

/* Replaces the key's line, or adds it at the end of its section, which is made when it is missing.
 */
must_check int conf_edit_set(struct buf *text, const char *section, const char *key,
			     const char *value);

/* Puts a # in front of the key's line; nothing when it is not set. */
must_check int conf_edit_comment(struct buf *text, const char *section, const char *key);
