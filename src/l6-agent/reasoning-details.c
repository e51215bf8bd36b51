/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l6-agent/reasoning-details.h"

#include <stdlib.h>
#include <string.h>
#include <yyjson.h>

enum { ENTRIES_MAX = 128, PIECE_BYTES_MAX = 1024 * 1024, CONTINUED = 3, TYPE_BYTES = 40 };

static const char *const continued[CONTINUED] = { "text", "summary", "data" };

struct reasoning_entry {
	int64_t index; /* -1: it has none and is never continued */
	char type[TYPE_BYTES];
	struct buf parts[CONTINUED];
	yyjson_mut_val *rest;
};

void reasoning_details_fini(struct reasoning_details *details)
{
	for (size_t i = 0; i < details->n; i++)
		for (size_t k = 0; k < CONTINUED; k++)
			buf_free(&details->entries[i].parts[k]);
	free(details->entries);
	yyjson_mut_doc_free(details->doc);
	*details = (struct reasoning_details){ 0 };
}

static int new_entry(struct reasoning_details *details, struct reasoning_entry **ret)
{
	struct reasoning_entry *entry;

	if (details->n == ENTRIES_MAX)
		return -EMSGSIZE;
	if (!details->doc)
		details->doc = yyjson_mut_doc_new(NULL);
	if (!details->entries)
		details->entries = calloc(ENTRIES_MAX, sizeof(*details->entries));
	if (!details->doc || !details->entries)
		return -ENOMEM;
	entry = &details->entries[details->n];
	*entry = (struct reasoning_entry){ .index = -1, .rest = yyjson_mut_obj(details->doc) };
	if (!entry->rest)
		return -ENOMEM;
	for (size_t k = 0; k < CONTINUED; k++)
		entry->parts[k] = BUF(PIECE_BYTES_MAX);
	details->n++;
	*ret = entry;
	return 0;
}

static struct reasoning_entry *find(struct reasoning_details *details, int64_t index,
				    const char *type)
{
	for (size_t i = details->n; i > 0 && index >= 0; i--) {
		struct reasoning_entry *entry = &details->entries[i - 1];

		if (entry->index == index && strcmp(entry->type, type) == 0)
			return entry;
	}
	return NULL;
}

static int take_member(struct reasoning_details *details, struct reasoning_entry *entry,
		       yyjson_val *key, yyjson_val *value)
{
	yyjson_mut_val *name, *copy;

	for (size_t k = 0; k < CONTINUED; k++)
		if (yyjson_equals_str(key, continued[k]) && yyjson_is_str(value))
			return buf_add(&entry->parts[k], yyjson_get_str(value),
				       yyjson_get_len(value));
	if (yyjson_is_null(value))
		return 0;
	name = yyjson_val_mut_copy(details->doc, key);
	copy = yyjson_val_mut_copy(details->doc, value);
	return name && copy && yyjson_mut_obj_put(entry->rest, name, copy) ? 0 : -ENOMEM;
}

static int take_piece(struct reasoning_details *details, yyjson_val *piece)
{
	yyjson_val *at = yyjson_obj_get(piece, "index"), *key, *value;
	const char *type = yyjson_get_str(yyjson_obj_get(piece, "type"));
	int64_t index = yyjson_is_int(at) ? yyjson_get_sint(at) : -1;
	struct reasoning_entry *entry;
	size_t i, n;
	int r = 0;

	if (!type || strlen(type) >= TYPE_BYTES)
		return 0;
	entry = find(details, index, type);
	if (!entry)
		r = new_entry(details, &entry);
	if (r < 0)
		return r;
	entry->index = index;
	memcpy(entry->type, type, strlen(type) + 1);
	yyjson_obj_foreach(piece, i, n, key, value)
	{
		if (r >= 0)
			r = take_member(details, entry, key, value);
	}
	return r;
}

int reasoning_details_take(struct reasoning_details *details, yyjson_val *pieces)
{
	yyjson_val *piece;
	size_t i, n;
	int r = 0;

	yyjson_arr_foreach(pieces, i, n, piece)
	{
		if (r >= 0)
			r = take_piece(details, piece);
	}
	return r;
}

static int write_entry(struct reasoning_details *details, const struct reasoning_entry *entry,
		       struct buf *out)
{
	char *text;
	size_t length;
	int r;

	for (size_t k = 0; k < CONTINUED; k++)
		if (entry->parts[k].length > 0 &&
		    !yyjson_mut_obj_put(entry->rest, yyjson_mut_str(details->doc, continued[k]),
					yyjson_mut_strn(details->doc, entry->parts[k].data,
							entry->parts[k].length)))
			return -ENOMEM;
	text = yyjson_mut_val_write(entry->rest, 0, &length);
	r = text ? buf_add(out, text, length) : -ENOMEM;
	free(text);
	return r;
}

int reasoning_details_write(struct reasoning_details *details, struct buf *out)
{
	int r = details->n > 0 ? buf_add_char(out, '[') : 0;

	for (size_t i = 0; i < details->n && r >= 0; i++) {
		r = i > 0 ? buf_add_char(out, ',') : 0;
		if (r >= 0)
			r = write_entry(details, &details->entries[i], out);
	}
	return r < 0 || details->n == 0 ? r : buf_add_char(out, ']');
}
