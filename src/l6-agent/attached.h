/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * attached - the files of a message between Submit, its record and the conversation (L6).
 *
 * Submit reads them from descriptors into memory, the record names them and keeps the bytes as
 * blobs, the conversation gets them back from there: live and after a restart the same bytes.
 *
 * Ownership  struct attached is the caller's; attached_free().
 * Errors     -EINVAL and -EDQUOT with the sentence or the limit's name; those of buf and blobs.
 * Source     spec/journal.md, "Payload"
 */
#pragma once

#include "l6-agent/attachment.h"
#include "l6-agent/leak-text.h"
#include "l6-agent/model.h"
#include "l6-agent/payload.h"

#include <systemd/sd-json.h>

enum { ATTACHED_MAX = 16 };

struct attached_file {
	char *name;
	const char *type; /* static */
	struct buf bytes;
};

struct attached {
	struct attached_file files[ATTACHED_MAX];
	size_t n;
	struct leak_tally leaks; /* of what was replaced in texts */
};

struct attached_limits {
	uint64_t file_bytes;    /* of one */
	uint64_t encoded_bytes; /* of all, as they stand in a prompt */
	bool text_only;         /* the model that answers is shown nothing else */
};

/* Takes one file: reads fd from its start and finds out what it is; secrets in a text are replaced.
 * -EDQUOT: *ret_limit is the key of the limit that was reached. name is copied. */
must_check int attached_take(struct attached *attached, int fd, const char *name,
			     const struct attached_limits *limits, const char **ret_limit,
			     struct error *err);
void attached_free(struct attached *attached);

/* The record's list; without files nothing is added. */
void attached_build(const struct attached *attached, struct payload *payload);

/*
 * Puts the files of an accepted record where its format has a place for them: texts and words for
 * what cannot be shown behind message, the rest into conversation, in front of the message that
 * comes next.
 */
must_check int attached_recall(yyjson_val *accepted, struct blob_store *blobs,
			       const struct model_format *format, struct conversation *conversation,
			       struct buf *message, struct error *err);
