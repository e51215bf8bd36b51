/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* Submit: checked, appended, answered once durable; then a turn of its thread. */
#include "base/dir.h"
#include "base/utf8.h"
#include "l6-agent/agentd-service.h"
#include "l6-agent/attached.h"
#include "l6-agent/jobs.h"
#include "l6-agent/leak-record.h"
#include "l6-agent/tape.h"
#include "l6-agent/tool.h"
#include "l6-agent/turn.h"

#include <string.h>

enum { ARGUMENTS_MAX = 8 * 1024 * 1024, NO_FD = -1 };

struct submit {
	const char *thread, *text, *tool, *key, *priority;
	sd_json_variant *arguments, *allow, *attachments;
	int unattended;
	int64_t workspace, context, record, replay; /* the last three: descriptor indices */
	struct buf input, checked;                  /* what came with it; the tool's arguments */
	struct buf clean;                           /* text, when it held a secret */
	struct leak_tally text_leaks, input_leaks, argument_leaks;
	struct attached attached;
};

#define FIELD(name, type, dispatch, member, flags) \
	{ name, type, dispatch, offsetof(struct submit, member), flags }
static const sd_json_dispatch_field submit_fields[] = {
	FIELD("thread", SD_JSON_VARIANT_STRING, sd_json_dispatch_const_string, thread,
	      SD_JSON_NULLABLE),
	FIELD("text", SD_JSON_VARIANT_STRING, sd_json_dispatch_const_string, text,
	      SD_JSON_MANDATORY),
	FIELD("contextFd", _SD_JSON_VARIANT_TYPE_INVALID, agentd_dispatch_number, context,
	      SD_JSON_NULLABLE),
	FIELD("tool", SD_JSON_VARIANT_STRING, sd_json_dispatch_const_string, tool,
	      SD_JSON_NULLABLE),
	FIELD("arguments", SD_JSON_VARIANT_OBJECT, sd_json_dispatch_variant_noref, arguments,
	      SD_JSON_NULLABLE),
	FIELD("allow", SD_JSON_VARIANT_ARRAY, sd_json_dispatch_variant_noref, allow,
	      SD_JSON_MANDATORY),
	FIELD("unattended", SD_JSON_VARIANT_BOOLEAN, sd_json_dispatch_intbool, unattended,
	      SD_JSON_MANDATORY),
	FIELD("workspace", _SD_JSON_VARIANT_TYPE_INVALID, agentd_dispatch_number, workspace,
	      SD_JSON_MANDATORY),
	FIELD("recordFd", _SD_JSON_VARIANT_TYPE_INVALID, agentd_dispatch_number, record,
	      SD_JSON_NULLABLE),
	FIELD("replayFd", _SD_JSON_VARIANT_TYPE_INVALID, agentd_dispatch_number, replay,
	      SD_JSON_NULLABLE),
	FIELD("attachments", SD_JSON_VARIANT_ARRAY, sd_json_dispatch_variant_noref, attachments,
	      SD_JSON_NULLABLE),
	FIELD("priority", SD_JSON_VARIANT_STRING, sd_json_dispatch_const_string, priority,
	      SD_JSON_NULLABLE),
	FIELD("key", SD_JSON_VARIANT_STRING, sd_json_dispatch_const_string, key, SD_JSON_MANDATORY),
	{ 0 }
};

