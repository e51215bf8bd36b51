/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* Trace: one turn in full from its records, and its prompts made again (spec/trace.md). */
#include "base/dir.h"
#include "l6-agent/agentd-service.h"
#include "l6-agent/event.h"
#include "l6-agent/recall-cache.h"
#include "l6-agent/recall.h"
#include "l6-agent/tool.h"
#include "l6-agent/trace-rows.h"

#include <string.h>

enum { PROMPT_FDS_MAX = 64, SYSTEM_BYTES_MAX = 1024 * 1024 };

/* The prompt of a model call, from the records up to and including its intent. */
static int rebuild(struct agent *agent, const struct journal_record *intent, unsigned provider,
		   const char *front, bool no_tools, struct prompt *ret, struct recall **ret_recall,
		   struct error *err)
{
	const struct recall_path path = { agent->threads, intent->turn, intent->position };
	struct recall_options options;
	struct progress progress = { 0 };
	int r;

	recall_cache_options(agent, threads_by_id(agent->threads, intent->thread), provider,
			     &options);
	options.conversation.instructions = front;
	r = recall_read(&options, agent->journal, &path, &progress, ret_recall, err);
	progress_free(&progress);
	if (r < 0)
		return r;
	return options.format->prompt(recall_conversation(*ret_recall),
				      no_tools ? PROMPT_NO_TOOLS : 0, ret, err);
}

static int copy_prompt(const struct prompt *prompt)
{
	struct buf bytes = BUF(PAYLOAD_TEXT_MAX);
	char *at;
	ssize_t n;
	int r = buf_reserve(&bytes, prompt->length, &at);

	if (r >= 0) {
		n = pread(prompt->fd, at, prompt->length, (off_t)prompt->offset);
		if (n != (ssize_t)prompt->length)
			r = -EIO;
	}
	if (r >= 0) {
		buf_commit(&bytes, prompt->length);
		r = dir_sealed_memfd("prompt", buf_string(&bytes), bytes.length);
	}
	buf_free(&bytes);
	return r;
}

/* A sealed descriptor with the prompt, or -errno with the sentence why it cannot be shown. */
static int prompt_fd(struct agent *agent, const struct journal_record *intent, yyjson_val *payload,
		     struct error *err)
{
	const char *wanted = payload_get_string(payload, "promptHash");
	const char *format = payload_get_string(payload, "format"), *configured;
	const char *name = payload_get_string(payload, "provider");
	int provider = name ? provider_chain_find(&agent->chain, name) : 0;
	struct buf front = BUF(SYSTEM_BYTES_MAX);
	struct recall *recall = NULL;
	char hex[SHA256_HEX_BYTES];
	struct prompt prompt;
	int r = payload_get_text(payload, "system", journal_blobs(agent->journal), &front);

	if (r < 0)
		(void)FAIL(err, r, "its system text cannot be read: %s", strerror(-r));
	if (r >= 0 && provider < 0)
		r = FAIL(err, -EINVAL, "it was written for %s, which is not configured any more",
			 name);
	configured = r >= 0 ? agent_format(&agent->chain.list[provider])->name : "";
	if (r >= 0 && (!format || strcmp(format, configured) != 0))
		r = FAIL(err, -EINVAL,
			 "it was written in the form \"%s\", and \"%s\" is configured",
			 format ? format : "?", configured);
	if (r >= 0)
		r = rebuild(agent, intent, (unsigned)provider, buf_string(&front),
			    payload_get_flag(payload, "noTools"), &prompt, &recall, err);
	buf_free(&front);
	if (r >= 0) {
		sha256_hex(prompt.hash, hex);
		if (!wanted || strcmp(wanted, hex) != 0)
			r = FAIL(err, -ESTALE,
				 "this version or configuration writes another "
				 "prompt than the one that was sent");
	}
	if (r >= 0) {
		r = copy_prompt(&prompt);
		if (r < 0)
			(void)FAIL(err, r, "it cannot be copied: %s", strerror(-r));
	}
	recall_free(recall);
	return r;
}

static int add_prompt(struct agent *agent, sd_varlink *link, const struct journal_record *record,
		      sd_json_variant **call, unsigned *n_fds)
{
	yyjson_doc *doc = payload_parse(record->payload, record->payload_length);
	struct error err = { 0 };
	auto_fd int fd = -1;
	int r;

	if (*n_fds >= PROMPT_FDS_MAX)
		fd = FAIL(&err, -EMFILE, "at most %d prompts are shown at once", PROMPT_FDS_MAX);
	else
		fd = prompt_fd(agent, record, yyjson_doc_get_root(doc), &err);
	yyjson_doc_free(doc);
	if (fd < 0)
		return sd_json_variant_set_field_string(call, "promptMissing", err.text);
	r = sd_varlink_push_fd(link, fd);
	if (r < 0)
		return r;
	(void)take_fd(&fd); /* the connection's now */
	return sd_json_variant_set_field_unsigned(call, "promptFd", (*n_fds)++);
}

