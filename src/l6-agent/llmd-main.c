/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* claw-llmd - the local model: weights, prompts and grammars, no network, no other file (L6). */
#include "base/cleanup.h"
#include "base/daemon-options.h"
#include "base/dir.h"
#include "base/log.h"
#include "l6-agent/llm-config.h"
#include "l6-agent/llm-processor.h"
#include "l6-agent/llm-serve.h"

#include <signal.h>
#include <string.h>

#include <llama-build.h>

/* The two paths that only claw-llmd has. */
struct places {
	const char *model, *prefixes;
};

static int serve(const struct daemon_options *daemon, const struct places *places,
		 const struct llm_limits *limits, struct error *err)
{
	const uid_t uids[] = { daemon->agent, daemon->owner };
	const unsigned most = (unsigned)limits->connections, kept = most / 4; /* not for one uid */
	const struct service_peers peers = { .uids = uids,
					     .n_uids = 2,
					     .connections_max = most,
					     .connections_per_uid_max = most - kept };
	auto_fd int state_fd = dir_open_configured(daemon->state, O_RDONLY | O_DIRECTORY, 0);
	auto_fd int shared_fd = dir_open_configured(places->prefixes, O_RDONLY | O_DIRECTORY, 0);
	struct llm_server_options options = {
		.peers = &peers,
		.limits = limits,
		.model_path = places->model,
		.state_fd = state_fd,
		.shared_fd = shared_fd, /* there need not be one */
	};
	const struct sigaction ignore = { .sa_handler = SIG_IGN };
	struct llm_server *server = NULL;
	int r;

	if (state_fd < 0)
		return FAIL(err, state_fd, "state folder %s: %s", daemon->state,
			    strerror(-state_fd));
	if (sigaction(SIGPIPE, &ignore, NULL) < 0) /* a reader that goes is an error of its call */
		return FAIL(err, -errno, "SIGPIPE cannot be ignored");
	r = service_open(&options.service, err);
	if (r < 0)
		return r;
	r = llm_server_new(&options, &server, err);
	if (r >= 0)
		r = service_run(options.service, err);
	llm_server_free(server);
	service_close(options.service);
	return r;
}

int main(int argc __attribute__((unused)), char **argv)
{
	struct daemon_options options = DAEMON_OPTIONS_DEFAULT;
	struct places places = { "/clawos/model.gguf", "/clawos/prefixes" };
	const struct daemon_option more[] = { { "model", &places.model },
					      { "prefixes", &places.prefixes } };
	struct llm_limits limits = {};
	struct error err = {};
	int r = daemon_options_parse(argv, more, 2, &options, &err);

	if (r >= 0)
		r = llm_processor_check(LLAMA_CPU_LEVEL, &err);
	if (r >= 0)
		r = daemon_config_load(&llm_config_table, options.conf, &limits, &err);
	if (r >= 0)
		r = serve(&options, &places, &limits, &err);
	if (r < 0)
		log_error("claw-llmd: %s", err.text);
	return r < 0 ? 1 : r;
}
