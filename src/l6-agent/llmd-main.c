/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* claw-llmd - the local model: weights, prompts and grammars, no network, no other file (L6). */
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/daemon-options.h"
#include "base/dir.h"
#include "base/log.h"
#include "l6-agent/llm-processor.h"
#include "l6-agent/llm-serve.h"

#include <signal.h>
#include <string.h>

#include <llama-build.h>

enum { CONNECTIONS_MAX = 64, BATCH_TOKENS = 64 };

struct settings {
	uint64_t context_tokens, threads, idle_seconds;
};

static const struct config_item items[] = {
	{ "llm", "context_tokens", CONFIG_NUMBER, offsetof(struct settings, context_tokens), "4096",
	  512, 131072, NULL, NULL, "Tokens a prompt and its answer may have together." },
	{ "llm", "threads", CONFIG_NUMBER, offsetof(struct settings, threads), "1", 1, 64, NULL,
	  NULL, "Threads that compute; more than one is slower on a machine with other work." },
	{ "llm", "idle_seconds", CONFIG_NUMBER, offsetof(struct settings, idle_seconds), "300", 1,
	  86400, NULL, NULL, "Seconds without a call after which the model leaves memory." },
};
static const struct config_table table = { items, sizeof(items) / sizeof(items[0]), NULL };

static int serve(const struct daemon_options *daemon, const char *model,
		 const struct settings *settings, struct error *err)
{
	const uid_t uids[] = { daemon->agent, daemon->owner };
	const struct service_peers peers = { uids, 2, CONNECTIONS_MAX, CONNECTIONS_MAX };
	auto_fd int state_fd = dir_open_configured(daemon->state, O_RDONLY | O_DIRECTORY, 0);
	struct llm_server_options options = {
		.peers = &peers,
		.model_path = model,
		.state_fd = state_fd,
		.context_tokens = (uint32_t)settings->context_tokens,
		.batch_tokens = BATCH_TOKENS,
		.threads = (uint32_t)settings->threads,
		.idle_us = settings->idle_seconds * CLOCK_SECOND_US,
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
	const char *model = "/clawos/model.gguf";
	const struct daemon_option more[] = { { "model", &model } };
	struct settings settings = {};
	struct error err = {};
	int r = daemon_options_parse(argv, more, 1, &options, &err);

	if (r >= 0)
		r = llm_processor_check(LLAMA_CPU_LEVEL, &err);
	if (r >= 0)
		r = daemon_config_load(&table, options.conf, &settings, &err);
	if (r >= 0)
		r = serve(&options, model, &settings, &err);
	if (r < 0)
		log_error("claw-llmd: %s", err.text);
	return r < 0 ? 1 : r;
}
