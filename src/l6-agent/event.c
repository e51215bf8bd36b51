/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l6-agent/event.h"

#include "base/utf8.h"
#include "l6-agent/payload.h"
#include "l6-agent/result.h"

#include <string.h>

enum { EVENT_TEXT_MAX = 1024 * 1024, EVENT_ARGUMENTS_MAX = 64 * 1024 };

struct maker {
	const struct journal_record *record;
	struct blob_store *blobs;
	yyjson_mut_doc *doc;
	yyjson_mut_val *root;
	int error;
};

static void add(struct maker *maker, const char *key, yyjson_mut_val *value)
{
	if (maker->error < 0)
		return;
	if (!value || !yyjson_mut_obj_add(maker->root, yyjson_mut_strcpy(maker->doc, key), value))
		maker->error = -ENOMEM;
}

static void add_string(struct maker *maker, const char *key, const char *text, size_t length)
{
	struct buf clean = BUF(4 * EVENT_TEXT_MAX);
	size_t n = utf8_cut(text, length, EVENT_TEXT_MAX);
	int r = utf8_add_repaired(&clean, text, n < length ? n : length);

	if (r < 0)
		maker->error = r;
	else
		add(maker, key, yyjson_mut_strncpy(maker->doc, buf_string(&clean), clean.length));
	buf_free(&clean);
}

/* Arguments are kept as text or as an object; they are shown as an object when they are one. */
static void add_arguments(struct maker *maker, const char *text, size_t length)
{
	yyjson_doc *doc = length <= EVENT_ARGUMENTS_MAX ? yyjson_read(text, length, 0) : NULL;

	if (doc && yyjson_is_obj(yyjson_doc_get_root(doc)))
		add(maker, "arguments", yyjson_val_mut_copy(maker->doc, yyjson_doc_get_root(doc)));
	else
		add_string(maker, "arguments", text,
			   length < EVENT_ARGUMENTS_MAX ? length : EVENT_ARGUMENTS_MAX);
	yyjson_doc_free(doc);
}

static void add_result(struct maker *maker, yyjson_val *root, const struct buf *whole)
{
	struct buf shown = BUF(PAYLOAD_TEXT_MAX);
	uint64_t limit = payload_get_number(root, "limit");
	int r = result_show(buf_string(whole), whole->length,
			    limit < RESULT_LIMIT_MIN ? RESULT_LIMIT_MIN : limit,
			    maker->record->sequence, &shown);

	if (r >= 0)
		r = result_add_told(&shown, payload_get_string(root, "told"));
	if (r < 0)
		maker->error = r;
	else
		add_string(maker, "content", buf_string(&shown), shown.length);
	buf_free(&shown);
}

static bool is_text_part(yyjson_val *value)
{
	return yyjson_is_str(value) || payload_get_string(value, "blob");
}

/* Text that may be a blob: brought back, under the name the event has for it. */
static void add_part(struct maker *maker, yyjson_val *root, const char *key, yyjson_val *value)
{
	struct buf text = BUF(PAYLOAD_TEXT_MAX);
	int r = payload_value_text(value, maker->blobs, &text);

	if (r < 0)
		maker->error = r;
	else if (strcmp(key, "result") == 0)
		add_result(maker, root, &text);
	else if (strcmp(key, "arguments") == 0)
		add_arguments(maker, buf_string(&text), text.length);
	else if (strcmp(key, "context") == 0)
		add(maker, "contextBytes", yyjson_mut_uint(maker->doc, text.length));
	else
		add_string(maker, key, buf_string(&text), text.length);
	buf_free(&text);
}

/* The record's own fields come first: meta speaks of a file's "bytes", the record of the result's.
 */
static void add_members(struct maker *maker, yyjson_val *root, yyjson_val *object)
{
	yyjson_val *key, *value;
	size_t i, max;

	yyjson_obj_foreach(object, i, max, key, value)
	{
		if (!yyjson_obj_get(root, yyjson_get_str(key)))
			add(maker, yyjson_get_str(key), yyjson_val_mut_copy(maker->doc, value));
	}
}

static bool is_internal(const char *key)
{
	static const char *const names[] = { "system", "limit", "deadlineUsec", "accepted" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(key, names[i]) == 0)
			return true;
	return false;
}

static void add_field(struct maker *maker, yyjson_val *root, const char *key, yyjson_val *value)
{
	/* a tool's call number is its place in the answer; a model's is a figure people see */
	bool is_call = strcmp(key, "call") == 0 && maker->record->kind != JOURNAL_MODEL_STARTED &&
		       maker->record->kind != JOURNAL_MODEL_DONE;

	if (is_internal(key) || is_call)
		return;
	if (strcmp(key, "meta") == 0)
		add_members(maker, root, value);
	else if (strcmp(key, "calls") == 0)
		add(maker, key, yyjson_mut_uint(maker->doc, yyjson_arr_size(value)));
	else if (is_text_part(value))
		add_part(maker, root, key, value);
	else
		add(maker, key, yyjson_val_mut_copy(maker->doc, value));
}

static int build_content(const struct journal_record *record, struct blob_store *blobs,
			 sd_json_variant **ret)
{
	yyjson_doc *doc = payload_parse(record->payload, record->payload_length);
	yyjson_val *root = yyjson_doc_get_root(doc), *key, *value;
	struct maker maker = { .record = record, .blobs = blobs, .doc = yyjson_mut_doc_new(NULL) };
	char *text = NULL;
	size_t i, max;
	int r;

	maker.root = maker.doc ? yyjson_mut_obj(maker.doc) : NULL;
	if (!doc || !maker.root)
		maker.error = doc ? -ENOMEM : -EBADMSG;
	yyjson_obj_foreach(root, i, max, key, value)
	{
		if (maker.error == 0)
			add_field(&maker, root, yyjson_get_str(key), value);
	}
	if (maker.error == 0) {
		yyjson_mut_doc_set_root(maker.doc, maker.root);
		text = yyjson_mut_write(maker.doc, 0, NULL);
	}
	r = maker.error < 0 ? maker.error : text ? 0 : -ENOMEM;
	if (r >= 0)
		r = sd_json_parse(text, 0, ret, NULL, NULL);
	free(text);
	yyjson_mut_doc_free(maker.doc);
	yyjson_doc_free(doc);
	return r;
}

int event_build(const struct journal_record *record, const char *thread, struct blob_store *blobs,
		sd_json_variant **ret)
{
	__attribute__((cleanup(sd_json_variant_unrefp))) sd_json_variant *data = NULL;
	int r = build_content(record, blobs, &data);

	if (r < 0)
		return r;
	return sd_json_buildo(ret, SD_JSON_BUILD_PAIR_UNSIGNED("seq", record->sequence),
			      SD_JSON_BUILD_PAIR_UNSIGNED("timeUsec", record->time_us),
			      SD_JSON_BUILD_PAIR_STRING("kind", journal_kind_name(record->kind)),
			      SD_JSON_BUILD_PAIR_STRING("thread", thread),
			      SD_JSON_BUILD_PAIR_UNSIGNED("turn", record->turn),
			      SD_JSON_BUILD_PAIR_VARIANT("data", data));
}
