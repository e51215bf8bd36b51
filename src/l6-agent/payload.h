/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * payload - a record's JSON object: built field by field, large parts moved to blobs (L6).
 *
 * Building keeps the first error and reports it at payload_end(), so a record is written as a list
 * of fields. Reading is yyjson; payload_text() brings a part back from its blob.
 *
 * Errors     -ENOMEM, -EMSGSIZE, -errno of the blob store; -EBADMSG when a part is neither text nor
 *            a blob.
 * Source     spec/journal.md, "Payload"
 */
#pragma once

#include "base/buf.h"
#include "l6-agent/blob.h"
#include "l6-agent/label-set.h"

#include <stdbool.h>
#include <yyjson.h>

enum {
	PAYLOAD_TEXT_INLINE_MAX = 32 * 1024, /* each blob is a sync that all threads wait for */
	PAYLOAD_INLINE_MAX = 512 * 1024,     /* all texts of one record, as JSON */
	PAYLOAD_TEXT_MAX = 16 * 1024 * 1024,
};

struct payload {
	yyjson_mut_doc *doc;
	yyjson_mut_val *root; /* the object; callers may add arrays and objects to it */
	struct blob_store *blobs;
	size_t inline_bytes;
	int error;
};

void payload_begin(struct payload *payload, struct blob_store *blobs);
/* NULL adds nothing. Strings are copied and must be UTF-8 (names and words of our own). */
void payload_string(struct payload *payload, const char *key, const char *text);
void payload_number(struct payload *payload, const char *key, uint64_t number);
void payload_flag(struct payload *payload, const char *key, bool flag);
/* Text from outside, any length, any bytes. */
void payload_text(struct payload *payload, const char *key, const char *text, size_t length);
/* The same as a value, for arrays; NULL after an error. */
yyjson_mut_val *payload_text_value(struct payload *payload, const char *text, size_t length);
/* Always a blob, whatever its length; the value is an object, which may get more fields. */
yyjson_mut_val *payload_blob_value(struct payload *payload, const char *text, size_t length);
void payload_blob(struct payload *payload, const char *key, const char *text, size_t length);
/* A set without labels adds nothing. */
void payload_labels(struct payload *payload, const char *key, const struct label_set *set);
/* JSON text (valid) as a part of the object; "" or NULL adds nothing. */
void payload_json(struct payload *payload, const char *key, const char *json);
/* The object's text, the caller's to free. The payload is empty afterwards in any case. */
must_check int payload_end(struct payload *payload, char **ret, size_t *ret_length);

/* Parses a record's payload; NULL when it is no JSON object. Free with yyjson_doc_free(). */
yyjson_doc *payload_parse(const char *json, size_t length);
/* NULL or 0 or false when the field is absent or of another type. Borrowed. */
const char *payload_get_string(yyjson_val *object, const char *key);
uint64_t payload_get_number(yyjson_val *object, const char *key);
bool payload_get_flag(yyjson_val *object, const char *key);
/* Adds the labels of a field; an absent one has none. */
void payload_get_labels(yyjson_val *object, const char *key, struct label_set *set);
/* Appends a text part; -ENOENT when the field is absent. */
must_check int payload_get_text(yyjson_val *object, const char *key, struct blob_store *blobs,
				struct buf *out);
must_check int payload_value_text(yyjson_val *value, struct blob_store *blobs, struct buf *out);
