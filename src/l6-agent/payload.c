/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l6-agent/payload.h"

#include "base/utf8.h"
#include "l6-agent/journal-record.h"

#include <string.h>

void payload_begin(struct payload *payload, struct blob_store *blobs)
{
	*payload = (struct payload){ .blobs = blobs, .doc = yyjson_mut_doc_new(NULL) };
	payload->root = payload->doc ? yyjson_mut_obj(payload->doc) : NULL;
	if (!payload->root)
		payload->error = -ENOMEM;
	else
		yyjson_mut_doc_set_root(payload->doc, payload->root);
}

static void keep(struct payload *payload, int r)
{
	if (payload->error == 0 && r < 0)
		payload->error = r;
}

static void add(struct payload *payload, const char *key, yyjson_mut_val *value)
{
	if (payload->error < 0)
		return;
	if (!value || !yyjson_mut_obj_add_val(payload->doc, payload->root, key, value))
		keep(payload, -ENOMEM);
}

void payload_string(struct payload *payload, const char *key, const char *text)
{
	if (text && payload->error == 0)
		add(payload, key, yyjson_mut_strcpy(payload->doc, text));
}

void payload_number(struct payload *payload, const char *key, uint64_t number)
{
	if (payload->error == 0)
		add(payload, key, yyjson_mut_uint(payload->doc, number));
}

void payload_flag(struct payload *payload, const char *key, bool flag)
{
	if (payload->error == 0)
		add(payload, key, yyjson_mut_bool(payload->doc, flag));
}

yyjson_mut_val *payload_blob_value(struct payload *payload, const char *text, size_t length)
{
	yyjson_mut_val *object = yyjson_mut_obj(payload->doc);
	uint8_t hash[SHA256_BYTES];
	char hex[SHA256_HEX_BYTES];
	int r = blob_put(payload->blobs, text, length, hash);

	if (r < 0 || !object) {
		keep(payload, r < 0 ? r : -ENOMEM);
		return NULL;
	}
	sha256_hex(hash, hex);
	if (!yyjson_mut_obj_add_strcpy(payload->doc, object, "blob", hex) ||
	    !yyjson_mut_obj_add_uint(payload->doc, object, "bytes", length)) {
		keep(payload, -ENOMEM);
		return NULL;
	}
	return object;
}

/* The bytes of the text as a JSON string, quotes aside. */
static size_t json_length(const char *text, size_t length)
{
	enum { ESCAPE_BYTES = 5, SMALL_ESCAPE_BYTES = 1 };
	size_t more = 0;

	for (size_t i = 0; i < length; i++) {
		if ((unsigned char)text[i] < ' ')
			more += text[i] == '\n' ? SMALL_ESCAPE_BYTES : ESCAPE_BYTES;
		else if (text[i] == '"' || text[i] == '\\')
			more += SMALL_ESCAPE_BYTES;
	}
	return length + more;
}

/* Whether it goes into the record itself. */
static bool is_inline(struct payload *payload, const char *text, size_t length)
{
	size_t bytes;

	if (length > PAYLOAD_TEXT_INLINE_MAX || !utf8_is_valid(text, length))
		return false;
	bytes = json_length(text, length);
	if (bytes > PAYLOAD_INLINE_MAX - payload->inline_bytes)
		return false;
	payload->inline_bytes += bytes;
	return true;
}

yyjson_mut_val *payload_text_value(struct payload *payload, const char *text, size_t length)
{
	yyjson_mut_val *value;

	if (payload->error < 0)
		return NULL;
	if (!is_inline(payload, text, length))
		return payload_blob_value(payload, text, length);
	value = yyjson_mut_strncpy(payload->doc, text, length);
	if (!value)
		keep(payload, -ENOMEM);
	return value;
}

void payload_text(struct payload *payload, const char *key, const char *text, size_t length)
{
	add(payload, key, payload_text_value(payload, text, length));
}

void payload_blob(struct payload *payload, const char *key, const char *text, size_t length)
{
	if (payload->error == 0)
		add(payload, key, payload_blob_value(payload, text, length));
}

void payload_json(struct payload *payload, const char *key, const char *json)
{
	if (payload->error == 0 && json && *json)
		add(payload, key, yyjson_mut_rawcpy(payload->doc, json));
}

void payload_labels(struct payload *payload, const char *key, const struct label_set *set)
{
	yyjson_mut_val *array;

	if (payload->error < 0 || set->n == 0)
		return;
	array = yyjson_mut_obj_add_arr(payload->doc, payload->root, key);
	for (size_t i = 0; i < set->n; i++)
		if (!yyjson_mut_arr_add_strcpy(payload->doc, array, set->names[i]))
			payload->error = -ENOMEM;
}

int payload_end(struct payload *payload, char **ret, size_t *ret_length)
{
	size_t length = 0;
	char *text = payload->error < 0 ? NULL : yyjson_mut_write(payload->doc, 0, &length);
	int r = payload->error < 0 ? payload->error : text ? 0 : -ENOMEM;

	yyjson_mut_doc_free(payload->doc);
	*payload = (struct payload){ 0 };
	if (r == 0 && length > JOURNAL_PAYLOAD_MAX) {
		free(text);
		return -EMSGSIZE;
	}
	if (r == 0) {
		*ret = text;
		*ret_length = length;
	}
	return r;
}

yyjson_doc *payload_parse(const char *json, size_t length)
{
	yyjson_doc *doc = yyjson_read(json, length, 0);

	if (doc && !yyjson_is_obj(yyjson_doc_get_root(doc))) {
		yyjson_doc_free(doc);
		return NULL;
	}
	return doc;
}

const char *payload_get_string(yyjson_val *object, const char *key)
{
	return yyjson_get_str(yyjson_obj_get(object, key));
}

uint64_t payload_get_number(yyjson_val *object, const char *key)
{
	return yyjson_get_uint(yyjson_obj_get(object, key));
}

bool payload_get_flag(yyjson_val *object, const char *key)
{
	return yyjson_get_bool(yyjson_obj_get(object, key));
}

int payload_value_text(yyjson_val *value, struct blob_store *blobs, struct buf *out)
{
	const char *name = payload_get_string(value, "blob");
	uint8_t hash[SHA256_BYTES];

	if (!value)
		return -ENOENT;
	if (yyjson_is_str(value))
		return buf_add(out, yyjson_get_str(value), yyjson_get_len(value));
	if (!name || !sha256_parse(name, hash))
		return -EBADMSG;
	return blob_get(blobs, hash, out);
}

int payload_get_text(yyjson_val *object, const char *key, struct blob_store *blobs, struct buf *out)
{
	return payload_value_text(yyjson_obj_get(object, key), blobs, out);
}

void payload_get_labels(yyjson_val *object, const char *key, struct label_set *set)
{
	size_t i, max;
	yyjson_val *value;

	yyjson_arr_foreach(yyjson_obj_get(object, key), i, max, value) label_set_add(
		set, yyjson_is_str(value) ? yyjson_get_str(value) : "", yyjson_get_len(value));
}