/* 1: fine; else the caller has been answered with what sd_varlink_error returned. */
static int check_words(sd_varlink *link, const struct submit *submit)
{
	enum tool_effect effect;
	enum priority priority;

	if (!agentd_is_key(submit->key))
		return agentd_invalid(link, "key has 1 to %d bytes", AGENTD_KEY_BYTES_MAX);
	if (submit->thread && *agentd_name_problem(submit->thread))
		return agentd_invalid(link, "%s", agentd_name_problem(submit->thread));
	if (!utf8_is_valid(submit->text, strlen(submit->text)))
		return agentd_invalid(link, "the text is not UTF-8");
	if (*submit->text == '\0' && !submit->tool && submit->context == NO_FD)
		return agentd_invalid(link, "the message is empty");
	if (submit->workspace < 0 || submit->workspace > UINT32_MAX)
		return agentd_invalid(link, "workspace is no workspace's number");
	if (submit->priority && !priority_parse(submit->priority, &priority))
		return agentd_invalid(link, "priority is person, routine or background");
	for (size_t i = 0; i < sd_json_variant_elements(submit->allow); i++) {
		sd_json_variant *value = sd_json_variant_by_index(submit->allow, i);
		const char *name =
			sd_json_variant_is_string(value) ? sd_json_variant_string(value) : "";

		if (!tool_effect_parse(name, &effect))
			return agentd_invalid(link, "allow: \"%s\" is no effect", name);
	}
	return 1;
}

static int check_tool(sd_varlink *link, struct submit *submit)
{
	const struct tool *tool = tool_find(submit->tool);
	const char *near = tool ? NULL : tool_nearest(submit->tool);
	struct error err = { 0 };
	char *text = NULL;
	int r;

	if (!tool)
		return sd_varlink_errorbo(link, "io.clawos.Agent.UnknownTool",
					  SD_JSON_BUILD_PAIR_STRING("tool", submit->tool),
					  SD_JSON_BUILD_PAIR_CONDITION(near != NULL, "nearest",
								       SD_JSON_BUILD_STRING(near)));
	if (submit->arguments) {
		r = sd_json_variant_format(submit->arguments, 0, &text);
		if (r < 0)
			return r;
	}
	r = tool_check(tool, text ? text : "", text ? strlen(text) : 0, &submit->checked, &err);
	free(text);
	if (r == -EINVAL)
		return agentd_invalid(link, "%s: %s", submit->tool, err.text);
	return r < 0 ? r : 1;
}

static int quota(sd_varlink *link, const char *limit, uint64_t value)
{
	return sd_varlink_errorbo(link, "io.clawos.Agent.QuotaExceeded",
				  SD_JSON_BUILD_PAIR_STRING("limit", limit),
				  SD_JSON_BUILD_PAIR_UNSIGNED("value", value));
}

static int read_input(sd_varlink *link, struct submit *submit)
{
	auto_fd int fd = sd_varlink_take_fd(link, (size_t)submit->context);
	int r;

	if (fd < 0)
		return agentd_invalid(link, "contextFd names no descriptor of this call");
	r = dir_read_fd(fd, &submit->input);
	if (r == -EMSGSIZE)
		return quota(link, "agent.message_kib", submit->input.max >> 10);
	if (r < 0)
		return agentd_invalid(link, "contextFd cannot be read: %s", strerror(-r));
	return 1;
}

static int read_attachment(sd_varlink *link, struct submit *submit, sd_json_variant *value,
			   const struct attached_limits *limits)
{
	sd_json_variant *name = sd_json_variant_by_key(value, "name");
	sd_json_variant *index = sd_json_variant_by_key(value, "fd");
	const char *limit = NULL;
	struct error err = { 0 };
	auto_fd int fd = -1;
	int r;

	if (!sd_json_variant_is_string(name) || !sd_json_variant_is_unsigned(index))
		return agentd_invalid(link, "attachments: each has a name and an fd");
	fd = sd_varlink_take_fd(link, (size_t)sd_json_variant_unsigned(index));
	if (fd < 0)
		return agentd_invalid(link, "attachments: fd names no descriptor of this call");
	r = attached_take(&submit->attached, fd, sd_json_variant_string(name), limits, &limit,
			  &err);
	if (r == -EDQUOT)
		return quota(link, limit,
			     strcmp(limit, "agent.attachment_kib") == 0
				     ? limits->file_bytes >> 10
				     : limits->encoded_bytes >> 10);
	return r < 0 ? agentd_invalid(link, "%s", err.text) : 1;
}