struct trace_call {
	struct agent *agent;
	sd_varlink *link;
	struct trace_rows rows;
	bool with_prompt;
	unsigned n_fds;
};

static int take_record(struct trace_call *trace, const struct journal_record *record)
{
	__attribute__((cleanup(sd_json_variant_unrefp))) sd_json_variant *event = NULL;
	struct agent *agent = trace->agent;
	int r = event_build(record, "", journal_blobs(agent->journal), &event);

	if (r >= 0)
		r = trace_rows_add(&trace->rows, record, sd_json_variant_by_key(event, "data"));
	if (r >= 0 && record->kind == JOURNAL_MODEL_STARTED && trace->with_prompt)
		r = add_prompt(agent, trace->link, record, trace_rows_model_call(&trace->rows),
			       &trace->n_fds);
	return r;
}

static int gather(struct trace_call *trace, uint64_t turn, struct error *err)
{
	struct agent *agent = trace->agent;
	struct buf payload = BUF(JOURNAL_PAYLOAD_MAX);
	struct journal_record record;
	uint64_t *positions = NULL;
	size_t n = 0;
	int r = recall_positions(agent->journal, turns_at(agent->threads, turn)->last_position,
				 turn, &positions, &n, err);

	for (size_t i = 0; i < n && r >= 0; i++) {
		r = journal_peek(agent->journal, positions[i], &record, err);
		if (r < 0 || record.turn != turn)
			continue;
		r = journal_read(agent->journal, positions[i], &payload, &record, err);
		if (r >= 0)
			r = take_record(trace, &record);
	}
	free(positions);
	buf_free(&payload);
	return r;
}

static uint64_t newest_turn(const struct agent *agent)
{
	for (uint64_t turn = turns_count(agent->threads); turn > 0; turn--)
		if (threads_by_id(agent->threads, turns_at(agent->threads, turn)->thread)->owner ==
		    agentd_caller(agent))
			return turn;
	return 0;
}

static int answer(struct trace_call *trace, uint64_t turn)
{
	__attribute__((cleanup(sd_json_variant_unrefp))) sd_json_variant *object = NULL;
	const struct turn_entry *entry = turns_at(trace->agent->threads, turn);
	struct error err = { 0 };
	int r = gather(trace, turn, &err);

	if (r >= 0)
		r = trace_rows_end(&trace->rows, turn,
				   threads_by_id(trace->agent->threads, entry->thread)->name,
				   turn_state_name(entry->state), &object);
	if (r < 0)
		return r;
	return sd_varlink_replybo(trace->link, SD_JSON_BUILD_PAIR_VARIANT("trace", object));
}

int agentd_trace(sd_varlink *link, sd_json_variant *parameters, sd_varlink_method_flags_t flags,
		 void *userdata)
{
	struct {
		int64_t turn;
		int prompt;
	} in = { 0 };
	static const sd_json_dispatch_field table[] = {
		{ "turn", _SD_JSON_VARIANT_TYPE_INVALID, agentd_dispatch_number, 0,
		  SD_JSON_NULLABLE },
		{ "prompt", SD_JSON_VARIANT_BOOLEAN, sd_json_dispatch_intbool, 8,
		  SD_JSON_MANDATORY },
		{ 0 }
	};
	struct agent *agent = userdata;
	struct trace_call trace = { .agent = agent, .link = link };
	const struct turn_entry *entry;
	uint64_t turn;
	int r = sd_varlink_dispatch(link, parameters, table, &in);

	(void)flags;
	if (r != 0)
		return r;
	turn = in.turn > 0 ? (uint64_t)in.turn : in.turn == 0 ? newest_turn(agent) : 0;
	entry = turns_at(agent->threads, turn);
	if (!entry || threads_by_id(agent->threads, entry->thread)->owner != agentd_caller(agent))
		return sd_varlink_errorbo(link, "io.clawos.Agent.UnknownTurn",
					  SD_JSON_BUILD_PAIR_INTEGER("turn", in.turn));
	trace.with_prompt = in.prompt;
	r = answer(&trace, turn);
	trace_rows_free(&trace.rows);
	return r;
}
