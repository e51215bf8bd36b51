/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l6-agent/agent.h"

#include "base/clock.h"
#include "base/log.h"
#include "l2-kernel/cage-client.h"
#include "l6-agent/agentd-prepare.h"
#include "l6-agent/front.h"
#include "l6-agent/gate.h"
#include "l6-agent/peer.h"
#include "l6-agent/recall.h"
#include "l6-agent/subscribers.h"
#include "l6-agent/tool.h"
#include "l6-agent/turn.h"
#include "l6-agent/work-line.h"

#include <assert.h>
#include <string.h>

static int on_found(const struct journal_record *record, void *data, struct error *err)
{
	struct agent *agent = data;

	return threads_apply(agent->threads, record, err);
}

static void on_durable(const struct journal_record *record, void *data)
{
	struct agent *agent = data;

	subscribers_tell(agent->subscribers, record);
}

static int on_save(struct buf *out, void *data)
{
	const struct agent *agent = data;

	return threads_save(agent->threads, out);
}

static int on_load(const struct journal_fold *fold, void *data)
{
	struct agent *agent = data;
	struct threads *loaded;
	int r = threads_load(fold->bytes, fold->length, fold->sequence, fold->position, &loaded);

	if (r < 0)
		return r;
	threads_free(agent->threads);
	agent->threads = loaded;
	return 0;
}

const struct model_format *agent_format(const struct provider_config *config)
{
	switch (provider_row(config)->protocol) {
	case PROTOCOL_LOCAL:
		return &model_format_local;
	case PROTOCOL_OPENAI:
		return &model_format_openai;
	case PROTOCOL_ANTHROPIC:
		return &model_format_anthropic;
	}
	return &model_format_openai;
}

/* claw-llmd reads the weights from a disk and computes in long steps, and says nothing meanwhile.
 */
enum { LLM_PATIENCE = 4 };

/* Of the connections clawfsd takes (fs.connections). All turns of a restart begin at once. */
enum { FS_LINKS_MAX = 32 };

static int open_peers(struct agent *agent, int run_fd)
{
	uint64_t silence_us = agent->config->daemon_timeout_s * CLOCK_SECOND_US;
	const struct peer_options egress = { run_fd, "egress", "claw-egressd", silence_us, 0 };
	const struct peer_options llm = { run_fd, "llm", "claw-llmd", LLM_PATIENCE * silence_us,
					  0 };
	const struct peer_options fs = { run_fd, "fs", "clawfsd", silence_us, FS_LINKS_MAX };
	int r = peer_new(agent->event, &egress, &agent->egress);

	if (r >= 0)
		r = peer_new(agent->event, &llm, &agent->llm);
	return r < 0 ? r : peer_new(agent->event, &fs, &agent->fs);
}

static bool is_named(const char *list, const char *name)
{
	size_t length = strlen(name);

	for (const char *at = list; *at;) {
		size_t n = strcspn(at, ", ");

		if (n == length && memcmp(at, name, n) == 0)
			return true;
		at += n + strspn(at + n, ", ");
	}
	return false;
}

/* agent.tools; a name that is none is refused: nobody wants another set than the one written. */
static int choose_tools(struct agent *agent, struct error *err)
{
	const char *list = agent->config->tools;
	char name[AGENT_MODEL_BYTES];

	agent->tools = (const struct tool **)calloc(tool_table_count, sizeof(*agent->tools));
	if (!agent->tools)
		return FAIL(err, -ENOMEM, "out of memory");
	for (size_t i = 0; i < tool_table_count; i++)
		if (!list || is_named(list, tool_table[i]->name))
			agent->tools[agent->n_tools++] = tool_table[i];
	if (!list)
		return 0;
	for (const char *at = list; *at;) {
		size_t n = strcspn(at, ", "), kept = n < sizeof(name) ? n : sizeof(name) - 1;

		memcpy(name, at, kept); /* a long one is none */
		name[kept] = '\0';
		if (n > 0 && !tool_find(name))
			return FAIL(err, -EINVAL, "agent.tools: there is no tool \"%s\"", name);
		at += n + strspn(at + n, ", ");
	}
	return 0;
}

