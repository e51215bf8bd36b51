/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l6-agent/agentd-config.h"

#include "base/log.h"
#include "l6-agent/zone.h"

#include <stdlib.h>
#include <string.h>

#define AT(field) offsetof(struct agentd_config, field)

static const struct config_item items[] = {
	{ "agent", "name", CONFIG_STRING, AT(name), "default", 0, 0, NULL, "AGENT_NAME",
	  "name of the agent" },
	{ "agent", "zone", CONFIG_STRING, AT(zone), "UTC", 0, 0, NULL, "TZ",
	  "the person's time zone, an IANA name" },
	{ "agent", "tools", CONFIG_STRING, AT(tools), NULL, 0, 0, NULL, NULL,
	  "the tools this agent has, names with commas; not set: all" },
	{ "agent", "max_iterations", CONFIG_NUMBER, AT(max_iterations), "50", 2, 1000, NULL,
	  "AGENT_MAX_TOOL_ITERATIONS",
	  "model calls with tools in one turn; the last is text only" },
	{ "agent", "loop_rounds", CONFIG_NUMBER, AT(loop_rounds), "5", 4, 1000, NULL, NULL,
	  "times a model may repeat itself in one turn before it is stopped" },
	{ "agent", "question_timeout", CONFIG_NUMBER, AT(question_timeout_s), "300", 1, 86400, NULL,
	  NULL, "seconds until an unanswered question counts as no" },
	{ "agent", "turn_timeout", CONFIG_NUMBER, AT(turn_timeout_s), "3600", 1, 86400, NULL, NULL,
	  "seconds until a turn is ended" },
	{ "agent", "threads_max", CONFIG_NUMBER, AT(threads_max), "100000", 1, 1000000, NULL, NULL,
	  "threads and jobs there may be" },
	{ "agent", "queue_max", CONFIG_NUMBER, AT(queue_max), "32", 1, 1000, NULL, NULL,
	  "messages that may wait in one thread" },
	{ "agent", "turns_max", CONFIG_NUMBER, AT(turns_max), "4096", 1, 65536, NULL, NULL,
	  "messages that may run or wait in all threads together" },
	{ "agent", "exchanges_max", CONFIG_NUMBER, AT(exchanges_max), "128", 1, 1000, NULL, NULL,
	  "model calls open at once" },
	{ "agent", "message_kib", CONFIG_NUMBER, AT(message_kib), "1024", 1, 8192, NULL, NULL,
	  "KiB of one message with what comes with it" },
	{ "agent", "attachment_kib", CONFIG_NUMBER, AT(attachment_kib), "4096", 1, 16384, NULL,
	  NULL, "KiB of one file that comes with a message" },
	{ "agent", "conversation_kib", CONFIG_NUMBER, AT(conversation_kib), "8192", 16, 65536, NULL,
	  NULL, "KiB of one conversation as sent to a model" },
	{ "agent", "segment_mib", CONFIG_NUMBER, AT(segment_mib), "16", 1, 1024, NULL, NULL,
	  "MiB of one journal segment" },
	{ "agent", "snapshot_kib", CONFIG_NUMBER, AT(snapshot_kib), "4096", 1, 1048576, NULL, NULL,
	  "KiB of journal after which its state is saved for the next start" },
	{ "agent", "tool_timeout", CONFIG_NUMBER, AT(tool_timeout_s), "60", 1, 3600, NULL, NULL,
	  "seconds until a tool that has no time limit of its own is killed" },
	{ "agent", "daemon_timeout", CONFIG_NUMBER, AT(daemon_timeout_s), "30", 1, 3600, NULL, NULL,
	  "seconds without a sign of life until another daemon's call is given up" },
	{ "agent", "cages_max", CONFIG_NUMBER, AT(cages_max), "48", 1, 1000, NULL, NULL,
	  "tool calls in cages at once; below sandbox.max_cages" },
	{ "agent", "tool_memory_mib", CONFIG_NUMBER, AT(tool_memory_mib), "1024", 16, 65536, NULL,
	  NULL, "MiB of memory of one cage" },
	{ "agent", "jobs_max", CONFIG_NUMBER, AT(jobs_max), "5", 1, 1000, NULL,
	  "AGENT_MAX_PARALLEL_JOBS", "background jobs at once" },
	{ "agent", "job_iterations", CONFIG_NUMBER, AT(job_iterations), "50", 2, 1000, NULL, NULL,
	  "model calls of one job" },
	{ "agent", "job_timeout", CONFIG_NUMBER, AT(job_timeout_s), "3600", 1, 604800, NULL,
	  "AGENT_JOB_TIMEOUT_SECS", "seconds until a job is ended" },
	{ "agent", "subagents_max", CONFIG_NUMBER, AT(subagents_max), "16", 1, 1000, NULL, NULL,
	  "sub-agents of one turn" },
	{ "agent", "subagent_iterations", CONFIG_NUMBER, AT(subagent_iterations), "20", 1, 1000,
	  NULL, NULL, "model calls of one sub-agent" },
	{ "agent", "subagent_timeout", CONFIG_NUMBER, AT(subagent_timeout_s), "600", 1, 86400, NULL,
	  NULL, "seconds until a sub-agent is ended" },
	{ "agent", "window", CONFIG_NUMBER, AT(window), "0", 0, 100000000, NULL, NULL,
	  "tokens the model reads; 0: as spec/tables/providers says" },
	{ "agent", "compact_percent", CONFIG_NUMBER, AT(compact_percent), "80", 10, 100, NULL, NULL,
	  "percent of the window from which older turns are summarised" },
	PROVIDER_CONFIG_ITEMS(AT(provider)),
};

const struct config_table agentd_config_table = { items, sizeof(items) / sizeof(items[0]), NULL };

int agentd_config_settle_zone(struct agentd_config *config, struct error *err)
{
	const char *name = *config->zone == ':' ? config->zone + 1 : config->zone;
	struct zone zone;
	int r = zone_read(name, &zone, err);
	char *settled = strdup(r < 0 ? "UTC" : name);

	if (r < 0)
		log_warning("the time zone is taken as UTC: %s", err->text);
	if (!settled)
		return FAIL(err, -ENOMEM, "out of memory");
	free(config->zone);
	config->zone = settled;
	return 0;
}
