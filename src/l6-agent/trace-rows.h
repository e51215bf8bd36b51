/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * trace-rows - the records of one turn gathered into its trace object (L6).
 *
 * Pure: events in, one object out.
 *
 * Source     spec/trace.md
 */
#pragma once

#include "l6-agent/journal-record.h"

#include <systemd/sd-json.h>

enum { TRACE_ROWS_MAX = 4096 };

struct trace_row {
	sd_json_variant *object;
	uint64_t call;     /* a model call's number, a tool call's or question's sequence */
	char id[80];       /* a tool call's */
	uint64_t begun_us; /* its last intent */
	uint64_t attempts;
};

struct trace_rows {
	sd_json_variant *turn;
	struct trace_row *models, *tools, *questions, *steers, *compactions;
	size_t n_models, models_capacity, n_tools, tools_capacity, n_questions, questions_capacity;
	size_t n_steers, steers_capacity, n_compactions, compactions_capacity;
	uint64_t first_sequence, last_sequence;
};

/* data is the event's; records in order. */
must_check int trace_rows_add(struct trace_rows *rows, const struct journal_record *record,
			      sd_json_variant *data);
/* The object of the model call added last. */
sd_json_variant **trace_rows_model_call(struct trace_rows *rows);
must_check int trace_rows_end(struct trace_rows *rows, uint64_t turn, const char *thread,
			      const char *state, sd_json_variant **ret);
void trace_rows_free(struct trace_rows *rows);
