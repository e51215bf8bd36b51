/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * cage-profile - spec/tables/profiles as C (made by tools/profiles-c).
 */
#pragma once

#include "l2-kernel/launch-record.h"

#include <stdbool.h>
#include <stdint.h>

struct cage_profile {
	const char *name; /* also the column of spec/tables/syscalls */
	bool writable;    /* the workspace may be, when it is registered so */
	bool any_program; /* not only claw-toolwork */
	uint32_t processes, open_files, file_mib, tmp_mib;
};

extern const struct cage_profile cage_profiles[]; /* by enum launch_profile */
extern const char cage_profiles_sha256[];         /* of the table's text */
