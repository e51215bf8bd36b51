/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * tape - model exchanges written to a file, and played from it (L6).
 *
 * One JSON object per line. A player compares each prompt with the one on the tape, byte by byte.
 * The file's own offset is the place on the tape, so several turns can share a descriptor.
 *
 * Errors     -EBADMSG for a line that is no exchange, -ENODATA when the tape has ended, -EILSEQ
 * when the prompt is another one (the sentence shows the first difference). Source spec/record.md
 */
#pragma once

#include "base/buf.h"
#include "l6-agent/model.h"

struct tape;

enum { TAPE_LINE_MAX = 64 * 1024 * 1024 };

/* Takes fd. */
must_check int tape_open(int fd, struct tape **ret);
void tape_close(struct tape *tape); /* NULL-tolerant */
/* Another one on the same file, at the same place. */
must_check int tape_share(const struct tape *tape, struct tape **ret);

struct tape_exchange {
	const char *format; /* borrowed */
	int status;
	const char *content_type; /* may be NULL */
	const char *response;     /* raw bytes as they came */
	size_t response_length;
};

/* Writes one exchange at the file's offset. -EINVAL: the response is not UTF-8. */
must_check int tape_write(struct tape *tape, const struct prompt *prompt,
			  const struct tape_exchange *exchange, struct error *err);

/* Reads the next exchange; *ret borrows from the tape until the next call. */
must_check int tape_next(struct tape *tape, const struct prompt *prompt, struct tape_exchange *ret,
			 struct error *err);
