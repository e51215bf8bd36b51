/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l6-agent/provider-config.h"

const char *const provider_backends[] = { "local", "openai_compatible", "openai", "ollama", NULL };

const char *provider_base_url(const struct provider_config *config)
{
	if (config->base_url)
		return config->base_url;
	switch ((enum provider_backend)config->backend) {
	case PROVIDER_OPENAI:
		return "https://api.openai.com/v1";
	case PROVIDER_OLLAMA:
		return "http://localhost:11434/v1";
	case PROVIDER_LOCAL:
	case PROVIDER_OPENAI_COMPATIBLE:
		return NULL;
	}
	return NULL;
}
