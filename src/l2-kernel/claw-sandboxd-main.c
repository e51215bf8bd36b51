/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* claw-sandboxd: makes cages for claw-agentd, answers fixed records, parses nothing else (L2). */
#include "base/cleanup.h"
#include "base/dir.h"
#include "base/log.h"
#include "base/service.h"
#include "l2-kernel/sandbox-options.h"
#include "l2-kernel/sandbox.h"
#include "l2-kernel/seccomp-filter.h"

#include <grp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

static int open_workspace(struct sandbox *sandbox, const char *path, struct error *err)
{
	auto_fd int fd = dir_open_configured(path, O_PATH | O_DIRECTORY, 0);

	if (fd < 0)
		return FAIL(err, fd, "workspace %s: %s", path, strerror(-fd));
	return workspace_register(&sandbox->workspaces, 0, fd, true, 0, err);
}

/* Everything is set up: from here on only what making cages takes. They inherit it below their own.
 */
static int confine_itself(struct error *err)
{
	CLEANUP(seccomp_filter_free_ptr) struct seccomp_filter *filter = NULL;
	int r = seccomp_filter_make("launcher", &filter, err);

	if (r == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		r = FAIL(err, -errno, "no_new_privs: %m");
	return r < 0 ? r : seccomp_filter_load(filter, err);
}

static int run(struct service *service, const struct sandbox_options *options,
	       struct sandbox *sandbox, struct error *err)
{
	const struct cage_ground_options ground = {
		.mount_point = options->mount_point,
		.bin = options->bin,
		.cgroups = options->cgroups,
	};
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
		r = workspace_register_mounted(&sandbox->workspaces, options->workspaces, err);
	if (r == 0)
		r = sandbox_serve(sandbox, listen_fd, err);
	if (r == 0)
		r = confine_itself(err);
	return r < 0 ? r : service_run(service, err);
}

int main(int argc __attribute__((unused)), char **argv)
{
	struct sandbox_options options;
	struct sandbox sandbox = { .listen_fd = -1,
				   .workspaces = { .mounts_fd = -1 },
				   .ground = { .root_fd = -1,
					       .mounts_fd = -1,
					       .cgroups = { .folder_fds = { -1, -1 } } } };
	struct service *service = NULL;
	struct error err = { 0 };
	int r;

	r = sandbox_options_parse(argv, &options, &err);
	if (r == 0)
		r = service_open(&service, &err);
	if (r == 0) {
		sandbox.service = service;
		sandbox.event = service_event(service);
		sandbox.owner = options.owner;
		sandbox.agent = options.agent;
		sandbox.cages_max = (uint32_t)options.max_cages;
		sandbox.reserve = options.reserve;
		r = run(service, &options, &sandbox, &err);
	}
	if (r < 0)
		log_error("%s", err.text);
	sandbox_fini(&sandbox);
	service_close(service);
	return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
