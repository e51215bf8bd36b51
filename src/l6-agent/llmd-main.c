/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* claw-llmd - the local model: weights, prompts and grammars, no network, no other file (L6). */
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/config.h"
#include "base/dir.h"
#include "base/log.h"
#include "base/number.h"
#include "l6-agent/llm-processor.h"
#include "l6-agent/llm-serve.h"

#include <getopt.h>
#include <string.h>

#include <llama-build.h>

enum { AGENT_UID = 64801, CONF_BYTES_MAX = 64 * 1024, CONNECTIONS_MAX = 64, BATCH_TOKENS = 64 };

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

struct paths {
	const char *conf, *state, *model;
	uint64_t owner;
};

static int parse_options(int argc, char **argv, struct paths *ret, struct error *err)
{
	static const struct option options[] = {
		{ "conf", required_argument, NULL, 'c' },
		{ "state", required_argument, NULL, 's' },
		{ "model", required_argument, NULL, 'm' },
		{ "owner", required_argument, NULL, 'o' },
		{ "run", required_argument, NULL, 'i' },
		{ "share", required_argument, NULL, 'i' },
		{},
	};
	int c, r = 0;

	while ((c = getopt_long(argc, argv, "", options, NULL)) >= 0 && r >= 0) {
		if (c == 'c')
			ret->conf = optarg;
		else if (c == 's')
			ret->state = optarg;
		else if (c == 'm')
			ret->model = optarg;
		else if (c == 'o')
			r = number_parse_u64(optarg, 0, UINT32_MAX - 1, &ret->owner);
		else if (c != 'i') /* it reaches no socket and reads no table */
			r = -EINVAL;
	}
	if (r < 0 || optind != argc)
		return FAIL(err, -EINVAL,
			    "usage: claw-llmd [--conf FILE] [--state DIR] [--model FILE] "
			    "[--owner UID]");
	return 0;
}

static int load_settings(const char *conf, struct settings *ret, struct error *err)
{
	auto_fd int fd = dir_open_configured(conf, O_RDONLY, 0);
	auto_buf struct buf text = BUF(CONF_BYTES_MAX);
	int r = fd < 0 ? fd : dir_read_fd(fd, &text);

	if (r < 0)
		return FAIL(err, r, "%s: %s", conf, strerror(-r));
	return config_load(&table, conf, buf_string(&text), ret, err);
}

static int serve(const struct paths *paths, const struct settings *settings, struct error *err)
{
	const uid_t uids[] = { AGENT_UID, (uid_t)paths->owner };
	const struct service_peers peers = { uids, 2, CONNECTIONS_MAX, CONNECTIONS_MAX };
	auto_fd int state_fd = dir_open_configured(paths->state, O_RDONLY | O_DIRECTORY, 0);
	struct llm_server_options options = {
		.peers = &peers,
		.model_path = paths->model,
		.state_fd = state_fd,
		.context_tokens = (uint32_t)settings->context_tokens,
		.batch_tokens = BATCH_TOKENS,
		.threads = (uint32_t)settings->threads,
		.idle_us = settings->idle_seconds * CLOCK_SECOND_US,
	};
	struct llm_server *server = NULL;
	int r;

	if (state_fd < 0)
		return FAIL(err, state_fd, "state folder %s: %s", paths->state,
			    strerror(-state_fd));
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

int main(int argc, char **argv)
{
	struct paths paths = { "/clawos/conf", "/clawos/state", "/clawos/model.gguf", 0 };
	struct settings settings = {};
	struct error err = {};
	int r = parse_options(argc, argv, &paths, &err);

	if (r >= 0)
		r = llm_processor_check(LLAMA_CPU_LEVEL, &err);
	if (r >= 0)
		r = load_settings(paths.conf, &settings, &err);
	if (r >= 0)
		r = serve(&paths, &settings, &err);
	if (r < 0)
		log_error("claw-llmd: %s", err.text);
	return r < 0 ? 1 : r;
}
