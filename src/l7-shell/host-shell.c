/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l7-shell/host-shell.h"

#include "base/cleanup.h"

#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const shells[] = { "/bin/bash", "/usr/bin/bash", "/bin/dash", "/usr/bin/dash",
				      "/bin/sh" };

const char *host_shell_find(void)
{
	for (size_t i = 0; i < sizeof(shells) / sizeof(shells[0]); i++)
		if (faccessat(AT_FDCWD, shells[i], X_OK, AT_EACCESS) == 0)
			return shells[i];
	return NULL;
}

bool host_shell_is_bash(const char *path)
{
	const char *slash = strrchr(path, '/');

	return strcmp(slash ? slash + 1 : path, "bash") == 0;
}

static size_t count(const char *const *rest)
{
	size_t n = 0;

	while (rest && rest[n])
		n++;
	return n;
}

/* What this program did to its signals is not the shell's. */
static void give_signals_back(void)
{
	const struct sigaction usual = { .sa_handler = SIG_DFL };
	sigset_t none;

	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL); /* cannot fail with a valid set */
	(void)sigaction(SIGPIPE, &usual, NULL);
}

int host_shell_become(const struct host_shell_call *call, struct error *err)
{
	enum { OWN_ARGS = 5 }; /* name, -i, -s, -c and its text */
	const char *path = host_shell_find(), *name;
	size_t n = 0, n_rest = count(call->rest);
	auto_free const char **argv = calloc(n_rest + OWN_ARGS + 1, sizeof(*argv));

	if (!path)
		return FAIL(err, -ENOENT,
			    "this host has no shell: none of /bin/bash, /bin/dash, /bin/sh");
	if (!argv)
		return FAIL(err, -ENOMEM, "out of memory");
	name = strrchr(path, '/') + 1;
	if (call->login) /* the mark of a login shell that all of them know */
		name = host_shell_is_bash(path) ? "-bash" : "-sh";
	argv[n++] = name;
	if (call->interactive)
		argv[n++] = "-i";
	if (call->from_stdin)
		argv[n++] = "-s";
	if (call->command) {
		argv[n++] = "-c";
		argv[n++] = call->command;
	}
	for (size_t i = 0; i < n_rest; i++)
		argv[n++] = call->rest[i];
	give_signals_back();
	(void)execve(path, (char *const *)(uintptr_t)argv, environ);
	return FAIL(err, -errno, "%s: %s", path, strerror(errno));
}
