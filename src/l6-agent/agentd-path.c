/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* Undo, Redo, Retry, Branch, Compact: how a conversation goes back and on (spec/journal.md, "The
 * path"). */
#include "l6-agent/agentd-service.h"
#include "l6-agent/threads-path.h"

#include <string.h>

enum { NAME_BYTES = 64, NUMBERS_MAX = 1000000 };

/* 1: nothing of the thread is under way; else the call has been answered. */
static int check_idle(sd_varlink *link, const struct thread *thread)
{
	if (thread->n_queued == 0)
		return 1;
	return agentd_not_now(link, "a turn is running in this thread: end it first (/interrupt)");
}

/* The thread that is meant, and that nothing of it runs: 1; else the call has been answered. */
static int find_idle(struct agent *agent, sd_varlink *link, const char *name, struct thread **ret)
{
	*ret = agentd_thread(agent, name);
	if (!*ret)
		return agentd_unknown_thread(link, name ? name : AGENTD_THREAD_DEFAULT);
	if ((*ret)->job)
		return agentd_not_now(link, "a job's conversation goes its own way");
	return check_idle(link, *ret);
}

struct move {
	struct agent *agent;
	sd_varlink *link;
	uint64_t turn, head;
};

static void on_moved(const struct journal_record *record, void *data)
{
	struct move *move = data;

	(void)record;
	(void)sd_varlink_replybo(move->link, SD_JSON_BUILD_PAIR_UNSIGNED("turn", move->turn),
				 SD_JSON_BUILD_PAIR_UNSIGNED("head", move->head));
	sd_varlink_unref(move->link);
	free(move);
}

static int append(struct agent *agent, sd_varlink *link, struct thread *thread, const char *way,
		  struct move *move)
{
	struct payload payload;
	struct agent_append append = {
		.thread = thread,
		.kind = JOURNAL_HEAD,
		.origin = JOURNAL_PERSON,
		.payload = &payload,
		.on_durable = on_moved,
		.data = move,
	};
	struct error err = { 0 };
	int r;

	payload_begin(&payload, journal_blobs(agent->journal));
	payload_string(&payload, "way", way);
	payload_number(&payload, "turn", move->turn);
	payload_number(&payload, "head", move->head);
	move->link = sd_varlink_ref(link);
	r = agent_append(agent, &append, NULL, NULL, &err);
	if (r < 0)
		agent_give_up(agent, &err);
	return r;
}

static int move_head(struct agent *agent, sd_varlink *link, struct thread *thread, const char *way,
		     uint64_t turn, uint64_t head)
{
	struct move *move = calloc(1, sizeof(*move));

	if (!move)
		return -ENOMEM;
	*move = (struct move){ .agent = agent, .turn = turn, .head = head };
	return append(agent, link, thread, way, move);
}

struct move_call {
	const char *thread;
	int64_t turn;
};

static int dispatch_move(sd_varlink *link, sd_json_variant *parameters, struct move_call *ret)
{
	static const sd_json_dispatch_field table[] = {
		{ "thread", SD_JSON_VARIANT_STRING, sd_json_dispatch_const_string,
		  offsetof(struct move_call, thread), SD_JSON_NULLABLE },
		{ "turn", _SD_JSON_VARIANT_TYPE_INVALID, agentd_dispatch_number,
		  offsetof(struct move_call, turn), SD_JSON_NULLABLE },
		{ 0 }
	};

	return sd_varlink_dispatch(link, parameters, table, ret);
}

int agentd_undo(sd_varlink *link, sd_json_variant *parameters, sd_varlink_method_flags_t flags,
		void *userdata)
{
	struct agent *agent = userdata;
	struct move_call in = { 0 };
	struct thread *thread;
	int r = dispatch_move(link, parameters, &in);

	(void)flags;
	if (r != 0)
		return r;
	r = find_idle(agent, link, in.thread, &thread);
	if (r <= 0)
		return r;
	if (thread->head == 0)
		return agentd_not_now(link, "there is no turn to undo");
	if (in.turn != 0 && (uint64_t)in.turn != thread->head)
		return agentd_not_now(link, "turn %lld is not the last one of the conversation",
				      (long long)in.turn);
	return move_head(agent, link, thread, "undo", thread->head,
			 turns_at(agent->threads, thread->head)->before);
}

int agentd_redo(sd_varlink *link, sd_json_variant *parameters, sd_varlink_method_flags_t flags,
		void *userdata)
{
	struct agent *agent = userdata;
	struct move_call in = { 0 };
	struct thread *thread;
	uint64_t turn;
	int r = dispatch_move(link, parameters, &in);

	(void)flags;
	if (r != 0)
		return r;
	r = find_idle(agent, link, in.thread, &thread);
	if (r <= 0)
		return r;
	turn = threads_path_redo(agent->threads, thread);
	if (turn == 0)
		return agentd_not_now(link, "there is no turn that was undone");
	if (in.turn != 0 && (uint64_t)in.turn != turn)
		return agentd_not_now(link, "turn %lld is not the one that comes back next",
				      (long long)in.turn);
	return move_head(agent, link, thread, "redo", turn, turn);
}

/* What the message said and allowed; its key and its tapes were that turn's own. */
static void copy_message(struct payload *payload, yyjson_val *from)
{
	static const char *const own[] = { "key", "record", "replay", "retry", "intent" };
	yyjson_val *key, *value;
	size_t i, max;

	yyjson_obj_foreach(from, i, max, key, value)
	{
		bool is_own = false;

		for (size_t j = 0; j < sizeof(own) / sizeof(own[0]); j++)
			is_own |= yyjson_equals_str(key, own[j]);
		if (is_own || payload->error < 0)
			continue;
		if (!yyjson_mut_obj_add(payload->root, yyjson_val_mut_copy(payload->doc, key),
					yyjson_val_mut_copy(payload->doc, value)))
			payload->error = -ENOMEM;
	}
}

static int retry(struct agent *agent, sd_varlink *link, struct thread *thread, const char *key)
{
	struct buf bytes = BUF(JOURNAL_PAYLOAD_MAX);
	struct journal_record accepted;
	struct payload payload;
	struct error err = { 0 };
	yyjson_doc *doc;
	int r = journal_commit(agent->journal, &err); /* what is not durable cannot be read */

	if (r >= 0)
		r = agentd_find_accepted(agent, thread->head, &accepted, &bytes);
	if (r < 0) {
		buf_free(&bytes);
		return r;
	}
	doc = payload_parse(accepted.payload, accepted.payload_length);
	payload_begin(&payload, journal_blobs(agent->journal));
	payload_string(&payload, "key", key);
	payload_number(&payload, "retry", thread->head);
	copy_message(&payload, yyjson_doc_get_root(doc));
	yyjson_doc_free(doc);
	buf_free(&bytes);
	return agentd_accept(agent, link, thread, &payload);
}

struct keyed_call {
	const char *thread, *key;
};

/* 1: a new call; else it has been answered. */
static int dispatch_keyed(struct agent *agent, sd_varlink *link, sd_json_variant *parameters,
			  struct keyed_call *ret)
{
	static const sd_json_dispatch_field table[] = {
		{ "thread", SD_JSON_VARIANT_STRING, sd_json_dispatch_const_string,
		  offsetof(struct keyed_call, thread), SD_JSON_NULLABLE },
		{ "key", SD_JSON_VARIANT_STRING, sd_json_dispatch_const_string,
		  offsetof(struct keyed_call, key), SD_JSON_MANDATORY },
		{ 0 }
	};
	int r = sd_varlink_dispatch(link, parameters, table, ret);

	if (r != 0)
		return r < 0 ? r : 0;
	if (!agentd_is_key(ret->key))
		return agentd_invalid(link, "key has 1 to %d bytes", AGENTD_KEY_BYTES_MAX);
	return agentd_answer_known_key(agent, link, ret->key);
}

int agentd_compact(sd_varlink *link, sd_json_variant *parameters, sd_varlink_method_flags_t flags,
		   void *userdata)
{
	struct agent *agent = userdata;
	struct keyed_call in = { 0 };
	struct thread *thread;
	struct payload payload;
	int r = dispatch_keyed(agent, link, parameters, &in);

	(void)flags;
	if (r <= 0)
		return r;
	thread = agentd_thread(agent, in.thread);
	if (!thread)
		return agentd_unknown_thread(link, in.thread ? in.thread : AGENTD_THREAD_DEFAULT);
	if (thread->head == 0)
		return agentd_not_now(link, "there is no turn to summarise");
	r = agentd_check_room(agent, link, thread);
	if (r <= 0)
		return r;
	payload_begin(&payload, journal_blobs(agent->journal));
	payload_string(&payload, "key", in.key);
	payload_string(&payload, "text", "/compact");
	payload_flag(&payload, "compact", true);
	payload_json(&payload, "allow", "[]");
	payload_flag(&payload, "unattended", true);
	payload_number(&payload, "workspace", 0);
	return agentd_accept(agent, link, thread, &payload);
}

int agentd_retry(sd_varlink *link, sd_json_variant *parameters, sd_varlink_method_flags_t flags,
		 void *userdata)
{
	struct agent *agent = userdata;
	struct keyed_call in = { 0 };
	struct thread *thread;
	int r = dispatch_keyed(agent, link, parameters, &in);

	(void)flags;
	if (r > 0)
		r = find_idle(agent, link, in.thread, &thread);
	if (r > 0 && thread->head == 0)
		return agentd_not_now(link, "there is no turn to repeat");
	if (r > 0)
		r = agentd_check_room(agent, link, thread);
	return r > 0 ? retry(agent, link, thread, in.key) : r;
}

/* The thread's name with the first number behind it that is free. */
static const char *branch_name(struct agent *agent, const struct thread *from,
			       char ret[NAME_BYTES + 1])
{
	for (unsigned n = 2; n < NUMBERS_MAX; n++) {
		int length = snprintf(ret, NAME_BYTES + 1, "%s-%u", from->name, n);

		if (length > NAME_BYTES)
			(void)snprintf(ret, NAME_BYTES + 1, "branch-%u", n); /* always fits */
		if (!agentd_thread(agent, ret))
			return ret;
	}
	return ret; /* it is taken: the call says so */
}

struct branch_call {
	const char *thread, *name;
	int64_t turn;
};

static int branch(struct agent *agent, sd_varlink *link, const struct branch_call *in)
{
	const struct thread *thread = agentd_thread(agent, in->thread);
	uint64_t turn = in->turn > 0 ? (uint64_t)in->turn : 0;
	char name[NAME_BYTES + 1];

	if (!thread)
		return agentd_unknown_thread(link, in->thread ? in->thread : AGENTD_THREAD_DEFAULT);
	if (in->turn == 0)
		turn = thread->head;
	if (in->turn == 0 && turn == 0)
		return agentd_not_now(link, "there is no turn to branch at");
	/* also one that was undone */
	if (turn == 0 || !turns_at(agent->threads, turn) ||
	    (turns_at(agent->threads, turn)->thread != thread->id &&
	     !threads_path_has(agent->threads, thread, turn)))
		return sd_varlink_errorbo(link, "io.clawos.Agent.UnknownTurn",
					  SD_JSON_BUILD_PAIR_INTEGER("turn", in->turn));
	if (turns_at(agent->threads, turn)->state <= TURN_STARTED)
		return agentd_not_now(link, "turn %llu is not over", (unsigned long long)turn);
	return agentd_branch_thread(agent, link,
				    in->name ? in->name : branch_name(agent, thread, name), turn);
}

int agentd_branch(sd_varlink *link, sd_json_variant *parameters, sd_varlink_method_flags_t flags,
		  void *userdata)
{
	static const sd_json_dispatch_field table[] = {
		{ "thread", SD_JSON_VARIANT_STRING, sd_json_dispatch_const_string,
		  offsetof(struct branch_call, thread), SD_JSON_NULLABLE },
		{ "turn", _SD_JSON_VARIANT_TYPE_INVALID, agentd_dispatch_number,
		  offsetof(struct branch_call, turn), SD_JSON_NULLABLE },
		{ "name", SD_JSON_VARIANT_STRING, sd_json_dispatch_const_string,
		  offsetof(struct branch_call, name), SD_JSON_NULLABLE },
		{ 0 }
	};
	struct branch_call in = { 0 };
	int r = sd_varlink_dispatch(link, parameters, table, &in);

	(void)flags;
	return r != 0 ? r : branch(userdata, link, &in);
}
