/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l2-kernel/sandbox-options.h"

#include "base/cleanup.h"
#include "base/config.h"
#include "base/dir.h"
#include "base/number.h"
#include "l2-kernel/sandbox.h"

#include <getopt.h>
#include <stddef.h>
#include <string.h>

enum { CONF_MAX_BYTES = 64 * 1024, AGENT_UID = 64801, UID_MAX_ID = 0x7fffffff };
#define USAGE \
	"usage: claw-sandboxd [--conf FILE] [--bin DIR] [--workspace DIR] [--mount-point DIR] " \
	"[--cgroups DIR] [--owner UID] [--agent UID]"

static const struct config_item items[] = {
	{ .section = "sandbox",
	  .key = "max_cages",
	  .type = CONFIG_NUMBER,
	  .offset = offsetof(struct sandbox_options, max_cages),
	  .fallback = "64",
	  .min = 1,
	  .max = SANDBOX_CAGES_MAX,
	  .help = "How many cages may run at once." },
};
static const struct config_table table = { items, sizeof(items) / sizeof(items[0]), NULL };

/* Options that every daemon takes and this one has no use for. */
static const char *const unused[] = { "state", "run", "share" };

struct path_option {
	const char *name;
	size_t offset;
};
static const struct path_option paths[] = {
	{ "conf", offsetof(struct sandbox_options, conf) },
	{ "bin", offsetof(struct sandbox_options, bin) },
	{ "workspace", offsetof(struct sandbox_options, workspace) },
	{ "mount-point", offsetof(struct sandbox_options, mount_point) },
	{ "cgroups", offsetof(struct sandbox_options, cgroups) },
};
enum { PATHS = sizeof(paths) / sizeof(paths[0]), UNUSED = sizeof(unused) / sizeof(unused[0]) };

static int parse_arguments(int argc, char **argv, struct sandbox_options *ret)
{
	enum { OWNER = PATHS, AGENT, REST };
	struct option known[PATHS + 2 + UNUSED + 1] = {
		[OWNER] = { "owner", required_argument, NULL, OWNER },
		[AGENT] = { "agent", required_argument, NULL, AGENT },
	};
	int r = 0, c;

	for (int i = 0; i < PATHS; i++)
		known[i] = (struct option){ paths[i].name, required_argument, NULL, i };
	for (int i = 0; i < UNUSED; i++)
		known[REST + i] = (struct option){ unused[i], required_argument, NULL, REST };
	while (r == 0 && (c = getopt_long(argc, argv, "", known, NULL)) >= 0) {
		if (c < PATHS)
			*(const char **)((char *)ret + paths[c].offset) = optarg;
		else if (c == OWNER)
			r = number_parse_u64(optarg, 0, UID_MAX_ID, &ret->owner);
		else if (c == AGENT)
			r = number_parse_u64(optarg, 0, UID_MAX_ID, &ret->agent);
		else if (c != REST)
			r = -EINVAL;
	}
	return optind < argc ? -EINVAL : r;
}

int sandbox_options_parse(int argc, char **argv, struct sandbox_options *ret, struct error *err)
{
	struct sandbox_options options = { .conf = "/clawos/conf",
					   .bin = "/clawos/bin",
					   .workspace = "/workspace",
					   .mount_point = "/tmp/cage",
					   .cgroups = "/sys/fs/cgroup",
					   .agent = AGENT_UID };
	auto_buf struct buf text = BUF(CONF_MAX_BYTES);
	auto_fd int fd = -1;
	int r = parse_arguments(argc, argv, &options);

	if (r < 0)
		return FAIL(err, -EINVAL, USAGE);
	fd = dir_open_configured(options.conf, O_RDONLY, 0);
	r = fd == -ENOENT ? 0 : fd < 0 ? fd : dir_read_fd(fd, &text);
	if (r < 0)
		return FAIL(err, r, "%s: %s", options.conf, strerror(-r));
	r = config_load(&table, options.conf, buf_string(&text), &options, err);
	if (r == 0)
		*ret = options;
	return r;
}
