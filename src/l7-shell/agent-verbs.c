/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l7-shell/agent-verbs.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/dir.h"
#include "l7-shell/command.h"
#include "l7-shell/conf-edit.h"
#include "l7-shell/report.h"
#include "l7-shell/up-internal.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NAME_COLUMNS = 16, STATE_COLUMNS = 8 };

/* The folder of all agents but default, locked: one change at a time. */
static int open_agents(struct shell *shell, struct error *err)
{
	auto_fd int fd = -1;

	if (mkdirat(shell->state_fd, "agents", 0700) < 0 && errno != EEXIST)
		return FAIL(err, -errno, "%s/agents: %m", shell->paths.state);
	fd = dir_open_nolink(shell->state_fd, "agents", O_RDONLY | O_DIRECTORY, 0);
	if (fd < 0)
		return FAIL(err, fd, "%s/agents: %s", shell->paths.state, strerror(-fd));
	if (flock(fd, LOCK_EX) < 0)
		return FAIL(err, -errno, "%s/agents: %m", shell->paths.state);
	return take_fd(&fd);
}

static int by_number(const void *a, const void *b)
{
	const struct up_agent *left = a, *right = b;

	return (left->number > right->number) - (left->number < right->number);
}

struct agents {
	struct up_agent rows[UP_AGENTS_MAX + 1];
	size_t n;
};

/* A folder without the file is one whose making was broken off: no agent. */
static int add_agent(int agents_fd, const char *name, struct agents *ret, struct error *err)
{
	auto_fd int fd = dir_open_nolink(agents_fd, name, O_RDONLY | O_DIRECTORY, 0);
	int r;

	if (fd < 0 || ret->n == UP_AGENTS_MAX + 1)
		return 0;
	r = up_agent_read(fd, &ret->rows[ret->n], err);
	if (r == -ENOENT) {
		*err = (struct error){ 0 };
		return 0;
	}
	if (r >= 0 && strcmp(ret->rows[ret->n].name, name) != 0)
		return FAIL(err, -EBADMSG, "agents/%s says that it is %s", name,
			    ret->rows[ret->n].name);
	ret->n += r >= 0;
	return r;
}

/* default first, the others as they were made. */
static int read_agents(int agents_fd, struct agents *ret, struct error *err)
{
	int copy = fcntl(agents_fd, F_DUPFD_CLOEXEC, 0);
	DIR *folder = copy < 0 ? NULL : fdopendir(copy);
	int r = 0;

	*ret = (struct agents){ .rows = { { .name = UP_AGENT_DEFAULT } }, .n = 1 };
	if (!folder) {
		r = FAIL(err, -errno, "agents: %m");
		close_fd(&copy);
		return r;
	}
	rewinddir(folder);
	for (struct dirent *entry; r >= 0 && (entry = readdir(folder));)
		if (!*up_agent_name_problem(entry->d_name))
			r = add_agent(agents_fd, entry->d_name, ret, err);
	(void)closedir(folder); /* only read */
	qsort(ret->rows, ret->n, sizeof(ret->rows[0]), by_number);
	return r;
}

static int find_paths(struct shell *shell, const char *name, struct up_paths *ret,
		      struct error *err)
{
	if (strcmp(name, UP_AGENT_DEFAULT) == 0)
		return up_paths_find(shell->paths.state, ret, err);
	return up_agent_find(&shell->paths, name, ret, err);
}

static bool is_running(int state_fd)
{
	auto_fd int run_fd = dir_open_nolink(state_fd, "run", O_RDONLY | O_DIRECTORY, 0);
	auto_fd int fd = run_fd < 0 ? run_fd : up_socket_connect(run_fd, "up", SOCK_STREAM, NULL);

	return fd >= 0;
}

static int load_conf(int state_fd, struct buf *text, struct up_config *ret, struct error *err)
{
	int r = dir_read(state_fd, "clawos.conf", text);

	if (r < 0 && r != -ENOENT)
		return FAIL(err, r, "clawos.conf: %s", strerror(-r));
	return up_config_load(buf_string(text), getenv, ret, err);
}

