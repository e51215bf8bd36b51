/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * sandbox-options - the command line and the [sandbox] section of claw-sandboxd (L2).
 *
 * Ownership  Paths are those of argv or static.
 * Errors     -EINVAL with a sentence.
 */
#pragma once

#include "base/error.h"

#include <stdint.h>

struct sandbox_options {
	const char *conf, *bin, *workspace, *mount_point, *cgroups;
	uint64_t owner, agent; /* uids */
	uint64_t max_cages;    /* from the file */
};

/* Fills *ret from the defaults, argv and the file it names. The usage is the text of an error in
 * argv. */
must_check int sandbox_options_parse(int argc, char **argv, struct sandbox_options *ret,
				     struct error *err);
