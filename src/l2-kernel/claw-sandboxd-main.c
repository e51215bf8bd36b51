/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* claw-sandboxd: makes cages for claw-agentd, answers fixed records, parses nothing else (L2). */
#include "base/cleanup.h"
#include "base/config.h"
#include "base/dir.h"
#include "base/log.h"
#include "base/number.h"
#include "base/service.h"
#include "l2-kernel/sandbox.h"

#include <getopt.h>
#include <grp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CONF_MAX_BYTES = 64 * 1024, AGENT_UID = 64801, UID_MAX_ID = 0x7fffffff };

struct options {
	const char *conf, *bin, *workspace, *mount_point;
	uint64_t owner, agent;
	uint64_t max_cages;
};

static const struct config_item items[] = {
	{ .section = "sandbox",
	  .key = "max_cages",
	  .type = CONFIG_NUMBER,
	  .offset = offsetof(struct options, max_cages),
	  .fallback = "64",
	  .min = 1,
	  .max = SANDBOX_CAGES_MAX,
	  .help = "How many cages may run at once." },
};
static const struct config_table table = { items, sizeof(items) / sizeof(items[0]), NULL };

static int parse_options(int argc, char **argv, struct options *ret)
{
	enum { CONF, STATE, RUN, SHARE, BIN, WORKSPACE, MOUNT_POINT, OWNER, AGENT };
	static const struct option known[] = {
		{ "conf", required_argument, NULL, CONF },
		{ "state", required_argument, NULL, STATE },
		{ "run", required_argument, NULL, RUN },
		{ "share", required_argument, NULL, SHARE },
		{ "bin", required_argument, NULL, BIN },
		{ "workspace", required_argument, NULL, WORKSPACE },
		{ "mount-point", required_argument, NULL, MOUNT_POINT },
		{ "owner", required_argument, NULL, OWNER },
		{ "agent", required_argument, NULL, AGENT },
		{ 0 },
	};
	int r = 0, c;

	while ((c = getopt_long(argc, argv, "", known, NULL)) >= 0 && r == 0) {
		if (c == CONF)
			ret->conf = optarg;
		else if (c == BIN)
			ret->bin = optarg;
		else if (c == WORKSPACE)
			ret->workspace = optarg;
		else if (c == MOUNT_POINT)
			ret->mount_point = optarg;
		else if (c == OWNER)
			r = number_parse_u64(optarg, 0, UID_MAX_ID, &ret->owner);
		else if (c == AGENT)
			r = number_parse_u64(optarg, 0, UID_MAX_ID, &ret->agent);
		else if (c != STATE && c != RUN && c != SHARE) /* taken as by all, not needed */
			return -EINVAL;
	}
	return optind < argc ? -EINVAL : r;
}

static int load_config(struct options *options, struct error *err)
{
	auto_buf struct buf text = BUF(CONF_MAX_BYTES);
	auto_fd int fd = dir_open_configured(options->conf, O_RDONLY, 0);
	int r = fd == -ENOENT ? 0 : fd < 0 ? fd : dir_read_fd(fd, &text);

	if (r < 0)
		return FAIL(err, r, "%s: %s", options->conf, strerror(-r));
	return config_load(&table, options->conf, buf_string(&text), options, err);
}

static int open_workspace(struct sandbox *sandbox, const char *path, struct error *err)
{
	auto_fd int fd = dir_open_configured(path, O_PATH | O_DIRECTORY, 0);

	if (fd < 0)
		return FAIL(err, fd, "workspace %s: %s", path, strerror(-fd));
	return workspace_register(&sandbox->workspaces, 0, fd, true, 0, err);
}

static int run(struct service *service, const struct options *options, struct sandbox *sandbox,
	       struct error *err)
{
	const struct cage_ground_options ground = { options->mount_point, options->bin };
	int listen_fd = service_take_fd(service, "sandbox"), r;

	if (listen_fd < 0)
		return FAIL(err, listen_fd, "no socket \"sandbox\" was handed over");
	if (setgroups(0, NULL) < 0)
		return FAIL(err, -errno, "groups: %m");
	r = cage_ground_open(&ground, &sandbox->ground, err);
	if (r < 0)
		return r;
	sandbox->workspaces.mounts_fd = take_fd(&sandbox->ground.mounts_fd);
	r = open_workspace(sandbox, options->workspace, err);
	if (r == 0)
		r = workspace_register_mounted(&sandbox->workspaces, "/workspaces", err);
	if (r == 0)
		r = sandbox_serve(sandbox, listen_fd, err);
	return r < 0 ? r : service_run(service, err);
}

int main(int argc, char **argv)
{
	struct options options = { .conf = "/clawos/conf",
				   .bin = "/clawos/bin",
				   .workspace = "/workspace",
				   .mount_point = "/tmp/cage",
				   .agent = AGENT_UID };
	struct sandbox sandbox = { .listen_fd = -1,
				   .workspaces = { .mounts_fd = -1 },
				   .ground = { .mounts_fd = -1 } };
	struct service *service = NULL;
	struct error err = { 0 };
	int r;

	if (parse_options(argc, argv, &options) < 0) {
		log_error("usage: claw-sandboxd [--conf FILE] [--bin DIR] [--workspace DIR] "
			  "[--mount-point DIR] [--owner UID] [--agent UID]");
		return EXIT_FAILURE;
	}
	r = load_config(&options, &err);
	if (r == 0)
		r = service_open(&service, &err);
	if (r == 0) {
		sandbox.event = service_event(service);
		sandbox.owner = (uid_t)options.owner;
		sandbox.agent = (uid_t)options.agent;
		sandbox.cages_max = (uint32_t)options.max_cages;
		r = run(service, &options, &sandbox, &err);
	}
	if (r < 0)
		log_error("%s", err.text);
	sandbox_fini(&sandbox);
	service_close(service);
	return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
