/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l7-shell/up-provider.h"

#include "base/nearest.h"
#include "l6-agent/provider-address.h"
#include "l6-agent/provider-config.h"

#include <string.h>

static int find(const char *name, const struct provider_row **ret, struct error *err)
{
	const char *near;

	for (size_t i = 0; i < provider_count; i++) {
		if (strcmp(provider_table[i].name, name) != 0)
			continue;
		*ret = &provider_table[i];
		return 0;
	}
	near = nearest_name(name, provider_backends, provider_count);
	return FAIL(err, -EINVAL,
		    "there is no provider \"%.60s\" (LLM_BACKEND, or backend in clawos.conf)%s%s%s",
		    name, near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
}

int up_provider_check(const struct up_config *config, struct error *err)
{
	const char *base_url = up_config_get(config, "provider", "base_url");
	const char *model = up_config_get(config, "provider", "model");
	const struct provider_row *row = NULL;
	int r = find(up_config_get(config, "provider", "backend"), &row, err);

	if (r < 0 || row->protocol == PROTOCOL_LOCAL)
		return r;
	if (!base_url && !row->base_url)
		return FAIL(err, -EINVAL,
			    "%s needs an address: set LLM_BASE_URL, or base_url in clawos.conf",
			    row->name);
	if (base_url) {
		r = provider_address_check(base_url, err);
		if (r < 0) {
			(void)error_prefix(err, "LLM_BASE_URL, or base_url in clawos.conf");
			return r;
		}
	}
	if (!(model && *model) && !row->model)
		return FAIL(err, -EINVAL,
			    "%s has no model of its own: set LLM_MODEL, or model in clawos.conf",
			    row->name);
	return 0;
}
