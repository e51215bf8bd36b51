/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * Target   the methods of io.clawos.Agent, from the bytes of a connection on; the daemons behind it
 *          are gone.
 * Property every answer is a JSON object, the daemon goes on and answers the next; after a number
 * of inputs its journal opens again. Input    first byte: 1 with a body and a pipe beside the
 * message. Corpus   fuzz/corpus/varlink-agent/
 */
#include "base/config.h"
#include "base/dir.h"
#include "l6-agent/agentd-service.h"
#include "l6-agent/recover.h"
#include "varlink-peer.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { SAID_MAX = 4096, INPUTS_OF_ONE_JOURNAL = 500, INPUTS_OF_ONE_START = 100 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct agentd_config config;
static struct agent agent;
static struct service *service;
static sd_varlink_server *server;
static int folder_fd = -1;
static unsigned n_inputs;

static void must(int r, const struct error *err)
{
	if (r >= 0)
		return;
	(void)fprintf(stderr, "%s\n", err->text);
	abort();
}

/* One server for all: a process makes few of them. */
static void serve(void)
{
	struct error err = { 0 };

	service = varlink_peer_service("agent");
	must(config_load(&agentd_config_table, "fuzz",
			 "[provider]\nbackend = openai_compatible\nmodel = x\n", &config, &err),
	     &err);
	agent.service = service;
	agent.owner = getuid();
	must(agentd_serve(&agent, &server, &err), &err);
}

static void start(void)
{
	struct error err = { 0 };

	if (n_inputs % INPUTS_OF_ONE_JOURNAL == 0) {
		close_fd(&folder_fd);
		folder_fd = varlink_peer_folder();
		must(folder_fd, &err);
	}
	agent = (struct agent){ .config = &config, .owner = getuid(), .service = service };
	agent.event = service_event(service);
	agent.format = agent_format(&config.provider);
	must(agent_open(&agent, folder_fd, folder_fd, &err), &err);
	must(recover_turns(&agent, &err), &err);
}

static void stop(void)
{
	varlink_peer_leave(service);
	agent.is_stopping = true;
	agent_close(&agent);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2 || size > SAID_MAX)
		return 0;
	if (!server)
		serve();
	else if (n_inputs % INPUTS_OF_ONE_START == 0)
		stop();
	if (n_inputs % INPUTS_OF_ONE_START == 0)
		start();
	n_inputs++;
	varlink_peer_say(service, (const char *)data + 1, size - 1, data[0] & 1);
	return 0;
}
