/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* History: the last turns of a thread, folded from its records. */
#include "base/array.h"
#include "l6-agent/agentd-service.h"
#include "l6-agent/event.h"
#include "l6-agent/recall.h"
#include "l6-agent/threads-path.h"

#include <string.h>

enum { TURNS_DEFAULT = 20, TURNS_MAX = 1000 };

/* One turn as it is gathered. */
struct row {
	uint64_t turn;
	sd_json_variant *object, *tools, *steers; /* steers: NULL while there are none */
};

struct rows {
	struct row *items;
	size_t n, capacity;
};

static void free_rows(struct rows *rows)
{
	for (size_t i = 0; i < rows->n; i++) {
		sd_json_variant_unref(rows->items[i].object);
		sd_json_variant_unref(rows->items[i].tools);
		sd_json_variant_unref(rows->items[i].steers);
	}
	free(rows->items);
}

/* The last turns of the thread and of what it goes on from, newest first; at most limit. */
static int find_turns(struct agent *agent, const struct thread *thread, size_t limit,
		      uint64_t *turns, size_t *ret_n, struct error *err)
{
	uint64_t position = thread->last_position;
	struct journal_record record;
	size_t n = 0;

	while (position && n < limit) {
		int r = journal_peek(agent->journal, position, &record, err);

		if (r < 0)
			return r;
		if (record.kind == JOURNAL_ACCEPTED)
			turns[n++] = record.turn;
		position = record.previous;
	}
	for (uint64_t at = thread->origin; at && n < limit;
	     at = turns_at(agent->threads, at)->before)
		turns[n++] = at;
	*ret_n = n;
	return 0;
}

static struct row *row_of(struct rows *rows, uint64_t turn)
{
	for (size_t i = rows->n; i > 0; i--)
		if (rows->items[i - 1].turn == turn)
			return &rows->items[i - 1];
	return NULL;
}

static int copy_field(sd_json_variant **object, sd_json_variant *data, const char *key)
{
	sd_json_variant *value = sd_json_variant_by_key(data, key);

	return value ? sd_json_variant_set_field(object, key, value) : 0;
}

/* Whether the turn is in the conversation, and where it was said when that was elsewhere. */
static int add_place(struct agent *agent, const struct thread *thread, uint64_t turn,
		     sd_json_variant **object)
{
	uint64_t home = turns_at(agent->threads, turn)->thread;
	int r = 0;

	if (!threads_path_has(agent->threads, thread, turn))
		r = sd_json_variant_set_field_boolean(object, "undone", true);
	if (r >= 0 && home != thread->id)
		r = sd_json_variant_set_field_string(object, "thread",
						     threads_by_id(agent->threads, home)->name);
	return r;
}

static int begin_row(struct agent *agent, const struct thread *thread, struct rows *rows,
		     const struct journal_record *record, sd_json_variant *data)
{
	uint32_t state = turns_at(agent->threads, record->turn)->state;
	struct row *row;
	int r = ARRAY_ROOM(rows->items, rows->n, rows->capacity, TURNS_MAX + 1);

	if (r < 0)
		return r;
	row = &rows->items[rows->n++];
	*row = (struct row){ .turn = record->turn };
	r = sd_json_buildo(&row->object, SD_JSON_BUILD_PAIR_UNSIGNED("turn", record->turn),
			   SD_JSON_BUILD_PAIR_STRING("state", turn_state_name(state)),
			   SD_JSON_BUILD_PAIR_UNSIGNED("seq", record->sequence),
			   SD_JSON_BUILD_PAIR_UNSIGNED("timeUsec", record->time_us));
	if (r >= 0)
		r = sd_json_variant_new_array(&row->tools, NULL, 0);
	for (const char *const *key = (const char *const[]){ "text", "tool", "contextBytes",
							     "attachments", "retry", NULL };
	     *key && r >= 0; key++)
		r = copy_field(&row->object, data, *key);
	return r < 0 ? r : add_place(agent, thread, record->turn, &row->object);
}

static int add_tool(struct row *row, sd_json_variant *data)
{
	sd_json_variant *name = sd_json_variant_by_key(data, "tool");
	sd_json_variant *ok = sd_json_variant_by_key(data, "ok");

	return sd_json_variant_append_arraybo(&row->tools, SD_JSON_BUILD_PAIR_VARIANT("name", name),
					      SD_JSON_BUILD_PAIR_VARIANT("ok", ok));
}

static int add_to_row(struct row *row, const struct journal_record *record, sd_json_variant *data)
{
	sd_json_variant *text;
	int r = 0;

	if (record->kind == JOURNAL_TOOL_DONE)
		return add_tool(row, data);
	if (record->kind == JOURNAL_COMPACTED) {
		r = copy_field(&row->object, data, "from");
		return r < 0 ? r : copy_field(&row->object, data, "until");
	}
	if (record->kind == JOURNAL_STEER) {
		text = sd_json_variant_by_key(data, "text");
		return sd_json_variant_append_array(&row->steers, text);
	}
	if (record->kind == JOURNAL_ANSWER) {
		text = sd_json_variant_by_key(data, "text");
		return text ? sd_json_variant_set_field(&row->object, "answer", text) : 0;
	}
	for (const char *const *key =
		     (const char *const[]){ "reason", "refused", "modelCalls", NULL };
	     *key && r >= 0; key++)
		r = copy_field(&row->object, data, *key);
	return r;
}

