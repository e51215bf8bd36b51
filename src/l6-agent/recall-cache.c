/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l6-agent/recall-cache.h"

#include "l6-agent/job.h"
#include "l6-agent/recall.h"
#include "l6-agent/tool.h"

#include <string.h>

enum { IDLE_MAX = 4 };

void recall_cache_options(const struct agent *agent, const struct thread *thread, unsigned provider,
			  struct recall_options *ret)
{
	const struct agentd_config *config = agent->config;
	const struct provider_config *asked = &agent->chain.list[provider];
	const char *model = provider_model(asked);
	const struct job *job = thread ? thread->job : NULL;
	unsigned quirks = provider_row(asked)->quirks;

	*ret = (struct recall_options){
		.format = agent_format(asked),
		.provider = provider,
		.system_id = agent->front.id,
		.conversation = {
			.model = model ? model : "",
			.provider = provider_row(asked)->name,
			.instructions = agent->front.text,
			.tools = job ? job->tools : agent->tools,
			.n_tools = job ? job->n_tools : agent->n_tools,
			.stream = asked->stream,
			.no_stream_options = quirks & PROVIDER_NO_STREAM_OPTIONS,
			.reasoning_back = quirks & PROVIDER_REASONING_BACK,
			.max_tokens = asked->max_tokens,
			.max_bytes = config->conversation_kib << 10,
		},
	};
}

/* Drops the conversations of idle threads but for the IDLE_MAX used last. */
static void drop_idle(struct agent *agent)
{
	size_t n = threads_count(agent->threads);

	for (;;) {
		struct thread *oldest = NULL;
		size_t idle = 0;

		for (size_t i = 0; i < n; i++) {
			struct thread *thread = threads_at(agent->threads, i);

			if (!thread->recall || thread->first)
				continue;
			idle++;
			if (!oldest || thread->recall_used < oldest->recall_used)
				oldest = thread;
		}
		if (idle <= IDLE_MAX)
			return;
		recall_free(oldest->recall);
		oldest->recall = NULL;
	}
}

/* It ends with this turn, or with the one this turn stands behind. */
static bool is_of(const struct recall *recall, const struct turn *turn)
{
	uint64_t head = recall_head(recall);

	return head == turn->id || head == turns_at(turn->agent->threads, turn->id)->before;
}

int recall_cache_load(struct turn *turn)
{
	struct agent *agent = turn->agent;
	struct thread *thread = turn->thread;
	const struct recall_path path = { agent->threads, turn->id, 0 };
	struct progress progress = { 0 };
	struct recall_options options;
	struct error err = { 0 };
	int r;

	turn_route(turn);
	thread->recall_used = ++agent->recall_clock;
	if (thread->recall && recall_system_id(thread->recall) == agent->front.id &&
	    recall_provider(thread->recall) == turn->provider && is_of(thread->recall, turn))
		return 0;
	recall_free(thread->recall);
	thread->recall = NULL;
	recall_cache_options(agent, thread, turn->provider, &options);
	r = recall_read(&options, agent->journal, &path, &progress, &thread->recall, &err);
	progress_free(&progress);
	if (r < 0)
		turn_fail(turn, r, &err);
	else
		drop_idle(agent);
	return r;
}
