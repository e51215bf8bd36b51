/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * namespaces - which namespaces a process is in, as numbers that can be compared (L2).
 *
 * A cage that shares one still refuses most of what the self-test tries, because other layers do;
 * so claw-cageprobe tells its own numbers and claw-sandboxd compares them with its own.
 *
 * Errors     -errno: /proc shows no namespaces. What cannot be read proves nothing.
 * Tests      tests/process/test-cage.py
 */
#pragma once

#include <stdint.h>

enum { NAMESPACES_N = 7 };

/* user, pid, mnt, net, ipc, uts, cgroup: as in /proc/PID/ns */
extern const char *const namespace_names[NAMESPACES_N];

/* The calling process's, in the order of the names; no two live ones of a kind have one number. */
int namespaces_read(uint64_t ret[NAMESPACES_N]);
