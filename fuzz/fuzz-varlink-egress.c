/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * Target   the methods of io.clawos.Egress, from the bytes of a connection on.
 * Property every answer is a JSON object, the daemon goes on and answers the next.
 * Input    first byte: 1 with a body and a pipe beside the message.
 * Corpus   fuzz/corpus/varlink-egress/
 */
#include "base/config.h"
#include "base/dir.h"
#include "l6-agent/egress-config.h"
#include "l6-agent/egress.h"
#include "varlink-peer.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

enum { SAID_MAX = 4096 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct egress_settings settings;
static struct egress egress = { .settings = &settings };
static sd_varlink_server *server;

static void must(int r)
{
	if (r < 0)
		abort();
}

static void start(void)
{
	struct error err = { 0 };
	int folder_fd = varlink_peer_folder();
	bool is_lost;

	must(folder_fd);
	must(config_load(&egress_config_table, "fuzz", "[provider]\nbackend = local\n", &settings,
			 &err));
	egress.service = varlink_peer_service("egress");
	egress.agent = egress.owner = getuid();
	must(provider_chain_open(&settings.provider, &egress.chain, &err));
	must(egress_provider_init(&egress, 0, NULL, &err));
	must(egress_rules_open(folder_fd, NULL, settings.limits.rules, &egress.rules, &err));
	must(egress_log_open(folder_fd, settings.limits.log_bytes, &egress.log, &err));
	must(egress_ledger_open(folder_fd, &egress.ledger, &err));
	must(egress_questions_open(folder_fd, settings.limits.questions,
				   settings.limits.question_seconds, &egress.questions, &is_lost));
	must(http_new(service_event(egress.service), &egress.http, &err));
	must(egress_serve(&egress, &server, &err));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2 || size > SAID_MAX)
		return 0;
	if (!server)
		start();
	varlink_peer_say(egress.service, (const char *)data + 1, size - 1, data[0] & 1);
	return 0;
}
