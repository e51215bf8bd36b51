/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l2-kernel/sandbox-options.h"

#include "base/config.h"
#include "base/daemon-options.h"
#include "l2-kernel/sandbox.h"

#include <stddef.h>

enum { RESERVE_MIB_MAX = 1024 * 1024, RESERVE_PERCENT_MAX = 50 };

static const struct config_item items[] = {
	{ .section = "sandbox",
	  .key = "max_cages",
	  .type = CONFIG_NUMBER,
	  .offset = offsetof(struct sandbox_options, max_cages),
	  .fallback = "64",
	  .min = 1,
	  .max = SANDBOX_CAGES_MAX,
	  .help = "How many cages may run at once." },
	{ .section = "sandbox",
	  .key = "reserve_mib",
	  .type = CONFIG_NUMBER,
	  .offset = offsetof(struct sandbox_options, reserve.mib),
	  .fallback = "512",
	  .min = 1,
	  .max = RESERVE_MIB_MAX,
	  .help = "How much of a workspace's disk tools leave free, in MiB." },
	{ .section = "sandbox",
	  .key = "reserve_files",
	  .type = CONFIG_NUMBER,
	  .offset = offsetof(struct sandbox_options, reserve.files),
	  .fallback = "10000",
	  .min = 1,
	  .max = UINT32_MAX,
	  .help = "For how many files tools leave room on it." },
	{ .section = "sandbox",
	  .key = "reserve_percent",
	  .type = CONFIG_NUMBER,
	  .offset = offsetof(struct sandbox_options, reserve.percent),
	  .fallback = "5",
	  .min = 1,
	  .max = RESERVE_PERCENT_MAX,
	  .help = "The share of a small disk that is enough for both." },
};
static const struct config_table table = { items, sizeof(items) / sizeof(items[0]), NULL };

int sandbox_options_parse(char *const argv[], struct sandbox_options *ret, struct error *err)
{
	struct sandbox_options options = { .bin = "/clawos/bin",
					   .workspace = "/workspace",
					   .workspaces = "/workspaces",
					   .mount_point = "/tmp/cage",
					   .cgroups = "/sys/fs/cgroup" };
	struct daemon_options daemon = DAEMON_OPTIONS_DEFAULT;
	const struct daemon_option more[] = {
		{ "bin", &options.bin },
		{ "workspace", &options.workspace },
		{ "workspaces", &options.workspaces },
		{ "mount-point", &options.mount_point },
		{ "cgroups", &options.cgroups },
	};
	int r = daemon_options_parse(argv, more, sizeof(more) / sizeof(more[0]), &daemon, err);

	if (r == 0)
		r = daemon_config_load(&table, daemon.conf, &options, err);
	if (r < 0)
		return r;
	options.owner = daemon.owner;
	options.agent = daemon.agent;
	*ret = options;
	return 0;
}
