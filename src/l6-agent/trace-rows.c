/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l6-agent/trace-rows.h"

#include "base/array.h"
#include "l6-agent/field.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Lists of two records of one step are one list. */
static int add_secrets(sd_json_variant **object, sd_json_variant *more)
{
	__attribute__((cleanup(sd_json_variant_unrefp))) sd_json_variant *list =
		sd_json_variant_ref(sd_json_variant_by_key(*object, "secrets"));
	size_t n = sd_json_variant_is_array(more) ? sd_json_variant_elements(more) : 0;
	int r = 0;

	for (size_t i = 0; i < n && r >= 0; i++)
		r = sd_json_variant_append_array(&list, sd_json_variant_by_index(more, i));
	return r < 0 ? r : sd_json_variant_set_field(object, "secrets", list);
}

/* Copies every field of data into the object, but those the trace has another name for. */
static int merge(sd_json_variant **object, sd_json_variant *data)
{
	size_t n = sd_json_variant_is_object(data) ? sd_json_variant_elements(data) : 0;
	int r = 0;

	for (size_t i = 0; i + 1 < n && r >= 0; i += 2) { /* names and values take turns */
		const char *key = sd_json_variant_string(sd_json_variant_by_index(data, i));

		if (strcmp(key, "secrets") == 0)
			r = add_secrets(object, sd_json_variant_by_index(data, i + 1));
		else if (strcmp(key, "key") != 0 && strcmp(key, "attempt") != 0)
			r = sd_json_variant_set_field(object, key,
						      sd_json_variant_by_index(data, i + 1));
	}
	return r;
}

static struct trace_row *add_row(struct trace_row **rows, size_t *n, size_t *capacity)
{
	if (ARRAY_ROOM(*rows, *n, *capacity, TRACE_ROWS_MAX) < 0)
		return NULL;
	memset(&(*rows)[*n], 0, sizeof(**rows));
	return &(*rows)[(*n)++];
}

static int add_model_start(struct trace_rows *rows, const struct journal_record *record,
			   sd_json_variant *data)
{
	struct trace_row *row = add_row(&rows->models, &rows->n_models, &rows->models_capacity);
	int r;

	if (!row)
		return -ENOMEM;
	row->call = (uint64_t)field_number(data, "call", 0);
	r = sd_json_buildo(
		&row->object, SD_JSON_BUILD_PAIR_UNSIGNED("seq", record->sequence),
		SD_JSON_BUILD_PAIR_UNSIGNED("startedUsec", record->time_us),
		SD_JSON_BUILD_PAIR_UNSIGNED("attempt", (uint64_t)field_number(data, "attempt", 0)));
	return r < 0 ? r : merge(&row->object, data);
}

static int add_model_done(struct trace_rows *rows, sd_json_variant *data)
{
	for (size_t i = rows->n_models; i > 0; i--)
		if (rows->models[i - 1].call == (uint64_t)field_number(data, "call", 0))
			return merge(&rows->models[i - 1].object, data);
	return 0;
}

static struct trace_row *tool_row(struct trace_rows *rows, sd_json_variant *data)
{
	const char *id = field_text(data, "id", "");
	struct trace_row *row;

	for (size_t i = rows->n_tools; i > 0; i--) {
		row = &rows->tools[i - 1];
		/* providers count ids anew with each answer: a call that is done is another one */
		if (strncmp(row->id, id, sizeof(row->id) - 1) == 0 &&
		    !sd_json_variant_by_key(row->object, "ok"))
			return row;
	}
	row = add_row(&rows->tools, &rows->n_tools, &rows->tools_capacity);
	if (row)
		(void)snprintf(row->id, sizeof(row->id), "%s", id); /* a long id may be cut */
	return row;
}

