/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* Steer: words of the person for the turn that runs, appended, answered once durable. */
#include "base/utf8.h"
#include "l6-agent/agentd-service.h"
#include "l6-agent/leak-record.h"
#include "l6-agent/turn.h"

#include <string.h>

enum {
	LOOKED_AT_MAX = 4096, /* records in which the same key is looked for */
};

struct steer_call {
	const char *thread, *text, *key;
};

/* 1: fine; else the caller has been answered. */
static int check(struct agent *agent, sd_varlink *link, const struct steer_call *in)
{
	if (!agentd_is_key(in->key))
		return agentd_invalid(link, "key has 1 to %d bytes", AGENTD_KEY_BYTES_MAX);
	if (*in->text == '\0')
		return agentd_invalid(link, "there are no words");
	if (!utf8_is_valid(in->text, strlen(in->text)))
		return agentd_invalid(link, "the text is not UTF-8");
	if (strlen(in->text) > agent->config->message_kib << 10)
		return sd_varlink_errorbo(
			link, "io.clawos.Agent.QuotaExceeded",
			SD_JSON_BUILD_PAIR_STRING("limit", "agent.message_kib"),
			SD_JSON_BUILD_PAIR_UNSIGNED("value", agent->config->message_kib));
	return 1;
}

static bool has_key(struct agent *agent, const struct journal_record *record, const char *key)
{
	struct buf payload = BUF(JOURNAL_PAYLOAD_MAX);
	struct journal_record whole;
	yyjson_doc *doc = NULL;
	const char *found = NULL;
	bool is_same;

	if (journal_read(agent->journal, record->position, &payload, &whole, NULL) >= 0) {
		doc = payload_parse(whole.payload, whole.payload_length);
		found = payload_get_string(yyjson_doc_get_root(doc), "key");
	}
	is_same = found && strcmp(found, key) == 0;
	yyjson_doc_free(doc);
	buf_free(&payload);
	return is_same;
}

/* The record that was made for this key before; 0: none, -errno. */
static int find_known(struct agent *agent, const struct thread *thread, const char *key,
		      struct journal_record *ret)
{
	uint64_t position = thread->last_position;
	struct error err = { 0 };

	for (int n = 0; position && n < LOOKED_AT_MAX; n++) {
		int r = journal_peek(agent->journal, position, ret, &err);

		if (r < 0)
			return r;
		if (ret->kind == JOURNAL_STEER && has_key(agent, ret, key))
			return 1;
		position = ret->previous;
	}
	return 0;
}

static int answer(sd_varlink *link, uint64_t turn, uint64_t sequence)
{
	return sd_varlink_replybo(link, SD_JSON_BUILD_PAIR_UNSIGNED("turn", turn),
				  SD_JSON_BUILD_PAIR_UNSIGNED("seq", sequence));
}

static void on_durable(const struct journal_record *record, void *data)
{
	sd_varlink *link = data;

	(void)answer(link, record->turn, record->sequence);
	sd_varlink_unref(link);
}

static int append(struct turn *turn, sd_varlink *link, const struct steer_call *in)
{
	struct payload payload;

	payload_begin(&payload, journal_blobs(turn->agent->journal));
	payload_string(&payload, "key", in->key);
	leak_record_text(&payload, "text", in->text, "message");
	(void)turn_record(turn, JOURNAL_STEER, JOURNAL_PERSON, &payload, on_durable,
			  sd_varlink_ref(link)); /* a failure has been dealt with */
	return 0;
}

static int steer(struct agent *agent, sd_varlink *link, const struct steer_call *in)
{
	struct thread *thread = agentd_thread(agent, in->thread);
	struct journal_record known;
	struct error err = { 0 };
	int r;

	if (!thread)
		return agentd_unknown_thread(link, in->thread ? in->thread : AGENTD_THREAD_DEFAULT);
	r = journal_commit(agent->journal, &err); /* what is not durable cannot be looked at */
	if (r >= 0)
		r = find_known(agent, thread, in->key, &known);
	if (r != 0)
		return r < 0 ? r : answer(link, known.turn, known.sequence);
	if (!thread->first)
		return agentd_not_now(link, "no turn is running in this thread");
	if (!turn_is_steerable(thread->first))
		return agentd_not_now(link, "the turn that runs asks no model any more");
	return append(thread->first, link, in);
}

int agentd_steer(sd_varlink *link, sd_json_variant *parameters, sd_varlink_method_flags_t flags,
		 void *userdata)
{
	static const sd_json_dispatch_field table[] = {
		{ "thread", SD_JSON_VARIANT_STRING, sd_json_dispatch_const_string,
		  offsetof(struct steer_call, thread), SD_JSON_NULLABLE },
		{ "text", SD_JSON_VARIANT_STRING, sd_json_dispatch_const_string,
		  offsetof(struct steer_call, text), SD_JSON_MANDATORY },
		{ "key", SD_JSON_VARIANT_STRING, sd_json_dispatch_const_string,
		  offsetof(struct steer_call, key), SD_JSON_MANDATORY },
		{ 0 }
	};
	struct agent *agent = userdata;
	struct steer_call in = { 0 };
	int r = sd_varlink_dispatch(link, parameters, table, &in);

	(void)flags;
	if (r != 0)
		return r;
	r = check(agent, link, &in);
	return r > 0 ? steer(agent, link, &in) : r;
}