static int read_attachments(const struct agent *agent, sd_varlink *link, struct submit *submit)
{
	const struct attached_limits limits = {
		.file_bytes = agent->config->attachment_kib << 10,
		.encoded_bytes = agent->config->conversation_kib << 10,
		.text_only = !agent->format->add_attachment,
	};
	size_t n = sd_json_variant_elements(submit->attachments);
	int r = 1;

	if (n > 0 && submit->tool)
		return agentd_invalid(link, "files come with a message, not with a tool");
	for (size_t i = 0; i < n && r > 0; i++)
		r = read_attachment(link, submit, sd_json_variant_by_index(submit->attachments, i),
				    &limits);
	return r;
}

static int open_tape(sd_varlink *link, int64_t index, const char *name, struct tape **ret)
{
	int fd = sd_varlink_take_fd(link, (size_t)index);

	if (fd < 0)
		return agentd_invalid(link, "%s names no descriptor of this call", name);
	return tape_open(fd, ret) < 0 ? -ENOMEM : 1;
}

/* A message that waits for its record to be durable. */
struct acceptance {
	struct agent *agent;
	sd_varlink *link;
	struct turn *turn;
};

static void answer(sd_varlink *link, const struct thread *thread, uint64_t turn, uint64_t sequence)
{
	(void)sd_varlink_replybo(link, SD_JSON_BUILD_PAIR_STRING("thread", thread->name),
				 SD_JSON_BUILD_PAIR_UNSIGNED("turn", turn),
				 SD_JSON_BUILD_PAIR_UNSIGNED("seq", sequence));
}

static void on_accepted(const struct journal_record *record, void *data)
{
	struct acceptance *acceptance = data;

	answer(acceptance->link, acceptance->turn->thread, record->turn, record->sequence);
	sd_varlink_unref(acceptance->link);
	turn_enqueue(acceptance->turn);
	free(acceptance);
}

static void build(struct payload *payload, const struct submit *submit, const struct turn *turn)
{
	yyjson_mut_val *allow;

	payload_string(payload, "key", submit->key);
	payload_text(payload, "text", submit->text, strlen(submit->text));
	if (submit->input.length > 0)
		payload_text(payload, "context", buf_string(&submit->input), submit->input.length);
	attached_build(&submit->attached, payload);
	if (submit->tool) {
		payload_string(payload, "tool", submit->tool);
		payload_text(payload, "arguments", buf_string(&submit->checked),
			     submit->checked.length);
	}
	if (payload->error == 0) {
		allow = yyjson_mut_obj_add_arr(payload->doc, payload->root, "allow");
		for (size_t i = 0; i < sd_json_variant_elements(submit->allow); i++)
			(void)yyjson_mut_arr_add_strcpy(
				payload->doc, allow,
				sd_json_variant_string(sd_json_variant_by_index(submit->allow, i)));
	}
	payload_flag(payload, "unattended", submit->unattended);
	payload_number(payload, "workspace", (uint64_t)submit->workspace);
	payload_string(payload, "priority", submit->priority);
	leak_record(payload, &submit->text_leaks, "message");
	leak_record(payload, &submit->input_leaks, "context");
	leak_record(payload, &submit->attached.leaks, "attachment");
	leak_record(payload, &submit->argument_leaks, "arguments");
	if (turn->record)
		payload_flag(payload, "record", true);
	if (turn->replay)
		payload_flag(payload, "replay", true);
}

/* The record is appended and the turn made from it, so that a restart makes the same one. */
static int append_accepted(struct acceptance *acceptance, struct payload *payload,
			   struct thread *thread, struct error *err)
{
	struct agent *agent = acceptance->agent;
	struct turn *made = NULL;
	struct agent_append append = {
		.thread = thread,
		.turn = turns_count(agent->threads) + 1,
		.kind = JOURNAL_ACCEPTED,
		.origin = JOURNAL_PERSON,
		.payload = payload,
		.on_durable = on_accepted,
		.data = acceptance,
	};
	struct journal_record record;
	yyjson_doc *doc;
	char *text = NULL;
	int r;