static int add_tool(struct trace_rows *rows, const struct journal_record *record,
		    sd_json_variant *data)
{
	struct trace_row *row = tool_row(rows, data);
	int r;

	if (!row)
		return -ENOMEM;
	r = merge(&row->object, data);
	if (r >= 0 && record->kind == JOURNAL_TOOL_STARTED) {
		row->begun_us = record->time_us;
		row->attempts++;
		r = sd_json_variant_set_field_unsigned(&row->object, "seq", record->sequence);
		if (r >= 0)
			r = sd_json_variant_set_field_unsigned(&row->object, "startedUsec",
							       record->time_us);
		if (r >= 0)
			r = sd_json_variant_set_field_unsigned(&row->object, "attempts",
							       row->attempts);
	}
	if (r >= 0 && record->kind == JOURNAL_TOOL_DONE && row->begun_us > 0)
		r = sd_json_variant_set_field_unsigned(
			&row->object, "durationUsec",
			record->time_us > row->begun_us ? record->time_us - row->begun_us : 0);
	return r;
}

static int add_question(struct trace_rows *rows, const struct journal_record *record,
			sd_json_variant *data)
{
	struct trace_row *row =
		add_row(&rows->questions, &rows->n_questions, &rows->questions_capacity);
	int r;

	if (!row)
		return -ENOMEM;
	row->call = record->sequence;
	r = merge(&row->object, data);
	if (r >= 0)
		r = sd_json_variant_set_field_unsigned(&row->object, "seq", record->sequence);
	if (r >= 0)
		r = sd_json_variant_set_field_unsigned(&row->object, "askedUsec", record->time_us);
	return r;
}

static int add_decision(struct trace_rows *rows, const struct journal_record *record,
			sd_json_variant *data)
{
	for (size_t i = rows->n_questions; i > 0; i--) {
		struct trace_row *row = &rows->questions[i - 1];
		int r;

		if (row->call != (uint64_t)field_number(data, "question", 0))
			continue;
		r = sd_json_variant_set_field(&row->object, "allow",
					      sd_json_variant_by_key(data, "allow"));
		if (r >= 0)
			r = sd_json_variant_set_field(&row->object, "by",
						      sd_json_variant_by_key(data, "by"));
		if (r >= 0)
			r = sd_json_variant_set_field_unsigned(&row->object, "answeredUsec",
							       record->time_us);
		return r;
	}
	return 0;
}

static int add_steer(struct trace_rows *rows, const struct journal_record *record,
		     sd_json_variant *data)
{
	struct trace_row *row = add_row(&rows->steers, &rows->n_steers, &rows->steers_capacity);

	if (!row)
		return -ENOMEM;
	return sd_json_buildo(
		&row->object, SD_JSON_BUILD_PAIR_UNSIGNED("seq", record->sequence),
		SD_JSON_BUILD_PAIR_UNSIGNED("timeUsec", record->time_us),
		SD_JSON_BUILD_PAIR_VARIANT("text", sd_json_variant_by_key(data, "text")));
}

/* Its intent, and then what came of it. */
static int add_compaction(struct trace_rows *rows, const struct journal_record *record,
			  sd_json_variant *data)
{
	bool is_start = record->kind == JOURNAL_COMPACT_STARTED;
	struct trace_row *row =
		rows->n_compactions > 0 ? &rows->compactions[rows->n_compactions - 1] : NULL;
	int r;

	if (is_start || !row || sd_json_variant_by_key(row->object, "ok"))
		row = add_row(&rows->compactions, &rows->n_compactions,
			      &rows->compactions_capacity);
	if (!row)
		return -ENOMEM;
	r = merge(&row->object, data);
	if (r >= 0 && !sd_json_variant_by_key(row->object, "seq"))
		r = sd_json_variant_set_field_unsigned(&row->object, "seq", record->sequence);
	if (r >= 0 && !sd_json_variant_by_key(row->object, "startedUsec"))
		r = sd_json_variant_set_field_unsigned(&row->object, "startedUsec",
						       record->time_us);
	return r;
}

static int add_time(struct trace_rows *rows, const char *key, const struct journal_record *record,
		    sd_json_variant *data)
{
	int r = merge(&rows->turn, data);

	return r < 0 ? r : sd_json_variant_set_field_unsigned(&rows->turn, key, record->time_us);
}