static const char *or_words(const char *value, const char *words)
{
	return value ? value : words;
}

static void tell_row(struct screen *out, const struct up_agent *agent, bool running,
		     const struct up_config *config)
{
	report_cell(out, STYLE_BOLD, agent->name, NAME_COLUMNS);
	report_cell(out, running ? STYLE_GOOD : STYLE_DIM, running ? "running" : "stopped",
		    STATE_COLUMNS);
	screen_own(out, STYLE_PLAIN, "uid %u  ",
		   (unsigned)up_agent_uid(agent, up_rows[up_rows_count - 1].uid));
	screen_foreign(out, STYLE_PLAIN,
		       or_words(up_config_get(config, "provider", "backend"), "local"), 0);
	screen_own(out, STYLE_PLAIN, " ");
	screen_foreign(out, STYLE_PLAIN, or_words(up_config_get(config, "provider", "model"), ""),
		       0);
	screen_own(out, STYLE_PLAIN, "\n");
}

static int tell(struct shell *shell, const struct up_agent *agent, bool in_full, struct error *err)
{
	CLEANUP(up_paths_free) struct up_paths paths = { 0 };
	CLEANUP(up_config_free) struct up_config config = { 0 };
	auto_buf struct buf text = BUF(UP_CONFIG_MAX);
	auto_fd int state_fd = -1;
	const struct {
		const char *label, *value;
	} lines[] = { { "state", NULL },
		      { "documents, memory", "fs" },
		      { "threads, jobs", "journal" },
		      { "workspace", "workspace" } };
	int r = find_paths(shell, agent->name, &paths, err);

	if (r < 0)
		return r;
	state_fd = dir_open_configured(paths.state, O_RDONLY | O_DIRECTORY, 0);
	r = state_fd < 0 ? FAIL(err, state_fd, "%s: %s", paths.state, strerror(-state_fd))
			 : load_conf(state_fd, &text, &config, err);
	if (r < 0)
		return r;
	tell_row(&shell->out, agent, is_running(state_fd), &config);
	for (size_t i = 0; in_full && i < sizeof(lines) / sizeof(lines[0]); i++) {
		screen_own(&shell->out, STYLE_DIM, "  %-18s ", lines[i].label);
		screen_foreign(&shell->out, STYLE_PLAIN, paths.state, 0);
		screen_own(&shell->out, STYLE_PLAIN, "%s%s\n", lines[i].value ? "/" : "",
			   or_words(lines[i].value, ""));
	}
	if (in_full) {
		screen_own(&shell->out, STYLE_DIM, "  %-18s ", "tools");
		screen_foreign(&shell->out, STYLE_PLAIN,
			       or_words(up_config_get(&config, "agent", "tools"), "all"), 0);
		screen_own(&shell->out, STYLE_PLAIN, "\n");
	}
	return 0;
}

static const struct up_agent *find(const struct agents *agents, const char *name)
{
	for (size_t i = 0; i < agents->n; i++)
		if (strcmp(agents->rows[i].name, name) == 0)
			return &agents->rows[i];
	return NULL;
}

static int run_list(struct shell *shell, const char *name, struct error *err)
{
	struct agents agents;
	auto_fd int agents_fd = open_agents(shell, err);
	int r = agents_fd < 0 ? agents_fd : read_agents(agents_fd, &agents, err);

	(void)name;
	for (size_t i = 0; r >= 0 && i < agents.n; i++)
		r = tell(shell, &agents.rows[i], false, err);
	return r;
}

static int no_agent(const char *name, struct error *err)
{
	return FAIL(err, -ENOENT, "there is no agent \"%.64s\"; claw agent list names them", name);
}

