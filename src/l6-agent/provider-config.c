/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l6-agent/provider-config.h"

#include <assert.h>

const struct provider_row *provider_row(const struct provider_config *config)
{
	assert(config->backend < provider_count);
	return &provider_table[config->backend];
}

bool provider_needs_key(const struct provider_row *row)
{
	return row->key_variable && (row->price_in > 0 || row->price_out > 0);
}

bool provider_is_local(const struct provider_config *config)
{
	return provider_row(config)->protocol == PROTOCOL_LOCAL;
}

const char *provider_key_prefix(const struct provider_config *config)
{
	switch (provider_row(config)->key_header) {
	case KEY_BEARER:
		return "Authorization: Bearer ";
	case KEY_X_API_KEY:
		return "x-api-key: ";
	}
	return "Authorization: Bearer ";
}

const char *provider_base_url(const struct provider_config *config)
{
	return config->base_url ? config->base_url : provider_row(config)->base_url;
}

const char *provider_model(const struct provider_config *config)
{
	return config->model ? config->model : provider_row(config)->model;
}
