/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l6-agent/job-log.h"

#include "base/clock.h"
#include "base/utf8.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

enum { TIME_BYTES = 16 };

int job_log_headline(const struct agent *agent, const struct thread *thread, struct buf *out)
{
	const struct job *job = thread->job;
	bool asks = thread->first && turn_has_question(thread->first);

	return buf_printf(out, "%s %s%s: %s (%" PRIu64 " of %" PRIu64 " model calls)", thread->name,
			  job_state_name(jobs_state(agent, thread)),
			  asks ? ", waits for the person" : "", job->title, job->calls,
			  job->calls_max);
}

static int read_at(struct agent *agent, uint64_t position, struct buf *payload,
		   struct journal_record *record, yyjson_doc **ret, struct error *err)
{
	int r = journal_read(agent->journal, position, payload, record, err);

	if (r < 0)
		return r;
	*ret = payload_parse(record->payload, record->payload_length);
	return *ret ? 0 : FAIL(err, -EBADMSG, "a record is not JSON");
}

/* Of the last turn: its answer, or the reason of its end when there is no answer. */
static int add_last(struct agent *agent, yyjson_val *root, enum journal_kind kind, struct buf *out,
		    bool *ret_found)
{
	const char *reason = payload_get_string(root, "reason");

	if (kind == JOURNAL_ANSWER) {
		*ret_found = true;
		return payload_get_text(root, "text", journal_blobs(agent->journal), out);
	}
	return kind == JOURNAL_TURN_DONE && reason ? buf_printf(out, "[%s]\n", reason) : 0;
}

int job_log_result(struct agent *agent, const struct thread *thread, struct buf *out,
		   struct error *err)
{
	const struct turn_entry *last = turns_at(agent->threads, thread->last_turn);
	uint64_t position = last ? last->last_position : 0;
	struct buf payload = BUF(JOURNAL_PAYLOAD_MAX);
	bool is_found = false;
	int r = 0;

	while (position > 0 && !is_found && r >= 0) {
		struct journal_record record;
		yyjson_doc *doc = NULL;

		r = journal_peek(agent->journal, position, &record, err);
		if (r < 0 || (record.turn == thread->last_turn && record.kind == JOURNAL_ACCEPTED))
			break;
		if (record.turn == thread->last_turn &&
		    (record.kind == JOURNAL_ANSWER || record.kind == JOURNAL_TURN_DONE)) {
			r = read_at(agent, position, &payload, &record, &doc, err);
			if (r >= 0)
				r = add_last(agent, yyjson_doc_get_root(doc), record.kind, out,
					     &is_found);
			yyjson_doc_free(doc);
		}
		position = record.previous;
	}
	buf_free(&payload);
	return r < 0 && err->code == 0 ? FAIL(err, r, "the result: %s", strerror(-r)) : r;
}

/* One line: what is no letter is a space. */
static int add_flat(struct buf *out, const char *text, size_t length)
{
	size_t n = utf8_cut(text, length, JOB_LOG_LINE_BYTES);
	size_t from = out->length;
	int r = utf8_add_repaired(out, text, n < length ? n : length);

	for (size_t i = from; r >= 0 && i < out->length; i++)
		if ((unsigned char)out->data[i] < ' ')
			out->data[i] = ' ';
	return r >= 0 && n < length ? buf_add_string(out, " …") : r;
}

static int add_text(struct agent *agent, yyjson_val *root, const char *key, struct buf *out)
{
	struct buf text = BUF(PAYLOAD_TEXT_MAX);
	yyjson_val *value = yyjson_obj_get(root, key);
	int r;

	if (yyjson_is_obj(value) && !payload_get_string(value, "blob")) {
		char *json = yyjson_val_write(value, 0, NULL);

		r = json ? buf_add_string(&text, json) : -ENOMEM;
		free(json);
	} else {
		r = value ? payload_value_text(value, journal_blobs(agent->journal), &text) : 0;
	}
	if (r >= 0 && text.length > 0)
		r = buf_add_char(out, ' ');
	if (r >= 0 && text.length > 0)
		r = add_flat(out, buf_string(&text), text.length);
	buf_free(&text);
	return r;
}

static int add_detail(struct agent *agent, const struct journal_record *record, yyjson_val *root,
		      struct buf *out)
{
	static const char *const keys[JOURNAL_KIND_END][3] = {
		[JOURNAL_ACCEPTED] = { "text" },
		[JOURNAL_MODEL_DONE] = { "text", "reason" },
		[JOURNAL_TOOL_STARTED] = { "tool", "arguments" },
		[JOURNAL_TOOL_DONE] = { "tool", "result" },
		[JOURNAL_QUESTION] = { "tool", "action" },
		[JOURNAL_DECISION] = { "by" },
		[JOURNAL_TURN_DONE] = { "state", "reason" },
	};
	int r = 0;

	for (const char *const *key = keys[record->kind]; *key && r >= 0; key++)
		r = add_text(agent, root, *key, out);
	if (r >= 0 && record->kind == JOURNAL_DECISION)
		r = buf_add_string(out, payload_get_flag(root, "allow") ? ": yes" : ": no");
	return r;
}

static int add_event(struct agent *agent, uint64_t position, struct buf *payload, struct buf *out,
		     struct error *err)
{
	struct journal_record record;
	char when[TIME_BYTES] = "";
	yyjson_doc *doc = NULL;
	struct tm parts;
	time_t seconds;
	int r = read_at(agent, position, payload, &record, &doc, err);

	if (r < 0)
		return r;
	seconds = (time_t)(record.time_us / CLOCK_SECOND_US);
	if (gmtime_r(&seconds, &parts))
		(void)strftime(when, sizeof(when), "%H:%M:%SZ", &parts);
	r = buf_printf(out, "%s %s", when, journal_kind_name(record.kind));
	if (r >= 0)
		r = add_detail(agent, &record, yyjson_doc_get_root(doc), out);
	yyjson_doc_free(doc);
	return r < 0 ? r : buf_add_char(out, '\n');
}

int job_log_events(struct agent *agent, const struct thread *thread, size_t limit, struct buf *out,
		   struct error *err)
{
	struct buf payload = BUF(JOURNAL_PAYLOAD_MAX);
	uint64_t positions[JOB_LOG_EVENTS_MAX];
	uint64_t at = thread->last_position;
	size_t n = 0;
	int r = 0;

	while (at > 0 && n < limit && n < JOB_LOG_EVENTS_MAX && r >= 0) {
		struct journal_record record;

		r = journal_peek(agent->journal, at, &record, err);
		positions[n++] = at;
		at = r < 0 ? 0 : record.previous;
	}
	while (n > 0 && r >= 0)
		r = add_event(agent, positions[--n], &payload, out, err);
	buf_free(&payload);
	return r < 0 && err->code == 0 ? FAIL(err, r, "the log: %s", strerror(-r)) : r;
}
