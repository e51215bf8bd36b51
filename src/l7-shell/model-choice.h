/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * model-choice - chooses the provider and the model that answer (L7).
 *
 * Everything that is needed is checked before anything is written: the provider's name, a model, an
 * address, a key of its own, no turn that runs.
 *
 * Errors     -EINVAL what was asked for, -ENOKEY no key, -EBUSY turns run; or of files and links.
 */
#pragma once

#include "base/buf.h"
#include "l7-shell/shell.h"
#include "l7-shell/up-config.h"

struct provider_row;

/* What is in force: file and environment. ret_text (may be NULL) gets the file's text. */
must_check int model_choice_load(struct shell *shell, struct up_config *ret, struct buf *ret_text,
				 struct error *err);

/* Does $STATE/NAME.key exist? */
bool model_choice_has_key_file(const struct shell *shell, const struct provider_row *row);

/* model and base_url may be NULL: the provider's own. */
must_check int model_choice_make(struct shell *shell, const char *name, const char *model,
				 const char *base_url, struct error *err);
