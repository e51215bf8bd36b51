/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * label-set - what is known about where words came from: labels of tool results, of the memory in a
 * prompt, and of a thread, whose set is the union of all it was shown (L6).
 *
 * A set never loses what it stands for. More labels than a document can carry become fewer that say
 * less: all "web:<host>" become "web"; if that does not help the set becomes "any", which stands
 * for every label, as does a label that is none.
 *
 * Source     spec/journal.md, "Labels"; the grammar is clawfsd's (spec/clawfs-store.md)
 * Tests      tests/unit/l6-agent/test-label-set.c
 */
#pragma once

#include "base/buf.h"
#include "l3-clawfs/labels.h"

#include <systemd/sd-json.h>

struct label_set {
	size_t n;
	char names[LABELS_MAX][LABEL_BYTES + 1]; /* sorted */
};

void label_set_add(struct label_set *set, const char *name, size_t length);
/* The labels of a set as text; NULL adds nothing. */
void label_set_add_text(struct label_set *set, const char *text);
/* An array of strings; anything else adds nothing. */
void label_set_add_json(struct label_set *set, sd_json_variant *array);

/* The set as a JSON array of strings. */
must_check int label_set_write(const struct label_set *set, struct buf *out);
must_check int label_set_to_json(const struct label_set *set, sd_json_variant **ret);

/* "web:<host>" of a URL, "web" when its host is none or does not fit into a label. */
void label_set_add_url(struct label_set *set, const char *url);
