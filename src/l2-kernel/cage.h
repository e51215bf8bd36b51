/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * cage - one cage: new namespaces, a root of its own, no rights, one program (L2).
 *
 * The program is process 1 of the cage's pid namespace: when it ends, or is killed, the kernel
 * kills all others, whatever session or group they made. It starts with descriptor 3 = the stream,
 * 0 to 2 = /dev/null and nothing else, in /workspace, with the environment of cage.c only.
 *
 * Ownership  cage_start() borrows stream_fd and view_fd.
 * Errors     The errno of the kernel; *ret_stage names the layer. Nothing runs after an error.
 * Tests      tests/process/test-cage.py
 */
#pragma once

#include "base/error.h"
#include "l2-kernel/cage-ground.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum cage_program { CAGE_TOOLWORK, CAGE_PROBE };

struct cage_options {
	enum launch_profile profile;
	enum cage_program program;
	int stream_fd, view_fd; /* view_fd: workspace_view() */
	bool writable;          /* the view is */
	bool names_sockets;     /* its programs may connect to sockets by name */
	uint32_t time_ms, memory_mib;
};

struct cage {
	pid_t pid;
	int pidfd;
	struct cage_cgroup cgroup; /* cage_cgroup_leave() when it was reaped */
	int failure_fd; /* cage_read_failure(); readable when the program runs or could not be run
			 */
};

/* Returns when the cage is being built; its own part goes on in its first process. */
must_check int cage_start(const struct cage_ground *ground, const struct cage_options *options,
			  struct cage *ret, enum launch_stage *ret_stage, struct error *err);

struct cage_failure {
	int32_t error; /* errno, positive */
	uint32_t stage;
	char text[LAUNCH_TEXT_BYTES];
};
enum cage_build { CAGE_BUILT, CAGE_FAILED };

/* Reads how building went: 0 with *ret_build, *ret only with CAGE_FAILED; -EAGAIN not known yet. */
must_check int cage_read_failure(int failure_fd, enum cage_build *ret_build,
				 struct cage_failure *ret);

struct cage_end {
	int status, term_signal;
	uint64_t cpu_us, maxrss_kib;
};

/* Collects the ended first process (pidfd is readable); -EAGAIN when it runs. */
must_check int cage_reap(int pidfd, struct cage_end *ret);
void cage_signal_kill(int pidfd);