	r = agent_append(agent, &append, &record, &text, err);
	if (r < 0)
		return r;
	doc = payload_parse(text, record.payload_length);
	r = turn_new(agent, thread, record.turn, record.position, yyjson_doc_get_root(doc), &made);
	yyjson_doc_free(doc);
	free(text);
	if (r < 0)
		return FAIL(err, r, "out of memory");
	made->record = TAKE_PTR(acceptance->turn->record);
	made->replay = TAKE_PTR(acceptance->turn->replay);
	turn_free(acceptance->turn);
	acceptance->turn = made;
	thread->n_queued++;
	agent->accepted_turns++;
	return 0;
}

static int take_tapes(sd_varlink *link, const struct submit *submit, struct turn *turn)
{
	int r = 1;

	if (submit->record != NO_FD)
		r = open_tape(link, submit->record, "recordFd", &turn->record);
	if (r > 0 && submit->replay != NO_FD)
		r = open_tape(link, submit->replay, "replayFd", &turn->replay);
	return r;
}

static struct acceptance *acceptance_new(struct agent *agent)
{
	struct acceptance *acceptance = calloc(1, sizeof(*acceptance));

	if (!acceptance)
		return NULL;
	acceptance->agent = agent;
	acceptance->turn = calloc(1, sizeof(*acceptance->turn));
	if (!acceptance->turn) {
		free(acceptance);
		return NULL;
	}
	return acceptance;
}

/* The loop ends: no callback will ask for what was made here. */
static void drop(struct acceptance *acceptance, struct error *err)
{
	agent_give_up(acceptance->agent, err);
	sd_varlink_unref(acceptance->link);
	turn_free(acceptance->turn);
	free(acceptance);
}

int agentd_accept(struct agent *agent, sd_varlink *link, struct thread *thread,
		  struct payload *payload)
{
	struct acceptance *acceptance = acceptance_new(agent);
	struct error err = { 0 };
	int r;

	if (!acceptance) {
		yyjson_mut_doc_free(payload->doc);
		return -ENOMEM;
	}
	acceptance->link = sd_varlink_ref(link);
	r = append_accepted(acceptance, payload, thread, &err);
	if (r < 0)
		drop(acceptance, &err);
	return r;
}

static int accept(struct agent *agent, sd_varlink *link, const struct submit *submit,
		  struct thread *thread)
{
	struct acceptance *acceptance = acceptance_new(agent);
	const char *name = submit->thread ? submit->thread : AGENTD_THREAD_DEFAULT;
	struct error err = { 0 };
	struct payload payload;
	int r;

	if (!acceptance)
		return -ENOMEM;
	r = take_tapes(link, submit, acceptance->turn);
	if (r <= 0) {
		turn_free(acceptance->turn);
		free(acceptance);
		return r;
	}
	acceptance->link = sd_varlink_ref(link);
	r = thread ? 0 : agentd_make_thread(agent, name, NULL, NULL, &thread, &err);
	if (r >= 0) {
		payload_begin(&payload, journal_blobs(agent->journal));
		build(&payload, submit, acceptance->turn);
		r = append_accepted(acceptance, &payload, thread, &err);
	}
	if (r < 0)
		drop(acceptance, &err);
	return r;
}

int agentd_find_accepted(const struct agent *agent, uint64_t turn, struct journal_record *ret,
			 struct buf *payload)
{
	uint64_t position = turns_at(agent->threads, turn)->last_position;
	struct error err = { 0 };
	int r;

	do {
		r = journal_peek(agent->journal, position, ret, &err);
		if (r < 0)
			return r;
		position = ret->previous;
	} while (ret->turn != turn || ret->kind != JOURNAL_ACCEPTED);
	return journal_read(agent->journal, ret->position, payload, ret, &err);
}

