/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l6-agent/provider-chain.h"

#include "base/cleanup.h"
#include "l6-agent/provider-address.h"

#include <stdlib.h>
#include <string.h>

enum { WORDS_MAX = 3 };

void provider_chain_free(struct provider_chain *chain)
{
	for (unsigned i = 1; i < chain->n; i++) {
		free(chain->list[i].model);
		free(chain->list[i].base_url);
	}
	chain->n = 0;
}

int provider_chain_find(const struct provider_chain *chain, const char *name)
{
	for (unsigned i = 0; i < chain->n; i++)
		if (strcmp(provider_row(&chain->list[i])->name, name) == 0)
			return (int)i;
	return -1;
}

static int find_row(const char *name, unsigned *ret)
{
	for (unsigned i = 0; i < provider_count; i++)
		if (strcmp(provider_table[i].name, name) == 0) {
			*ret = i;
			return 0;
		}
	return -ENOENT;
}

/* Cuts the text at blanks; how many words there are, WORDS_MAX + 1 when there are more. */
static size_t cut(char *text, char *ret_words[WORDS_MAX])
{
	size_t n = 0;

	for (char *at = text + strspn(text, " "); *at; at += strspn(at, " ")) {
		size_t length = strcspn(at, " ");

		if (n == WORDS_MAX)
			return n + 1;
		ret_words[n++] = at;
		at += length;
		if (*at)
			*at++ = '\0';
	}
	return n;
}

static int check(const struct provider_chain *chain, const struct provider_config *config,
		 struct error *err)
{
	const struct provider_row *row = provider_row(config);

	if (row->protocol == PROTOCOL_LOCAL)
		return FAIL(err, -EINVAL, "the local model stands in for no provider");
	if (provider_chain_find(chain, row->name) >= 0)
		return FAIL(err, -EINVAL, "%s stands there twice", row->name);
	if (!provider_model(config))
		return FAIL(err, -EINVAL, "%s has no model of its own: NAME MODEL", row->name);
	if (!provider_base_url(config))
		return FAIL(err, -EINVAL, "%s needs an address: NAME MODEL BASE_URL", row->name);
	return config->base_url ? provider_address_check(config->base_url, err) : 0;
}

static int add(struct provider_chain *chain, char *text, struct error *err)
{
	struct provider_config config = chain->list[0];
	char *words[WORDS_MAX] = { NULL };
	size_t n = cut(text, words);
	int r;

	if (n == 0 || n > WORDS_MAX)
		return FAIL(err, -EINVAL, "each is NAME [MODEL [BASE_URL]]");
	if (chain->n == PROVIDER_CHAIN_MAX)
		return FAIL(err, -EINVAL, "more than %d providers", PROVIDER_CHAIN_MAX - 1);
	if (find_row(words[0], &config.backend) < 0)
		return FAIL(err, -EINVAL, "there is no provider \"%.60s\"", words[0]);
	config.model = words[1];
	config.base_url = words[2];
	config.key_file = config.extra_headers = config.fallback = config.cheap = NULL;
	if (config.backend == chain->list[0].backend)
		return 0; /* it was chosen: there it stands */
	r = check(chain, &config, err);
	if (r < 0)
		return r;
	config.model = words[1] ? strdup(words[1]) : NULL;
	config.base_url = words[2] ? strdup(words[2]) : NULL;
	chain->list[chain->n++] = config;
	return (words[1] && !config.model) || (words[2] && !config.base_url)
		       ? FAIL(err, -ENOMEM, "out of memory")
		       : 0;
}

static int find_cheap(struct provider_chain *chain, const char *name, struct error *err)
{
	int at = name ? provider_chain_find(chain, name) : 0;

	if (at < 0)
		return FAIL(err, -EINVAL, "[provider] cheap: %.60s is not in fallback", name);
	chain->cheap = (unsigned)at;
	return 0;
}

int provider_chain_open(const struct provider_config *first, struct provider_chain *ret,
			struct error *err)
{
	auto_free char *text = first->fallback ? strdup(first->fallback) : NULL;
	int r = 0;

	*ret = (struct provider_chain){ .n = 1 };
	ret->list[0] = *first;
	if (provider_is_local(first))
		return 0;
	if (!first->fallback)
		return find_cheap(ret, first->cheap, err);
	if (!text)
		return FAIL(err, -ENOMEM, "out of memory");
	for (char *at = text, *end; at && r >= 0; at = end) {
		end = strchr(at, ',');
		if (end)
			*end++ = '\0';
		r = add(ret, at, err);
	}
	if (r < 0)
		(void)error_prefix(err, "[provider] fallback");
	if (r >= 0)
		r = find_cheap(ret, first->cheap, err);
	if (r < 0)
		provider_chain_free(ret);
	return r;
}
