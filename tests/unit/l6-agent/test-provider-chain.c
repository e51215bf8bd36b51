/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l6-agent/egress-breaker.h"
#include "l6-agent/provider-chain.h"

#include "harness/tap.h"

#include <stdlib.h>
#include <string.h>

#define WAIT_US UINT64_C(1000)

static unsigned backend(const char *name)
{
	for (unsigned i = 0; i < provider_count; i++)
		if (strcmp(provider_table[i].name, name) == 0)
			return i;
	return 0;
}

static int open_chain(const char *first, const char *fallback, struct provider_chain *ret,
		      struct error *err)
{
	char *text = strdup(fallback);
	const struct provider_config config = { .backend = backend(first),
						.key_file = text,
						.extra_headers = text,
						.retries = 7,
						.fallback = text };
	int r = provider_chain_open(&config, ret, err);

	free(text);
	return r;
}

TEST(a_chain_is_read_in_order_and_keeps_what_is_the_first_ones)
{
	struct provider_chain chain;
	struct error err = { 0 };

	EXPECT_OK(open_chain("anthropic", "groq,  openai  gpt-5 , vllm m http://h:1/v1", &chain,
			     &err),
		  &err);
	EXPECT_INT(chain.n, ==, 4);
	EXPECT_STR(provider_row(&chain.list[1])->name, "groq");
	EXPECT_STR(provider_model(&chain.list[1]), "openai/gpt-oss-120b");
	EXPECT_STR(provider_model(&chain.list[2]), "gpt-5");
	EXPECT_STR(provider_base_url(&chain.list[3]), "http://h:1/v1");
	EXPECT_INT(chain.list[3].retries, ==, 7);
	for (unsigned i = 1; i < chain.n; i++)
		EXPECT_INT(!chain.list[i].key_file && !chain.list[i].extra_headers, ==, 1);
	EXPECT_INT(provider_chain_find(&chain, "vllm"), ==, 3);
	EXPECT_INT(provider_chain_find(&chain, "mistral"), ==, -1);
	provider_chain_free(&chain);
}

TEST(the_chosen_one_is_passed_over_and_the_local_model_stands_alone)
{
	struct provider_chain chain;
	struct error err = { 0 };

	EXPECT_OK(open_chain("groq", "groq,openai", &chain, &err), &err);
	EXPECT_INT(chain.n, ==, 2);
	provider_chain_free(&chain);
	EXPECT_OK(open_chain("local", "groq", &chain, &err), &err);
	EXPECT_INT(chain.n, ==, 1);
	provider_chain_free(&chain);
}

TEST(what_is_no_chain_is_refused)
{
	static const char *const wrong[] = { "",
					     ",",
					     "groq,",
					     "nobody",
					     "local",
					     "openai,openai",
					     "vllm",
					     "openai_compatible m",
					     "openai m ftp://h/v1",
					     "openai m https://u@h/v1",
					     "groq a https://h/v1 d",
					     "groq,openai,mistral,deepseek,cerebras" };

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct provider_chain chain;
		struct error err = { 0 };

		EXPECT_INT(open_chain("anthropic", wrong[i], &chain, &err), ==, -EINVAL);
		EXPECT_INT(strstr(err.text, "[provider] fallback") != NULL, ==, 1);
	}
}

TEST(a_breaker_opens_after_failures_in_a_row_and_lets_one_probe_through)
{
	struct egress_breaker breaker = { 0 };
	bool is_probe;

	egress_breaker_failed(&breaker, 10, 2);
	egress_breaker_succeeded(&breaker);
	egress_breaker_failed(&breaker, 20, 2);
	EXPECT_STR(egress_breaker_state(&breaker, 20, WAIT_US), "closed");
	egress_breaker_failed(&breaker, 30, 2);
	EXPECT_STR(egress_breaker_state(&breaker, 30, WAIT_US), "open");
	EXPECT_INT(egress_breaker_admits(&breaker, 30 + WAIT_US - 1, WAIT_US, &is_probe), ==, 0);
	EXPECT_INT(egress_breaker_admits(&breaker, 30 + WAIT_US, WAIT_US, &is_probe), ==, 1);
	EXPECT_INT(is_probe, ==, 1);
	EXPECT_INT(egress_breaker_admits(&breaker, 31 + WAIT_US, WAIT_US, &is_probe), ==, 0);
	EXPECT_STR(egress_breaker_state(&breaker, 31 + WAIT_US, WAIT_US), "half-open");
	egress_breaker_abandoned(&breaker); /* nobody waited for it: another one may */
	EXPECT_INT(egress_breaker_admits(&breaker, 32 + WAIT_US, WAIT_US, &is_probe), ==, 1);
	egress_breaker_failed(&breaker, 40 + WAIT_US, 2);
	EXPECT_INT(egress_breaker_admits(&breaker, 41 + WAIT_US, WAIT_US, &is_probe), ==, 0);
	EXPECT_INT(egress_breaker_admits(&breaker, 40 + 2 * WAIT_US, WAIT_US, &is_probe), ==, 1);
	egress_breaker_succeeded(&breaker);
	EXPECT_INT(egress_breaker_admits(&breaker, 41, WAIT_US, &is_probe), ==, 1);
	EXPECT_INT(is_probe, ==, 0);
}
