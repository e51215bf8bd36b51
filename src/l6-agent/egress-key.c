/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l6-agent/egress-key.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <stdint.h>
#include <string.h>

enum { BYTE_BITS = 8, DIGIT_BITS = 6, NIBBLE_BITS = 4, BYTES_MAX = UINT16_MAX / 2 };

struct form {
	size_t length;
	uint16_t *back; /* by length of a front: the longest shorter front that ends it */
};

struct egress_key {
	const char *secret;
	size_t n;
	struct form forms[EGRESS_FORMS];
	bool may_begin[UINT8_MAX + 1];
};

/* The first digit of base64 that no byte in front of the key touches. */
static size_t first_digit(enum egress_form form)
{
	size_t bits = (size_t)(form - EGRESS_FORM_BASE64) * BYTE_BITS;

	return (bits + DIGIT_BITS - 1) / DIGIT_BITS;
}

static size_t length_of(enum egress_form form, size_t n)
{
	switch (form) {
	case EGRESS_FORM_PLAIN:
	case EGRESS_FORMS:
		return n;
	case EGRESS_FORM_HEX:
		return n * 2;
	case EGRESS_FORM_BASE64:
	case EGRESS_FORM_BASE64_1:
	case EGRESS_FORM_BASE64_2:
		return (n + (size_t)(form - EGRESS_FORM_BASE64)) * BYTE_BITS / DIGIT_BITS -
		       first_digit(form);
	}
	return n;
}

static unsigned char base64_at(const struct egress_key *key, enum egress_form form, size_t i)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	size_t bit = (first_digit(form) + i) * DIGIT_BITS -
		     (size_t)(form - EGRESS_FORM_BASE64) * BYTE_BITS;
	unsigned value = 0;

	for (size_t end = bit + DIGIT_BITS; bit < end; bit++) {
		unsigned byte = (unsigned char)key->secret[bit / BYTE_BITS];

		value = value << 1 | (byte >> (BYTE_BITS - 1 - bit % BYTE_BITS) & 1);
	}
	return (unsigned char)digits[value];
}

static unsigned char at(const struct egress_key *key, enum egress_form form, size_t i)
{
	unsigned byte = (unsigned char)key->secret[i / 2];

	if (form == EGRESS_FORM_PLAIN)
		return (unsigned char)key->secret[i];
	if (form != EGRESS_FORM_HEX)
		return base64_at(key, form, i);
	return (unsigned char)"0123456789abcdef"[i % 2 ? byte & 0xF : byte >> NIBBLE_BITS];
}

static unsigned char fold(enum egress_form form, unsigned char c)
{
	if (form == EGRESS_FORM_PLAIN)
		return c;
	if (form == EGRESS_FORM_HEX)
		return (unsigned char)tolower(c);
	return c == '-' ? '+' : c == '_' ? '/' : c;
}

size_t egress_key_step(const struct egress_key *key, enum egress_form form, size_t seen,
		       unsigned char c)
{
	const struct form *of = &key->forms[form];

	assert(seen < of->length);
	c = fold(form, c);
	while (seen > 0 && at(key, form, seen) != c)
		seen = of->back[seen];
	return seen + (at(key, form, seen) == c ? 1 : 0);
}

static int make_form(struct egress_key *key, enum egress_form form)
{
	struct form *of = &key->forms[form];
	size_t seen = 0;

	of->length = length_of(form, key->n);
	of->back = calloc(of->length + 1, sizeof(*of->back));
	if (!of->back)
		return -ENOMEM;
	for (size_t i = 1; i < of->length; i++) {
		seen = egress_key_step(key, form, seen, at(key, form, i));
		of->back[i + 1] = (uint16_t)seen;
	}
	for (unsigned c = 0; c <= UINT8_MAX; c++)
		if (fold(form, (unsigned char)c) == at(key, form, 0))
			key->may_begin[c] = true;
	return 0;
}

int egress_key_new(const char *secret, struct egress_key **ret)
{
	CLEANUP(egress_key_free_ptr) struct egress_key *key = calloc(1, sizeof(*key));
	int r = 0;

	if (!key)
		return -ENOMEM;
	key->secret = secret;
	key->n = strlen(secret);
	if (key->n < 3 || key->n > BYTES_MAX) /* shorter ones have an empty form */
		return -EINVAL;
	for (int form = 0; form < EGRESS_FORMS && r >= 0; form++)
		r = make_form(key, (enum egress_form)form);
	if (r >= 0)
		*ret = TAKE_PTR(key);
	return r;
}

void egress_key_free(struct egress_key *key)
{
	if (!key)
		return;
	for (size_t i = 0; i < EGRESS_FORMS; i++)
		free(key->forms[i].back);
	free(key);
}

size_t egress_key_length(const struct egress_key *key, enum egress_form form)
{
	return key->forms[form].length;
}

bool egress_key_may_begin(const struct egress_key *key, unsigned char c)
{
	return key->may_begin[c];
}

const char *egress_key_find(const struct egress_key *key, const char *text, size_t length)
{
	return memmem(text, length, key->secret, key->n);
}
