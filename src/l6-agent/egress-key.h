/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * egress-key - the provider's key in the forms in which it may come back (L6).
 *
 * As it is, as hexadecimal digits, and as base64 in the three places it can have in a group of
 * three bytes; of base64 only the digits that are the key's alone count, what stands beside it is
 * unknown. No form is kept: its characters are computed from the key, which stays where it is.
 *
 * Ownership  The secret is borrowed and outlives the key.
 * Units      Characters of a form. Letter case of hexadecimal digits and the two alphabets of
 *            base64 make no difference.
 * Source     RFC 4648.
 */
#pragma once

#include "base/cleanup.h"
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

enum egress_form {
	EGRESS_FORM_PLAIN,
	EGRESS_FORM_HEX,
	EGRESS_FORM_BASE64, /* begins a group of three; the next two begin one and two bytes on */
	EGRESS_FORM_BASE64_1,
	EGRESS_FORM_BASE64_2,
	EGRESS_FORMS,
};

struct egress_key;

/* secret is borrowed for the key's life. -EINVAL: too short or too long to be looked for. */
must_check int egress_key_new(const char *secret, struct egress_key **ret);
void egress_key_free(struct egress_key *key);
DEFINE_CLEANUP(struct egress_key *, egress_key_free)

/* Characters of that form. */
size_t egress_key_length(const struct egress_key *key, enum egress_form form);

/* How many characters of the form stand at the end when c comes behind seen of them. seen is less
 * than the length. */
size_t egress_key_step(const struct egress_key *key, enum egress_form form, size_t seen,
		       unsigned char c);

/* The key as it is in a text; NULL: it is not there. */
const char *egress_key_find(const struct egress_key *key, const char *text, size_t length);

/* False when no form begins with c. */
bool egress_key_may_begin(const struct egress_key *key, unsigned char c);