static int run_show(struct shell *shell, const char *name, struct error *err)
{
	const struct up_agent *agent;
	struct agents agents;
	auto_fd int agents_fd = open_agents(shell, err);
	int r = agents_fd < 0 ? agents_fd : read_agents(agents_fd, &agents, err);

	if (r < 0)
		return r;
	agent = find(&agents, name ? name : UP_AGENT_DEFAULT);
	return agent ? tell(shell, agent, true, err) : no_agent(name, err);
}

static bool has_number(const struct agents *agents, unsigned number)
{
	for (size_t i = 0; i < agents->n; i++)
		if (agents->rows[i].number == number)
			return true;
	return false;
}

/* default's configuration, under the new name; a key file is found from there as well. */
static int make_conf(struct shell *shell, const char *name, struct buf *text, struct error *err)
{
	CLEANUP(up_config_free) struct up_config config = { 0 };
	char path[PATH_MAX];
	const char *key_file;
	int r = load_conf(shell->state_fd, text, &config, err);

	if (r < 0)
		return r;
	key_file = up_config_get(&config, "provider", "key_file");
	if (key_file && *key_file != '/') {
		if (snprintf(path, sizeof(path), "%s/%s", shell->paths.state, key_file) >=
		    (int)sizeof(path))
			return FAIL(err, -ENAMETOOLONG, "provider.key_file: the path is too long");
		r = conf_edit_set(text, "provider", "key_file", path);
	}
	if (r >= 0)
		r = conf_edit_set(text, "agent", "name", name);
	return r < 0 ? FAIL(err, r, "the agent's configuration: %s", strerror(-r)) : 0;
}

/* The file `agent` comes last: before it there is no agent, and the same call goes on. */
static int make_state(struct shell *shell, int agents_fd, const struct up_agent *agent,
		      struct error *err)
{
	auto_buf struct buf conf = BUF(UP_CONFIG_MAX);
	auto_fd int fd = -1;
	int r;

	if (mkdirat(agents_fd, agent->name, 0700) < 0 && errno != EEXIST)
		return FAIL(err, -errno, "agents/%s: %m", agent->name);
	fd = dir_open_nolink(agents_fd, agent->name, O_RDONLY | O_DIRECTORY, 0);
	if (fd < 0)
		return FAIL(err, fd, "agents/%s: %s", agent->name, strerror(-fd));
	r = make_conf(shell, agent->name, &conf, err);
	if (r < 0)
		return r;
	r = dir_replace(fd, "clawos.conf", buf_string(&conf), conf.length, 0600);
	if (r < 0)
		return FAIL(err, r, "agents/%s/clawos.conf: %s", agent->name, strerror(-r));
	if (shell->paths.bin && shell->paths.base && shell->paths.share)
		r = up_paths_keep(&shell->paths, fd, err);
	return r < 0 ? r : up_agent_write(fd, agent, err);
}

static int run_new(struct shell *shell, const char *name, struct error *err)
{
	struct up_agent agent = { .number = 1 };
	struct agents agents;
	auto_fd int agents_fd = -1;
	int r;

	if (!name || *up_agent_name_problem(name))
		return FAIL(err, COMMAND_USAGE, "%s", up_agent_name_problem(name ? name : ""));
	agents_fd = open_agents(shell, err);
	r = agents_fd < 0 ? agents_fd : read_agents(agents_fd, &agents, err);
	if (r < 0)
		return r;
	if (find(&agents, name))
		return FAIL(err, -EEXIST, "there is an agent %s already", name);
	while (has_number(&agents, agent.number))
		agent.number++;
	if (agent.number > UP_AGENTS_MAX)
		return FAIL(err, -EDQUOT, "there are %d agents already, which is the limit",
			    UP_AGENTS_MAX);
	(void)snprintf(agent.name, sizeof(agent.name), "%s", name); /* fits: it was checked */
	r = make_state(shell, agents_fd, &agent, err);
	if (r >= 0)
		screen_own(&shell->out, STYLE_PLAIN,
			   "made %s; claw --agent %s talks to it, its state is %s/agents/%s\n",
			   agent.name, agent.name, shell->paths.state, agent.name);
	return r;
}

