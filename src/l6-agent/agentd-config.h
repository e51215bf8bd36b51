/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * agentd-config - the keys of claw-agentd: [agent], and [provider] of which it reads backend,
 * model, stream (L6).
 *
 * Ownership  config_free(&agentd_config_table, config).
 */
#pragma once

#include "l6-agent/provider-config.h"

struct agentd_config {
	char *name, *zone, *tools;
	uint64_t max_iterations, loop_rounds, question_timeout_s, turn_timeout_s;
	uint64_t threads_max, queue_max, turns_max, exchanges_max, message_kib, conversation_kib,
		segment_mib;
	uint64_t jobs_max, job_iterations, job_timeout_s;
	uint64_t subagents_max, subagent_iterations, subagent_timeout_s;
	uint64_t window, compact_percent;
	uint64_t attachment_kib;
	uint64_t tool_timeout_s, tool_memory_mib, daemon_timeout_s, cages_max, snapshot_kib;
	struct provider_config provider;
};

extern const struct config_table agentd_config_table;

/* The zone may come from TZ, which can hold what is no zone's name: it is UTC then, and a warning
 * says so. */
must_check int agentd_config_settle_zone(struct agentd_config *config, struct error *err);
