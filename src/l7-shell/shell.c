/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l7-shell/shell.h"

#include "base/cleanup.h"
#include "base/dir.h"
#include "l7-shell/link.h"
#include "l7-shell/up-agent.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int find_paths(const struct options *options, struct up_paths *ret, struct error *err)
{
	CLEANUP(up_paths_free) struct up_paths of_default = { 0 };

	if (!options->agent || strcmp(options->agent, UP_AGENT_DEFAULT) == 0)
		return up_paths_find(options->state, ret, err);
	if (up_paths_find(options->state, &of_default, err) < 0)
		return err->code;
	return up_agent_find(&of_default, options->agent, ret, err);
}

/* For whom a screen is read aloud: by the option, or for good by the environment. */
static bool wants_lines(const struct options *options)
{
	const char *name = getenv("CLAWOS_SCREEN_READER");

	return options->screen_reader || (name && *name);
}

int shell_open(const struct options *options, struct shell *ret, struct error *err)
{
	struct shell shell = { .options = options, .state_fd = -1, .run_fd = -1 };
	int r = find_paths(options, &shell.paths, err);

	if (r < 0)
		return r;
	shell.state_fd = dir_open_configured(shell.paths.state, O_RDONLY | O_DIRECTORY, 0);
	r = shell.state_fd < 0
		    ? FAIL(err, shell.state_fd, "%s: %s", shell.paths.state,
			   strerror(-shell.state_fd))
		    : shell_set_thread(&shell, options->thread ? options->thread : "main", err);
	if (r < 0) {
		up_paths_free(&shell.paths);
		close_fd(&shell.state_fd);
		return r;
	}
	*ret = shell;
	screen_open(&ret->out, STDOUT_FILENO);
	screen_open(&ret->notes, STDERR_FILENO);
	if (wants_lines(options)) {
		screen_keep_plain(&ret->out);
		screen_keep_plain(&ret->notes);
	}
	return 0;
}

void shell_close(struct shell *shell)
{
	up_paths_free(&shell->paths);
	free(shell->thread);
	close_fd(&shell->state_fd);
	close_fd(&shell->run_fd);
	screen_close(&shell->out);
	screen_close(&shell->notes);
}

int shell_attach(struct shell *shell, struct error *err)
{
	int fd;

	if (shell->run_fd >= 0)
		return 0;
	fd = dir_open_nolink(shell->state_fd, "run", O_RDONLY | O_DIRECTORY, 0);
	if (fd < 0)
		return FAIL(err, fd, "%s/run: %s", shell->paths.state, strerror(-fd));
	shell->run_fd = fd;
	return 0;
}

int shell_connect(struct shell *shell, struct error *err)
{
	int r;

	if (shell->run_fd >= 0)
		return 0;
	r = up_ensure(&shell->paths, err);
	return r < 0 ? r : shell_attach(shell, err);
}

int shell_reconnect(struct shell *shell, struct error *err)
{
	close_fd(&shell->run_fd);
	shell->run_fd = -1;
	return shell_connect(shell, err);
}

void shell_explain(const struct shell *shell, struct error *err)
{
	auto_json sd_json_variant *reply = NULL;
	sd_json_variant *daemons;

	if (shell->run_fd < 0 || (err->code != -ECONNRESET && err->code != -ECONNREFUSED) ||
	    link_ask(shell->run_fd, "up", "io.clawos.Supervisor.Status", NULL, &reply, NULL) < 0)
		return;
	daemons = link_field(reply, "daemons");
	for (size_t i = 0;
	     daemons && sd_json_variant_is_array(daemons) && i < sd_json_variant_elements(daemons);
	     i++) {
		sd_json_variant *daemon = sd_json_variant_by_index(daemons, i);
		const char *state = link_string(daemon, "state");

		if (strcmp(state, "failed") != 0 && strcmp(state, "backing-off") != 0)
			continue;
		(void)FAIL(err, err->code, "%s does not start: %s", link_string(daemon, "name"),
			   link_string(daemon, "reason"));
		return;
	}
}

int shell_set_thread(struct shell *shell, const char *name, struct error *err)
{
	char *copy = strdup(name);

	if (!copy)
		return FAIL(err, -ENOMEM, "out of memory");
	free(shell->thread);
	shell->thread = copy;
	return 0;
}
