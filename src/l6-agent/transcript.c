/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l6-agent/transcript.h"

#include "base/utf8.h"
#include "l6-agent/payload.h"
#include "l6-agent/recall.h"

#include <string.h>

/* The front and the end of a text that is too long, on lines of their own. */
static int add_cut(struct buf *out, const struct buf *text, size_t max)
{
	const char *bytes = buf_string(text);
	size_t head, tail;
	int r;

	if (text->length <= max)
		return utf8_add_repaired(out, bytes, text->length);
	head = utf8_cut(bytes, text->length, max - max / 4);
	tail = text->length - max / 4;
	while (tail < text->length && ((unsigned char)bytes[tail] & 0xC0) == 0x80)
		tail++;
	r = utf8_add_repaired(out, bytes, head);
	if (r >= 0)
		r = buf_printf(out, " [… %zu bytes …] ", tail - head);
	return r < 0 ? r : utf8_add_repaired(out, bytes + tail, text->length - tail);
}

/* "who: text" of a part of the payload; nothing when it is absent. */
static int add_part(const struct transcript_source *source, const char *who, yyjson_val *part,
		    struct buf *out)
{
	struct buf text = BUF(PAYLOAD_TEXT_MAX);
	int r = part ? payload_value_text(part, journal_blobs(source->journal), &text) : 0;

	if (r >= 0 && text.length > 0) {
		r = buf_printf(out, "%s: ", who);
		if (r >= 0)
			r = add_cut(out, &text, source->part_max);
		if (r >= 0)
			r = buf_add_char(out, '\n');
	}
	buf_free(&text);
	return r;
}

static int add_calls(const struct transcript_source *source, yyjson_val *calls, struct buf *out)
{
	yyjson_val *call;
	size_t i, max;
	int r = 0;

	yyjson_arr_foreach(calls, i, max, call)
	{
		struct buf name = BUF(PAYLOAD_TEXT_MAX), words = BUF(PAYLOAD_TEXT_MAX);

		if (r >= 0)
			r = payload_get_text(call, "name", journal_blobs(source->journal), &name);
		if (r >= 0)
			r = buf_printf(&words, "Assistant calls %.100s", buf_string(&name));
		if (r >= 0)
			r = add_part(source, buf_string(&words), yyjson_obj_get(call, "arguments"),
				     out);
		buf_free(&name);
		buf_free(&words);
	}
	return r;
}

/* Files of a message by name: their bytes are no words. */
static int add_files(yyjson_val *files, struct buf *out)
{
	yyjson_val *file;
	size_t i, max;
	int r = 0;

	yyjson_arr_foreach(files, i, max, file)
	{
		const char *name = payload_get_string(file, "name");

		if (r >= 0 && name)
			r = buf_printf(out, "With it came the file %.200s\n", name);
	}
	return r;
}

static int add_record(const struct transcript_source *source, const struct journal_record *record,
		      yyjson_val *payload, struct buf *out)
{
	const char *name = payload_get_string(payload, "tool"),
		   *state = payload_get_string(payload, "state");
	bool ok = payload_get_flag(payload, "ok");
	char words[160];
	int r;

	switch (record->kind) {
	case JOURNAL_ACCEPTED:
		r = buf_printf(out, "## Turn %llu\n", (unsigned long long)record->turn);
		if (r >= 0)
			r = add_part(source, "Person", yyjson_obj_get(payload, "text"), out);
		if (r >= 0)
			r = add_part(source, "With it came", yyjson_obj_get(payload, "context"),
				     out);
		return r < 0 ? r : add_files(yyjson_obj_get(payload, "attachments"), out);
	case JOURNAL_STEER:
		return add_part(source, "Person", yyjson_obj_get(payload, "text"), out);
	case JOURNAL_MODEL_DONE:
		r = ok ? add_part(source, "Assistant", yyjson_obj_get(payload, "text"), out) : 0;
		return r < 0 ? r : add_calls(source, yyjson_obj_get(payload, "calls"), out);
	case JOURNAL_TOOL_DONE:
		(void)snprintf(words, sizeof(words), "%s of %.100s", ok ? "Result" : "Failure",
			       name ? name : "?"); /* fits */
		return add_part(source, words, yyjson_obj_get(payload, "result"), out);
	case JOURNAL_TURN_DONE:
		if (!state || strcmp(state, "done") == 0)
			return 0;
		return buf_printf(out, "(This turn ended as %s.)\n", state);
	default:
		return 0;
	}
}

static int add_at(const struct transcript_source *source, uint64_t position, struct buf *bytes,
		  struct buf *out, bool *is_compaction, struct error *err)
{
	struct journal_record record;
	yyjson_doc *doc;
	int r = journal_read(source->journal, position, bytes, &record, err);

	if (r < 0)
		return r;
	doc = payload_parse(record.payload, record.payload_length);
	if (payload_get_flag(yyjson_doc_get_root(doc), "compact"))
		*is_compaction = true;
	if (!*is_compaction)
		r = add_record(source, &record, yyjson_doc_get_root(doc), out);
	yyjson_doc_free(doc);
	return r < 0 ? FAIL(err, r, "turn %llu cannot be written down: %s",
			    (unsigned long long)record.turn, strerror(-r))
		     : 0;
}

int transcript_add(const struct transcript_source *source, uint64_t turn, struct buf *out,
		   struct error *err)
{
	struct buf bytes = BUF(JOURNAL_PAYLOAD_MAX);
	bool is_compaction = false;
	uint64_t *positions = NULL;
	size_t n = 0;
	int r = recall_positions(source->journal, turns_at(source->threads, turn)->last_position,
				 turn, &positions, &n, err);

	for (size_t i = 0; i < n && r >= 0 && !is_compaction; i++)
		r = add_at(source, positions[i], &bytes, out, &is_compaction, err);
	free(positions);
	buf_free(&bytes);
	return r;
}