int agentd_answer_known_key(struct agent *agent, sd_varlink *link, const char *key)
{
	uint64_t hash = turns_key_hash(agentd_caller(agent), key);
	struct buf payload = BUF(JOURNAL_PAYLOAD_MAX);
	struct error err = { 0 };
	int r = 1;

	for (uint64_t turn = turns_by_key(agent->threads, hash, 0); turn && r == 1;
	     turn = turns_by_key(agent->threads, hash, turn)) {
		struct journal_record record;
		const char *found;
		yyjson_doc *doc;

		r = agentd_find_accepted(agent, turn, &record, &payload);
		if (r >= 0 && record.sequence > journal_durable_sequence(agent->journal))
			r = journal_commit(agent->journal, &err);
		if (r < 0)
			break;
		r = 1;
		doc = payload_parse(record.payload, record.payload_length);
		found = payload_get_string(yyjson_doc_get_root(doc), "key");
		if (found && strcmp(found, key) == 0 && record.owner == agentd_caller(agent) &&
		    payload_get_number(yyjson_doc_get_root(doc), "intent") == 0) {
			answer(link, threads_by_id(agent->threads, record.thread), turn,
			       record.sequence);
			r = 0;
		}
		yyjson_doc_free(doc);
	}
	buf_free(&payload);
	return r;
}

int agentd_check_room(const struct agent *agent, sd_varlink *link, const struct thread *thread)
{
	const struct agentd_config *config = agent->config;

	if (thread && thread->n_queued > config->queue_max) /* one of them runs */
		return quota(link, "agent.queue_max", config->queue_max);
	if (agent->accepted_turns >= config->turns_max)
		return quota(link, "agent.turns_max", config->turns_max);
	return thread ? 1 : agentd_check_threads(agent, link);
}

/* A tool the person calls gets what they wrote; the model is shown it without (recall.c). */
static int replace_secrets(struct submit *submit)
{
	auto_buf struct buf shown = BUF(LEAK_GROWTH * submit->checked.length + 1);
	int r = leak_replace(submit->text, strlen(submit->text), &submit->text_leaks,
			     &submit->clean);

	if (r > 0)
		submit->text = buf_string(&submit->clean);
	if (r >= 0)
		r = leak_clean(&submit->input, &submit->input_leaks);
	if (r >= 0)
		r = leak_replace(buf_string(&submit->checked), submit->checked.length,
				 &submit->argument_leaks, &shown);
	return r;
}

static int submit_checked(struct agent *agent, sd_varlink *link, struct submit *submit)
{
	struct thread *thread;
	int r = check_words(link, submit);

	if (r > 0)
		r = agentd_answer_known_key(agent, link, submit->key);
	if (r > 0 && submit->tool)
		r = check_tool(link, submit);
	if (r > 0 && submit->context != NO_FD)
		r = read_input(link, submit);
	if (r > 0 && submit->attachments)
		r = read_attachments(agent, link, submit);
	if (r <= 0)
		return r;
	if (strlen(submit->text) + submit->input.length > agent->config->message_kib << 10)
		return quota(link, "agent.message_kib", agent->config->message_kib);
	thread = agentd_thread(agent, submit->thread);
	if (thread && thread->job && !jobs_is_active(thread))
		return agentd_invalid(link, "%s is over: what is over stays so", thread->name);
	r = agentd_check_room(agent, link, thread);
	if (r <= 0)
		return r;
	r = replace_secrets(submit);
	if (r < 0)
		return r;
	return accept(agent, link, submit, thread);
}

int agentd_submit(sd_varlink *link, sd_json_variant *parameters, sd_varlink_method_flags_t flags,
		  void *userdata)
{
	struct agent *agent = userdata;
	struct submit submit = {
		.context = NO_FD,
		.record = NO_FD,
		.replay = NO_FD,
		.input = BUF(agent->config->message_kib << 10),
		.checked = BUF(ARGUMENTS_MAX),
		.clean = BUF((agent->config->message_kib << 10) * LEAK_GROWTH + 1),
	};
	int r = sd_varlink_dispatch(link, parameters, submit_fields, &submit);

	(void)flags;
	if (r == 0)
		r = submit_checked(agent, link, &submit);
	buf_free(&submit.input);
	buf_free(&submit.checked);
	buf_free(&submit.clean);
	attached_free(&submit.attached);
	return r;
}