static bool is_told(enum journal_kind kind)
{
	return kind == JOURNAL_ACCEPTED || kind == JOURNAL_TOOL_DONE || kind == JOURNAL_ANSWER ||
	       kind == JOURNAL_TURN_DONE || kind == JOURNAL_STEER || kind == JOURNAL_COMPACTED;
}

static int gather_one(struct agent *agent, const struct thread *thread, uint64_t position,
		      struct buf *payload, struct rows *rows, struct error *err)
{
	__attribute__((cleanup(sd_json_variant_unrefp))) sd_json_variant *event = NULL;
	struct journal_record record;
	sd_json_variant *data;
	struct row *row;
	int r = journal_peek(agent->journal, position, &record, err);

	if (r < 0 || !is_told(record.kind))
		return r;
	r = journal_read(agent->journal, position, payload, &record, err);
	if (r >= 0)
		r = event_build(&record, thread->name, journal_blobs(agent->journal), &event);
	if (r < 0)
		return r;
	data = sd_json_variant_by_key(event, "data");
	if (record.kind == JOURNAL_ACCEPTED)
		return begin_row(agent, thread, rows, &record, data);
	row = row_of(rows, record.turn);
	return row ? add_to_row(row, &record, data) : 0;
}

static int gather_turn(struct agent *agent, const struct thread *thread, uint64_t turn,
		       struct rows *rows, struct error *err)
{
	struct buf payload = BUF(JOURNAL_PAYLOAD_MAX);
	uint64_t *positions = NULL;
	size_t n = 0;
	int r = recall_positions(agent->journal, turns_at(agent->threads, turn)->last_position,
				 turn, &positions, &n, err);

	for (size_t i = 0; i < n && r >= 0; i++)
		r = gather_one(agent, thread, positions[i], &payload, rows, err);
	free(positions);
	buf_free(&payload);
	return r;
}

static int gather(struct agent *agent, const struct thread *thread, size_t limit, struct rows *rows,
		  struct error *err)
{
	uint64_t *turns = calloc(limit + 1, sizeof(*turns));
	size_t n = 0;
	int r = turns ? find_turns(agent, thread, limit, turns, &n, err) : -ENOMEM;

	for (size_t i = n; i > 0 && r >= 0; i--)
		r = gather_turn(agent, thread, turns[i - 1], rows, err);
	free(turns);
	return r;
}

static int reply(sd_varlink *link, struct rows *rows)
{
	__attribute__((cleanup(sd_json_variant_unrefp))) sd_json_variant *array = NULL;
	int r = sd_json_variant_new_array(&array, NULL, 0);

	for (size_t i = 0; i < rows->n && r >= 0; i++) {
		struct row *row = &rows->items[i];

		r = sd_json_variant_set_field(&row->object, "tools", row->tools);
		if (r >= 0 && row->steers)
			r = sd_json_variant_set_field(&row->object, "steers", row->steers);
		if (r >= 0)
			r = sd_json_variant_append_array(&array, row->object);
	}
	if (r < 0)
		return r;
	return sd_varlink_replybo(link, SD_JSON_BUILD_PAIR_VARIANT("turns", array));
}

int agentd_history(sd_varlink *link, sd_json_variant *parameters, sd_varlink_method_flags_t flags,
		   void *userdata)
{
	struct {
		const char *thread;
		uint64_t limit;
	} in = { .limit = TURNS_DEFAULT };
	static const sd_json_dispatch_field table[] = {
		{ "thread", SD_JSON_VARIANT_STRING, sd_json_dispatch_const_string, 0,
		  SD_JSON_NULLABLE },
		{ "limit", _SD_JSON_VARIANT_TYPE_INVALID, sd_json_dispatch_uint64, sizeof(char *),
		  SD_JSON_MANDATORY },
		{ 0 }
	};
	struct agent *agent = userdata;
	struct rows rows = { 0 };
	struct error err = { 0 };
	struct thread *thread;
	int r = sd_varlink_dispatch(link, parameters, table, &in);

	(void)flags;
	if (r != 0)
		return r;
	thread = agentd_thread(agent, in.thread);
	if (!thread && in.thread)
		return agentd_unknown_thread(link, in.thread);
	if (thread)
		r = gather(agent, thread, in.limit < TURNS_MAX ? in.limit : TURNS_MAX, &rows, &err);
	r = r < 0 ? r : reply(link, &rows);
	free_rows(&rows);
	return r;
}
