/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * labels - sets of labels as the store keeps them: a JSON array of strings, sorted, none twice
 * (L3).
 *
 * A label is LABEL_BYTES of a-z 0-9 : _ . / - at most; a set has LABELS_MAX.
 *
 * Source     spec/clawfs-store.md, "Labels".
 */
#pragma once

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

enum { LABEL_BYTES = 64, LABELS_MAX = 16 };

bool label_is_valid(const char *label);

/* The set of n labels (any order, repeats allowed) as text, the caller's. -EINVAL with the reason.
 */
must_check int labels_make(const char *const *labels, size_t n, char **ret, struct error *err);

/* The union of two sets as text, the caller's. */
must_check int labels_merge(const char *a, const char *b, char **ret, struct error *err);

/*
 * The labels of a set, one after the other: *at begins at NULL; false behind the last one. *ret is
 * not NUL-terminated.
 */
bool labels_next(const char *set, const char **at, const char **ret, size_t *ret_length);