/* Out of sight, and not destroyed: what it knew and wrote can be had back. */
static int set_aside(struct shell *shell, int agents_fd, const char *name, char ret[PATH_MAX],
		     struct error *err)
{
	auto_fd int removed_fd = -1;

	if (mkdirat(shell->state_fd, "removed", 0700) < 0 && errno != EEXIST)
		return FAIL(err, -errno, "%s/removed: %m", shell->paths.state);
	removed_fd = dir_open_nolink(shell->state_fd, "removed", O_RDONLY | O_DIRECTORY, 0);
	if (removed_fd < 0)
		return FAIL(err, removed_fd, "%s/removed: %s", shell->paths.state,
			    strerror(-removed_fd));
	(void)snprintf(ret, PATH_MAX, "%s-%llu", name,
		       (unsigned long long)clock_realtime_us()); /* fits */
	if (renameat(agents_fd, name, removed_fd, ret) < 0)
		return FAIL(err, -errno, "agents/%s: %m", name);
	return 0;
}

static int check_idle(const struct up_paths *paths, struct error *err)
{
	auto_fd int state_fd = dir_open_configured(paths->state, O_RDONLY | O_DIRECTORY, 0);
	auto_fd int run_fd = -1;

	if (state_fd < 0 || !is_running(state_fd))
		return 0;
	run_fd = dir_open_nolink(state_fd, "run", O_RDONLY | O_DIRECTORY, 0);
	return run_fd < 0 ? FAIL(err, run_fd, "%s/run: %s", paths->state, strerror(-run_fd))
			  : up_check_idle(run_fd, err);
}

/* Where nobody finds it any more, so that nobody starts it again. */
static int stop_aside(struct shell *shell, struct up_paths *paths, const char *aside,
		      struct error *err)
{
	auto_buf struct buf state = BUF(PATH_MAX);
	bool was_running;
	int r = buf_printf(&state, "%s/removed/%s", shell->paths.state, aside);

	if (r < 0)
		return FAIL(err, r, "the path of the removed agent: %s", strerror(-r));
	free(paths->state);
	paths->state = buf_take(&state);
	return up_stop(paths, &was_running, err);
}

static int run_rm(struct shell *shell, const char *name, struct error *err)
{
	CLEANUP(up_paths_free) struct up_paths paths = { 0 };
	auto_fd int agents_fd = -1;
	char aside[PATH_MAX];
	int r;

	if (!name || strcmp(name, UP_AGENT_DEFAULT) == 0)
		return FAIL(err, COMMAND_USAGE, "%s",
			    name ? "default cannot be removed" : "agent rm takes a name");
	agents_fd = open_agents(shell, err);
	r = agents_fd < 0 ? agents_fd : find_paths(shell, name, &paths, err);
	if (r < 0)
		return r;
	r = check_idle(&paths, err);
	if (r >= 0)
		r = set_aside(shell, agents_fd, name, aside, err);
	if (r >= 0)
		r = stop_aside(shell, &paths, aside, err);
	if (r >= 0)
		screen_own(&shell->out, STYLE_PLAIN,
			   "removed %s; what it knew lies in %s/removed/%s until you delete it\n",
			   name, shell->paths.state, aside);
	return r;
}

int agent_verb(struct shell *shell, const char *const args[], struct error *err)
{
	static const struct {
		const char *name;
		int (*run)(struct shell *shell, const char *name, struct error *err);
	} verbs[] = {
		{ "list", run_list }, { "show", run_show }, { "new", run_new }, { "rm", run_rm }
	};

	if (shell->options->agent)
		return FAIL(err, COMMAND_USAGE,
			    "claw agent is about all agents: leave --agent out");
	if (!args[0])
		return run_list(shell, NULL, err);
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (strcmp(args[0], verbs[i].name) == 0)
			return verbs[i].run(shell, args[1], err);
	return FAIL(err, COMMAND_USAGE, "agent %s: it is list, show, new or rm", args[0]);
}
