/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * price - what a model's tokens cost (L6).
 *
 * Units      Prices are millionths of a dollar for a million tokens; money is nanodollars
 *            (thousand-millionths of a dollar), rounded up for each call.
 * Source     spec/tables/prices.
 * Tests      tests/unit/l6-agent/test-egress-budget.c.
 */
#pragma once

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

#define PRICE_CENT_NANO UINT64_C(10000000)

struct price {
	uint64_t in, out;
	uint64_t read, write; /* of the prompt: out of the provider's cache, and into it */
};

struct price_row {
	const char *provider, *model; /* model "*": any other */
	struct price price;
	uint64_t answer_tokens; /* of one answer at most; 0: not known */
	const char *as_of;
};

extern const struct price_row price_table[];
extern const size_t price_count;

enum price_basis {
	PRICE_LISTED,  /* a line of the table */
	PRICE_DEAREST, /* no line for the model: the provider's dearest price of each kind */
	PRICE_SET,     /* the configuration says it */
	PRICE_UNKNOWN, /* no line for the provider: nothing is counted */
};

struct priced {
	enum price_basis basis;
	struct price price;
	uint64_t answer_tokens; /* 0: not known */
	const char *as_of;      /* "" unless listed */
};

/* What a call counted. stored and cached are parts of prompt. */
struct price_tokens {
	uint64_t prompt, cached, stored, answer;
};

/* model may be NULL. */
void price_find(const char *provider, const char *model, struct priced *ret);

/* "0.25,2" or "0.25,2,0.025,0.3": dollars for a million tokens, in, out, read, write. -EINVAL. */
must_check int price_parse(const char *text, struct price *ret, struct error *err);

/* Nanodollars; UINT64_MAX when there are more. */
uint64_t price_of(const struct price *price, const struct price_tokens *tokens);

/* "listed", "dearest", "set", "unknown" */
const char *price_basis_name(enum price_basis basis);
