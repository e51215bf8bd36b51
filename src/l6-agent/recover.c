/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l6-agent/recover.h"

#include "l6-agent/recall.h"
#include "l6-agent/turn.h"

#include <string.h>

/* The accepted record makes the turn, those behind it its progress. */
static int apply(struct agent *agent, const struct journal_record *record, struct turn **turn,
		 struct error *err)
{
	struct thread *thread = threads_by_id(agent->threads, record->thread);
	yyjson_doc *doc = payload_parse(record->payload, record->payload_length);
	yyjson_val *root = yyjson_doc_get_root(doc);
	int r = 0;

	if (record->kind == JOURNAL_ACCEPTED) {
		r = turn_new(agent, thread, record->turn, record->position, root, turn);
		if (r < 0)
			(void)FAIL(err, r, "out of memory");
	} else if (*turn) {
		r = progress_apply(&(*turn)->progress, record, root, journal_blobs(agent->journal),
				   err);
	}
	yyjson_doc_free(doc);
	return r;
}

static int recover_turn(struct agent *agent, uint64_t id, struct error *err)
{
	struct buf payload = BUF(JOURNAL_PAYLOAD_MAX);
	struct journal_record record;
	struct turn *turn = NULL;
	uint64_t *positions = NULL;
	size_t n = 0;
	int r = recall_positions(agent->journal, turns_at(agent->threads, id)->last_position, id,
				 &positions, &n, err);

	for (size_t i = 0; i < n && r >= 0; i++) {
		r = journal_peek(agent->journal, positions[i], &record, err);
		if (r < 0 || record.turn != id)
			continue;
		r = journal_read(agent->journal, positions[i], &payload, &record, err);
		if (r >= 0)
			r = apply(agent, &record, &turn, err);
	}
	free(positions);
	buf_free(&payload);
	if (r < 0) {
		turn_free(turn);
		return r;
	}
	if (!turn)
		return FAIL(err, -EBADMSG, "turn %llu has no accepted record",
			    (unsigned long long)id);
	turn->thread->n_queued++;
	agent->accepted_turns++;
	turn_enqueue(turn);
	return 0;
}

int recover_turns(struct agent *agent, struct error *err)
{
	uint64_t n = turns_count(agent->threads);
	int taken = 0;

	for (uint64_t id = 1; id <= n; id++) {
		int r;

		if (turns_at(agent->threads, id)->state > TURN_STARTED)
			continue;
		r = recover_turn(agent, id, err);
		if (r < 0)
			return r;
		taken++;
	}
	return taken;
}
