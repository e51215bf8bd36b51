/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l6-agent/egress-config.h"

static const struct config_item items[] = {
	PROVIDER_CONFIG_ITEMS(offsetof(struct egress_settings, provider)),
	{ .section = "egress",
	  .key = "allow",
	  .type = CONFIG_STRING,
	  .offset = offsetof(struct egress_settings, allow),
	  .help = "Hosts tools may reach unasked: https://host,http://host:port; a private address "
		  "has to be listed here by number." },
	{ .section = "egress",
	  .key = "ca_file",
	  .type = CONFIG_STRING,
	  .offset = offsetof(struct egress_settings, ca_file),
	  .help = "File of certificate authorities to trust instead of the system's." },
	{ .section = "egress",
	  .key = "proxy",
	  .type = CONFIG_STRING,
	  .offset = offsetof(struct egress_settings, proxy),
	  .help = "Proxy for everything but loopback; it then resolves the names." },
};

const struct config_table egress_config_table = { .items = items,
						  .n_items = sizeof(items) / sizeof(items[0]) };
