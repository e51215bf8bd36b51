/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * claw-toolwork - the program inside every cage: serves tool calls on descriptor 3.
 *
 * It starts when the cage is closed around it, holds no right, and parses anything. Contract:
 * spec/toolwork.md.
 */
#include "base/cleanup.h"
#include "base/dir.h"
#include "l5-wasm/serve.h"

#include <getopt.h>

enum { STREAM_FD = 3 };

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "workspace", required_argument, NULL, 'w' },
		{ 0 },
	};
	const char *workspace = "/workspace";
	struct error err = { 0 };
	auto_fd int workspace_fd = -1;
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) >= 0) {
		if (option != 'w')
			return EXIT_FAILURE;
		workspace = optarg;
	}
	if (optind < argc || fcntl(STREAM_FD, F_SETFD, FD_CLOEXEC) < 0) {
		(void)fprintf(stderr, "<3>claw-toolwork serves a stream on descriptor 3 and takes "
				      "no arguments\n");
		return EXIT_FAILURE;
	}
	workspace_fd = dir_open_configured(workspace, O_RDONLY | O_DIRECTORY, 0);
	if (workspace_fd < 0) {
		(void)fprintf(stderr, "<3>cannot open %s: %s\n", workspace,
			      strerror(-workspace_fd));
		return EXIT_FAILURE;
	}
	if (serve(STREAM_FD, workspace_fd, &err) < 0) {
		(void)fprintf(stderr, "<3>%s\n", err.text);
		return EXIT_FAILURE;
	}
	return EXIT_SUCCESS;
}
