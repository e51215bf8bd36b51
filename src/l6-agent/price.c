/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l6-agent/price.h"

#include "base/number.h"

#include <string.h>

enum { MILLION = 1000000, FRACTION_DIGITS = 6, DOLLARS_MAX = 1000000, WORD_BYTES = 32 };

static uint64_t larger(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static void take_dearest(const struct price_row *row, struct priced *ret)
{
	ret->basis = PRICE_DEAREST;
	ret->price.in = larger(ret->price.in, row->price.in);
	ret->price.out = larger(ret->price.out, row->price.out);
	ret->price.read = larger(ret->price.read, row->price.read);
	ret->price.write = larger(ret->price.write, row->price.write);
	ret->answer_tokens = larger(ret->answer_tokens, row->answer_tokens);
}

void price_find(const char *provider, const char *model, struct priced *ret)
{
	*ret = (struct priced){ .basis = PRICE_UNKNOWN, .as_of = "" };
	for (size_t i = 0; i < price_count; i++) {
		const struct price_row *row = &price_table[i];

		if (strcmp(row->provider, provider) != 0)
			continue;
		if (strcmp(row->model, "*") == 0 || (model && strcmp(row->model, model) == 0)) {
			*ret = (struct priced){ PRICE_LISTED, row->price, row->answer_tokens,
						row->as_of };
			return;
		}
		take_dearest(row, ret);
	}
}

/* One number of dollars, "0.25"; *at goes behind it. */
static int parse_dollars(const char **at, uint64_t *ret)
{
	size_t length = strcspn(*at, ","), whole = strcspn(*at, ",.");
	char word[WORD_BYTES] = "", part[FRACTION_DIGITS + 1] = "000000";
	uint64_t dollars, fraction;

	if (whole == 0 || whole >= sizeof(word) || length == whole + 1 ||
	    (length > whole && length - whole - 1 > FRACTION_DIGITS))
		return -EINVAL;
	memcpy(word, *at, whole);
	if (length > whole)
		memcpy(part, *at + whole + 1, length - whole - 1);
	if (number_parse_u64(word, 0, DOLLARS_MAX, &dollars) < 0 ||
	    strspn(part, "0123456789") != FRACTION_DIGITS)
		return -EINVAL;
	fraction = 0;
	for (const char *digit = part; *digit; digit++)
		fraction = fraction * 10 + (uint64_t)(*digit - '0');
	*ret = dollars * MILLION + fraction;
	*at += length;
	return 0;
}

int price_parse(const char *text, struct price *ret, struct error *err)
{
	uint64_t numbers[4];
	size_t n = 0;

	for (const char *at = text;; at++) {
		if (n == 4 || parse_dollars(&at, &numbers[n]) < 0)
			return FAIL(err, -EINVAL,
				    "\"%.60s\" is no price: dollars for a million tokens, IN,OUT "
				    "or IN,OUT,READ,WRITE, like 0.25,2",
				    text);
		n++;
		if (!*at)
			break;
	}
	if (n != 2 && n != 4)
		return FAIL(err, -EINVAL, "a price is IN,OUT or IN,OUT,READ,WRITE, not %zu numbers",
			    n);
	*ret = (struct price){ .in = numbers[0],
			       .out = numbers[1],
			       .read = numbers[n == 4 ? 2 : 0],
			       .write = numbers[n == 4 ? 3 : 0] };
	return 0;
}

uint64_t price_of(const struct price *price, const struct price_tokens *tokens)
{
	uint64_t stored = tokens->stored < tokens->prompt ? tokens->stored : tokens->prompt;
	uint64_t rest = tokens->prompt - stored;
	uint64_t cached = tokens->cached < rest ? tokens->cached : rest;
	unsigned __int128 sum = (unsigned __int128)(rest - cached) * price->in +
				(unsigned __int128)cached * price->read +
				(unsigned __int128)stored * price->write +
				(unsigned __int128)tokens->answer * price->out;

	sum = (sum + 999) / 1000; /* millionths of millionths to nanodollars, rounded up */
	return sum > UINT64_MAX ? UINT64_MAX : (uint64_t)sum;
}

const char *price_basis_name(enum price_basis basis)
{
	switch (basis) {
	case PRICE_LISTED:
		return "listed";
	case PRICE_DEAREST:
		return "dearest";
	case PRICE_SET:
		return "set";
	case PRICE_UNKNOWN:
		return "unknown";
	}
	return "unknown";
}