bool agent_has_tool(const struct agent *agent, const struct tool *tool)
{
	for (size_t i = 0; i < agent->n_tools; i++)
		if (agent->tools[i] == tool)
			return true;
	return false;
}

int agent_open(struct agent *agent, int state_fd, int run_fd, struct error *err)
{
	struct journal_options options = {
		.dir_fd = state_fd,
		.segment_bytes = agent->config->segment_mib << 20,
		.event = agent->event,
		.snapshot_bytes = agent->config->snapshot_kib << 10,
		.on_save = on_save,
		.on_load = on_load,
		.on_found = on_found,
		.on_durable = on_durable,
		.data = agent,
	};
	int r = choose_tools(agent, err);

	if (r < 0)
		return r;
	r = threads_new(&agent->threads);
	if (r >= 0)
		r = subscribers_new(agent, &agent->subscribers);
	if (r >= 0)
		r = open_peers(agent, run_fd);
	if (r < 0)
		return FAIL(err, r, "out of memory");
	r = gate_new(agent->event, agent->config->cages_max, &agent->cage_gate);
	if (r >= 0)
		r = gate_new(agent->event, agent->config->exchanges_max, &agent->exchange_gate);
	if (r >= 0)
		r = work_line_new(agent->event, &agent->work);
	if (r < 0)
		return FAIL(err, r, "out of memory");
	r = cage_client_open(agent->event, run_fd, "sandbox", &agent->cages, err);
	if (r >= 0)
		r = journal_open(&options, &agent->journal, err);
	return r;
}

const char *agent_model(const struct agent *agent)
{
	const struct provider_config *provider = &agent->config->provider;

	if (!provider_is_local(provider))
		return provider_model(provider);
	return *agent->readiness.model ? agent->readiness.model : NULL;
}

void agent_close(struct agent *agent)
{
	for (size_t i = 0; agent->threads && i < threads_count(agent->threads); i++) {
		struct thread *thread = threads_at(agent->threads, i);

		while (thread->first) {
			struct turn *turn = thread->first;

			thread->first = turn->next;
			turn_free(turn);
		}
		recall_free(thread->recall);
	}
	front_stop(agent);
	agentd_prepare_drop(agent, NULL);
	peer_free(agent->egress);
	peer_free(agent->llm);
	peer_free(agent->fs);
	if (agent->cages)
		cage_client_close(agent->cages);
	gate_free(agent->cage_gate);
	gate_free(agent->exchange_gate);
	work_line_free(agent->work);
	subscribers_free(agent->subscribers);
	journal_close(agent->journal);
	threads_free(agent->threads);
	free((void *)agent->tools);
	free(agent->front.text);
	free(agent->front.labels);
}

int agent_append(struct agent *agent, const struct agent_append *append, struct journal_record *ret,
		 char **ret_text, struct error *err)
{
	struct journal_record record = {
		.previous = append->thread ? append->thread->last_position : 0,
		.thread = append->thread ? append->thread->id : append->thread_id,
		.turn = append->turn,
		.owner = append->thread ? append->thread->owner : append->owner,
		.agent = AGENT_DEFAULT,
		.kind = append->kind,
		.origin = append->origin,
	};
	char *text = NULL;
	int r = payload_end(append->payload, &text, &record.payload_length);

	if (r < 0)
		return FAIL(err, r, "a record cannot be built: %s", strerror(-r));
	record.payload = text;
	r = journal_append(agent->journal, &record, append->on_durable, append->data);
	if (r < 0)
		(void)FAIL(err, r, "a record cannot be appended: %s", strerror(-r));
	if (r >= 0)
		r = threads_apply(agent->threads, &record, err);
	if (r >= 0 && ret)
		*ret = record;
	if (r >= 0 && ret_text)
		*ret_text = TAKE_PTR(text);
	free(text);
	return r;
}

void agent_give_up(struct agent *agent, const struct error *err)
{
	if (agent->is_stopping)
		return;
	agent->is_stopping = true;
	log_error("%s", err->text);
	(void)sd_event_exit(agent->event, err->code < 0 ? -err->code : EIO);
}
