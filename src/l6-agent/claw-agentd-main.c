/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* claw-agentd - the heart: journal, threads, turns; no network, no secret, no workspace (L6). */
#include "base/cleanup.h"
#include "base/dir.h"
#include "base/log.h"
#include "base/number.h"
#include "l6-agent/agentd-service.h"
#include "l6-agent/front.h"
#include "l6-agent/recover.h"

#include <getopt.h>
#include <string.h>

enum { CONF_BYTES_MAX = 64 * 1024 };

struct paths {
	const char *conf, *state, *run;
	uint64_t owner;
};

static int parse_options(int argc, char **argv, struct paths *ret, struct error *err)
{
	static const struct option options[] = {
		{ "conf", required_argument, NULL, 'c' },
		{ "state", required_argument, NULL, 's' },
		{ "run", required_argument, NULL, 'r' },
		{ "share", required_argument, NULL, 'i' }, /* its tables are compiled in */
		{ "owner", required_argument, NULL, 'o' },
		{ 0 },
	};
	int c, r = 0;

	while ((c = getopt_long(argc, argv, "", options, NULL)) >= 0 && r >= 0) {
		if (c == 'c')
			ret->conf = optarg;
		else if (c == 's')
			ret->state = optarg;
		else if (c == 'r')
			ret->run = optarg;
		else if (c == 'o')
			r = number_parse_u64(optarg, 0, UINT32_MAX - 1, &ret->owner);
		else if (c != 'i')
			r = -EINVAL;
	}
	if (r < 0 || optind != argc)
		return FAIL(err, -EINVAL,
			    "usage: claw-agentd [--conf FILE] [--state DIR] [--run DIR] "
			    "[--owner UID]");
	return 0;
}

static int load_config(const char *conf, struct agentd_config *ret, struct error *err)
{
	auto_fd int fd = dir_open_configured(conf, O_RDONLY, 0);
	auto_buf struct buf text = BUF(CONF_BYTES_MAX);
	int r = fd < 0 ? fd : dir_read_fd(fd, &text);

	if (r < 0)
		return FAIL(err, r, "%s: %s", conf, strerror(-r));
	r = config_load(&agentd_config_table, conf, buf_string(&text), ret, err);
	if (r < 0)
		return r;
	return agentd_config_settle_zone(ret, err);
}

static int open_folder(const char *path, struct error *err)
{
	int fd = dir_open_configured(path, O_RDONLY | O_DIRECTORY, 0);

	return fd < 0 ? FAIL(err, fd, "%s: %s", path, strerror(-fd)) : fd;
}

static int serve(struct agent *agent, const struct paths *paths, struct error *err)
{
	__attribute__((cleanup(sd_varlink_server_unrefp))) sd_varlink_server *server = NULL;
	auto_fd int state_fd = open_folder(paths->state, err);
	auto_fd int run_fd = state_fd < 0 ? state_fd : open_folder(paths->run, err);
	int r = run_fd < 0 ? run_fd : agent_open(agent, state_fd, run_fd, err);

	if (r >= 0)
		r = agentd_serve(agent, &server, err);
	if (r >= 0)
		r = recover_turns(agent, err);
	if (r > 0)
		log_notice("took up %d turns that were open", r);
	if (r >= 0) {
		front_prepare(agent);
		r = service_run(agent->service, err);
	}
	agent->is_stopping = true;
	agent_close(agent);
	return r;
}

int main(int argc, char **argv)
{
	struct paths paths = { "/clawos/conf", "/clawos/state", "/clawos/run", 0 };
	struct agentd_config config = { 0 };
	struct agent agent = { .config = &config };
	struct error err = { 0 };
	int r = parse_options(argc, argv, &paths, &err);

	if (r >= 0)
		r = load_config(paths.conf, &config, &err);
	if (r >= 0)
		r = service_open(&agent.service, &err);
	if (r >= 0) {
		agent.event = service_event(agent.service);
		agent.owner = (uid_t)paths.owner;
		agent.format = agent_format(config.provider.backend);
		r = serve(&agent, &paths, &err);
	}
	service_close(agent.service);
	config_free(&agentd_config_table, &config);
	if (r < 0)
		log_error("claw-agentd: %s", err.text);
	return r < 0 ? 1 : r;
}
