/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * host-shell - the POSIX shell of the host, which runs what a person commands (L7).
 *
 * bash when there is one, else dash, else whatever /bin/sh is. claw -c, -s and claw SCRIPT become
 * it (exec): with the person's rights and environment, without the system of ClawOS, which is
 * neither looked at nor started. So claw can stand in /etc/shells, and ssh, scp and rsync work.
 *
 * Errors     -ENOENT: the host has none of them; else -errno of execve(2).
 * Tests      tests/process/test-claw-login.py.
 */
#pragma once

#include "base/error.h"

#include <stdbool.h>

/* Its path; NULL: there is none. */
const char *host_shell_find(void);

/* True when the shell takes bash's options and has its builtins. */
bool host_shell_is_bash(const char *path);

struct host_shell_call {
	bool login, interactive, from_stdin;
	const char *command; /* -c; NULL: none */
	/* Script and arguments, or what follows -c's text; NULL-terminated; NULL: none. */
	const char *const *rest;
};

/* Becomes the shell; returns only when that fails. */
must_check int host_shell_become(const struct host_shell_call *call, struct error *err);
