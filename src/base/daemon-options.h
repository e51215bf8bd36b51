/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * daemon-options - the command line every daemon has, and its configuration file.
 *
 * The supervisor starts a daemon with --owner only; every path has its place in the daemon's root
 * as default. Tests start one elsewhere: --conf FILE --state DIR --run DIR --share DIR --agent UID
 * and what a daemon adds in `more`. Every daemon takes all of these, whether it needs them or not.
 *
 * Errors  -EINVAL with the option that is wrong; -errno of reading the file, or what config_load
 * says. Tests   tests/unit/base/test-daemon-options.c
 */
#pragma once

#include "base/config.h"
#include "base/error.h"

#include <sys/types.h>

/* Of claw-agentd; spec/tables/daemons. */
enum { DAEMON_AGENT_UID = 64801 };

struct daemon_options {
	const char *conf, *state, *run, *share; /* borrowed from argv */
	uid_t owner, agent;
};
#define DAEMON_OPTIONS_DEFAULT \
	((struct daemon_options){ "/clawos/conf", "/clawos/state", "/clawos/run", "/clawos/share", \
				  0, DAEMON_AGENT_UID })

/* One more option of a daemon: --name TEXT. */
struct daemon_option {
	const char *name;
	const char **target;
};

must_check int daemon_options_parse(char *const argv[], const struct daemon_option *more,
				    size_t n_more, struct daemon_options *options,
				    struct error *err);

/* Defaults, then the file at path (none: defaults only). */
must_check int daemon_config_load(const struct config_table *table, const char *path, void *target,
				  struct error *err);