int trace_rows_add(struct trace_rows *rows, const struct journal_record *record,
		   sd_json_variant *data)
{
	if (rows->first_sequence == 0)
		rows->first_sequence = record->sequence;
	rows->last_sequence = record->sequence;
	switch (record->kind) {
	case JOURNAL_ACCEPTED:
		return add_time(rows, "acceptedUsec", record, data);
	case JOURNAL_TURN_STARTED:
		return add_time(rows, "startedUsec", record, data);
	case JOURNAL_MODEL_STARTED:
		return add_model_start(rows, record, data);
	case JOURNAL_MODEL_DONE:
		return add_model_done(rows, data);
	case JOURNAL_TOOL_STARTED:
	case JOURNAL_TOOL_DONE:
		return add_tool(rows, record, data);
	case JOURNAL_QUESTION:
		return add_question(rows, record, data);
	case JOURNAL_DECISION:
		return add_decision(rows, record, data);
	case JOURNAL_ANSWER:
		return sd_json_variant_set_field(&rows->turn, "answer",
						 sd_json_variant_by_key(data, "text"));
	case JOURNAL_TURN_DONE:
		return add_time(rows, "doneUsec", record, data);
	case JOURNAL_STEER:
		return add_steer(rows, record, data);
	case JOURNAL_COMPACT_STARTED:
	case JOURNAL_COMPACTED:
		return add_compaction(rows, record, data);
	case JOURNAL_THREAD_NEW:
	case JOURNAL_HEAD:
	case JOURNAL_KIND_END:
		break;
	}
	return 0;
}

sd_json_variant **trace_rows_model_call(struct trace_rows *rows)
{
	return &rows->models[rows->n_models - 1].object;
}

static int put_list(struct trace_rows *rows, const char *key, struct trace_row *list, size_t n)
{
	sd_json_variant *array = NULL;
	int r = sd_json_variant_new_array(&array, NULL, 0);

	for (size_t i = 0; i < n && r >= 0; i++)
		r = sd_json_variant_append_array(&array, list[i].object);
	if (r >= 0)
		r = sd_json_variant_set_field(&rows->turn, key, array);
	sd_json_variant_unref(array);
	return r;
}

int trace_rows_end(struct trace_rows *rows, uint64_t turn, const char *thread, const char *state,
		   sd_json_variant **ret)
{
	int r = sd_json_variant_set_field_unsigned(&rows->turn, "turn", turn);

	if (r >= 0)
		r = sd_json_variant_set_field_string(&rows->turn, "thread", thread);
	if (r >= 0)
		r = sd_json_variant_set_field_string(&rows->turn, "state", state);
	if (r >= 0)
		r = sd_json_variant_set_field_unsigned(&rows->turn, "firstSeq",
						       rows->first_sequence);
	if (r >= 0)
		r = sd_json_variant_set_field_unsigned(&rows->turn, "lastSeq", rows->last_sequence);
	if (r >= 0)
		r = put_list(rows, "modelCalls", rows->models, rows->n_models);
	if (r >= 0)
		r = put_list(rows, "toolCalls", rows->tools, rows->n_tools);
	if (r >= 0)
		r = put_list(rows, "questions", rows->questions, rows->n_questions);
	if (r >= 0 && rows->n_compactions > 0)
		r = put_list(rows, "compactions", rows->compactions, rows->n_compactions);
	if (r >= 0 && rows->n_steers > 0)
		r = put_list(rows, "steers", rows->steers, rows->n_steers);
	if (r >= 0)
		*ret = sd_json_variant_ref(rows->turn);
	return r;
}

static void free_list(struct trace_row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++)
		sd_json_variant_unref(rows[i].object);
	free(rows);
}

void trace_rows_free(struct trace_rows *rows)
{
	free_list(rows->models, rows->n_models);
	free_list(rows->tools, rows->n_tools);
	free_list(rows->questions, rows->n_questions);
	free_list(rows->steers, rows->n_steers);
	free_list(rows->compactions, rows->n_compactions);
	sd_json_variant_unref(rows->turn);
	memset(rows, 0, sizeof(*rows));
}
