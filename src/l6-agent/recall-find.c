/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* Where the records of a conversation lie: those of a turn, and the summary that is in force. */
#include "base/array.h"
#include "l6-agent/payload.h"
#include "l6-agent/recall.h"
#include "l6-agent/threads-path.h"

#include <string.h>

enum { POSITIONS_MAX = 1 << 22 };

static void reverse(uint64_t *values, size_t n)
{
	for (size_t i = 0; i < n / 2; i++) {
		uint64_t kept = values[i];

		values[i] = values[n - 1 - i];
		values[n - 1 - i] = kept;
	}
}

int recall_positions(struct journal *journal, uint64_t last_position, uint64_t turn, uint64_t **ret,
		     size_t *ret_n, struct error *err)
{
	uint64_t *positions = NULL;
	size_t n = 0, capacity = 0;
	int r = 0;

	for (uint64_t at = last_position; at;) {
		struct journal_record record;

		r = ARRAY_ROOM(positions, n, capacity, POSITIONS_MAX);
		if (r < 0)
			(void)FAIL(err, r, "the turn has too many records");
		else
			r = journal_peek(journal, at, &record, err);
		if (r < 0)
			break;
		if (record.turn == turn)
			positions[n++] = at;
		if (record.turn == turn && record.kind == JOURNAL_ACCEPTED)
			break;
		at = record.previous;
	}
	if (r < 0) {
		free(positions);
		return r;
	}
	reverse(positions, n);
	*ret = positions;
	*ret_n = n;
	return 0;
}

int recall_compaction(struct journal *journal, const struct recall_path *path,
		      struct recall_compaction *ret, struct error *err)
{
	struct buf payload = BUF(JOURNAL_PAYLOAD_MAX);
	uint64_t position = 0, limit = path->position;
	struct journal_record record;
	yyjson_doc *doc;
	int r = 0;

	*ret = (struct recall_compaction){ .summary = BUF(PAYLOAD_TEXT_MAX) };
	for (uint64_t at = path->turn; at && position == 0;
	     at = turns_at(path->threads, at)->before, limit = 0)
		position = threads_path_compaction(path->threads, at, limit);
	if (position == 0)
		return 0;
	r = journal_read(journal, position, &payload, &record, err);
	if (r >= 0) {
		doc = payload_parse(record.payload, record.payload_length);
		ret->position = position;
		ret->from = payload_get_number(yyjson_doc_get_root(doc), "from");
		ret->until = payload_get_number(yyjson_doc_get_root(doc), "until");
		r = payload_get_text(yyjson_doc_get_root(doc), "summary", journal_blobs(journal),
				     &ret->summary);
		if (r < 0)
			(void)FAIL(err, r, "a summary cannot be read back: %s", strerror(-r));
		yyjson_doc_free(doc);
	}
	buf_free(&payload);
	return r;
}
