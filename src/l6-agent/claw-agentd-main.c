/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* claw-agentd - the heart: journal, threads, turns; no network, no secret, no workspace (L6). */
#include "base/cleanup.h"
#include "base/daemon-options.h"
#include "base/dir.h"
#include "base/log.h"
#include "base/trim.h"
#include "l6-agent/agentd-service.h"
#include "l6-agent/front.h"
#include "l6-agent/recover.h"

#include <string.h>

static int load_config(const char *conf, struct agentd_config *ret, struct error *err)
{
	int r = daemon_config_load(&agentd_config_table, conf, ret, err);

	return r < 0 ? r : agentd_config_settle_zone(ret, err);
}

static int open_folder(const char *path, struct error *err)
{
	int fd = dir_open_configured(path, O_RDONLY | O_DIRECTORY, 0);

	return fd < 0 ? FAIL(err, fd, "%s: %s", path, strerror(-fd)) : fd;
}

/* A snapshot from which this fails is not tried twice. */
static int recover(struct agent *agent, struct error *err)
{
	int r = recover_turns(agent, err);

	if (r < 0)
		journal_forget_snapshot(agent->journal);
	return r;
}

static int serve(struct agent *agent, const struct daemon_options *options, struct error *err)
{
	__attribute__((cleanup(sd_varlink_server_unrefp))) sd_varlink_server *server = NULL;
	auto_fd int state_fd = open_folder(options->state, err);
	auto_fd int run_fd = state_fd < 0 ? state_fd : open_folder(options->run, err);
	int r = run_fd < 0 ? run_fd : agent_open(agent, state_fd, run_fd, err);

	if (r >= 0)
		r = agentd_serve(agent, &server, err);
	if (r >= 0)
		r = recover(agent, err);
	if (r > 0)
		log_notice("took up %d turns that were open", r);
	if (r >= 0) {
		front_prepare(agent);
		r = service_run(agent->service, err);
		if (r == 0)
			journal_save(agent->journal);
	}
	agent->is_stopping = true;
	agent_close(agent);
	return r;
}

int main(int argc __attribute__((unused)), char **argv)
{
	struct daemon_options options = DAEMON_OPTIONS_DEFAULT;
	struct agentd_config config = { 0 };
	struct agent agent = { .config = &config };
	struct error err = { 0 };
	int r = daemon_options_parse(argv, NULL, 0, &options, &err);

	trim_large_blocks();
	if (r >= 0)
		r = load_config(options.conf, &config, &err);
	if (r >= 0)
		r = service_open(&agent.service, &err);
	if (r >= 0) {
		agent.event = service_event(agent.service);
		agent.owner = options.owner;
		agent.format = agent_format(&config.provider);
		r = provider_chain_open(&config.provider, &agent.chain, &err);
	}
	if (r >= 0) {
		r = serve(&agent, &options, &err);
		provider_chain_free(&agent.chain);
	}
	service_close(agent.service);
	config_free(&agentd_config_table, &config);
	if (r < 0)
		log_error("claw-agentd: %s", err.text);
	return r < 0 ? 1 : r;
}
