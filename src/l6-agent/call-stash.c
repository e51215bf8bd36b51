/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* result_read: a kept result, by the id the model was shown. */
#include "l6-agent/call-run.h"
#include "l6-agent/result.h"

#include "base/utf8.h"

#include <inttypes.h>
#include <string.h>

/* The kept result of that record, when it is of the same thread: what another one was shown, this
 * one was not. -EXDEV: of another thread of the same owner. */
static int load(const struct call_run_options *options, uint64_t id, struct buf *content,
		struct label_set *labels)
{
	struct journal *journal = options->agent->journal;
	struct buf payload = BUF(JOURNAL_PAYLOAD_MAX);
	struct journal_record record;
	struct error err = { 0 };
	yyjson_doc *doc = NULL;
	uint64_t position;
	int r = journal_seek(journal, id, &position, &err);

	if (r >= 0 && position == 0)
		r = -ENOENT;
	if (r >= 0)
		r = journal_read(journal, position, &payload, &record, &err);
	if (r >= 0 && (record.kind != JOURNAL_TOOL_DONE || record.owner != options->thread->owner))
		r = -ENOENT;
	if (r >= 0 && record.thread != options->thread->id)
		r = -EXDEV;
	if (r >= 0) {
		doc = payload_parse(record.payload, record.payload_length);
		r = payload_get_text(yyjson_doc_get_root(doc), "result", journal_blobs(journal),
				     content);
		payload_get_labels(yyjson_doc_get_root(doc), "labels", labels);
	}
	yyjson_doc_free(doc);
	buf_free(&payload);
	return r;
}

static void say_why_not(struct call_outcome *ret, int code, const char *id)
{
	if (code == -ENOENT)
		call_outcome_say(ret, false, "there is no kept result %s", id);
	else if (code == -EXDEV)
		call_outcome_say(ret, false,
				 "the result %s is of another thread; make the call that gave it "
				 "in this one",
				 id);
	else
		call_outcome_say(ret, false, "the result %s cannot be read", id);
}

static void show(struct call_outcome *ret, const struct buf *whole, uint64_t offset, uint64_t limit)
{
	size_t left, n;
	int r;

	if (offset >= whole->length) {
		call_outcome_say(ret, false,
				 "offset %" PRIu64 " is behind the end: the result has "
				 "%zu bytes",
				 offset, whole->length);
		return;
	}
	while (offset < whole->length && (whole->data[offset] & 0xc0) == 0x80)
		offset++; /* not inside a character */
	left = whole->length - offset;
	n = left <= limit ? left : utf8_cut(whole->data + offset, left, limit);
	r = utf8_add_repaired(&ret->content, whole->data + offset, n);
	if (r >= 0 && n < left)
		r = buf_printf(&ret->content, "\n[%zu of %zu bytes follow: offset %" PRIu64 "]",
			       left - n, whole->length, offset + n);
	ret->ok = r >= 0;
	if (r < 0)
		call_outcome_say(ret, false, "the result cannot be shown: %s", strerror(-r));
}

void call_stash_read(const struct call_run_options *options, struct call_outcome *ret)
{
	yyjson_doc *doc = payload_parse(options->arguments, strlen(options->arguments));
	yyjson_val *root = yyjson_doc_get_root(doc);
	const char *id = payload_get_string(root, "id");
	uint64_t limit = payload_get_number(root, "limit"), sequence;
	uint64_t most = options->result_limit - RESULT_LIMIT_MIN / 2; /* the last line fits, too */
	struct buf whole = BUF(PAYLOAD_TEXT_MAX);
	int r;

	if (limit == 0 || limit > most)
		limit = most;
	if (!id || !result_id_parse(id, &sequence))
		call_outcome_say(ret, false,
				 "id is \"r\" and a number, as in the line about bytes "
				 "left out");
	else if ((r = load(options, sequence, &whole, &ret->labels)) < 0)
		say_why_not(ret, r, id);
	else
		show(ret, &whole, payload_get_number(root, "offset"), limit);
	buf_free(&whole);
	yyjson_doc_free(doc);
}
