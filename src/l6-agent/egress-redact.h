/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * egress-redact - the provider's key does not come back in an answer (L6).
 *
 * Providers, proxies and servers quote the key, which would then stand in the journal, on the
 * terminal and in the next prompt. Every form of egress-key.h becomes asterisks of the same number:
 * as it is, with its characters escaped (\u0073, \x73, \/ behind any number of backslashes, %73),
 * and cut over the strings of one member of JSON, event by event. Other encodings are not found: a
 * server that wants to pass on a key it was given has other ways than through us.
 *
 * Kept back is only what may be the beginning of the key: in running bytes from its first
 * character, over the end of a string from its fourth on. What is kept back is bounded; when the
 * rest does not come in time, what there is of the key becomes asterisks.
 *
 * Ownership  The key is borrowed.
 * Errors     -ENOMEM, -EMSGSIZE from the buffers.
 * Tests      tests/unit/l6-agent/test-egress-redact.c, fuzz/fuzz-egress-redact.c.
 */
#pragma once

#include "base/buf.h"
#include "l6-agent/egress-key.h"

#include <stdbool.h>
#include <stddef.h>

enum {
	EGRESS_REDACT_BYTES_MIN = 12, /* "ollama" as a key is a word, and no secret */
	EGRESS_REDACT_HELD_BYTES_MAX = 128 * 1024,
	EGRESS_REDACT_PIECE_BYTES_MAX = 1024 * 1024,
};

struct egress_redact;

/* is_answer: the bytes are a model's answer, whose text comes in strings of several events. */
must_check int egress_redact_new(const struct egress_key *key, bool is_answer,
				 struct egress_redact **ret);
void egress_redact_free(struct egress_redact *redact);
DEFINE_CLEANUP(struct egress_redact *, egress_redact_free)

/* Takes the next piece and appends to out what may be passed on. */
must_check int egress_redact_add(struct egress_redact *redact, const char *bytes, size_t length,
				 struct buf *out);

/* No more comes: what was kept back is passed on, without more than half a key at its end. */
must_check int egress_redact_end(struct egress_redact *redact, struct buf *out);
