/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * cage-halt - has every task of a killed cage executed its last instruction? (L2)
 *
 * A killed process is reaped when the kernel has taken it apart: for a large one that is its
 * memory, page by page. Long before, it is certain that it does nothing any more: the kernel marks
 * a task as exiting (PF_EXITING in /proc/PID/stat) on its way out, from where none comes back. A
 * cage has halted when every thread of its cgroup is so marked and none was added while that was
 * looked at (an exiting one cannot fork).
 *
 * Threads    None.
 * Source     proc_pid_stat(5), field "flags"; include/linux/sched.h, PF_EXITING
 * Tests      tests/process/test-sandboxd.py
 */
#pragma once

#include "l2-kernel/cage-cgroup.h"

#include <stdbool.h>

/*
 * False also when it cannot be known: no cgroups, more threads than are looked at, a file that
 * cannot be read. Then the end of the cage itself is what counts.
 */
bool cage_has_halted(const struct cage_cgroups *groups, const struct cage_cgroup *cgroup);
