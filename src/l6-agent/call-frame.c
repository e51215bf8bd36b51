/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l6-agent/call-frame.h"

#include "base/json-text.h"

#include <endian.h>
#include <string.h>
#include <yyjson.h>

enum { KIND_REQUEST = 1, KIND_REPLY = 2, KIND_BODY = 3, META_MAX = 4096 };

struct frame_header {
	uint32_t length, kind;
};

int call_frame_request(struct buf *out, const char *tool, const char *arguments, size_t limit_bytes,
		       uint64_t timeout_ms)
{
	struct frame_header header = { .kind = htole32(KIND_REQUEST) };
	size_t start = out->length;
	int r = buf_add(out, &header, sizeof(header));

	if (r >= 0)
		r = buf_printf(out,
			       "{\"tool\":\"%s\",\"limit_bytes\":%zu,\"timeout_ms\":%llu,"
			       "\"arguments\":",
			       tool, limit_bytes, (unsigned long long)timeout_ms);
	if (r >= 0)
		r = buf_add_string(out, arguments);
	if (r >= 0)
		r = buf_add_char(out, '}');
	if (r < 0)
		return r;
	header.length = htole32((uint32_t)(out->length - start - sizeof(header)));
	memcpy(out->data + start, &header, sizeof(header));
	return 0;
}

void call_reply_init(struct call_reply *reply, size_t content_max)
{
	*reply = (struct call_reply){
		.bytes = BUF(FRAME_REPLY_MAX + FRAME_BODY_MAX + FRAME_HEADER_BYTES),
		.content = BUF(content_max > FRAME_INLINE_MAX ? content_max : FRAME_INLINE_MAX),
		.meta = BUF(META_MAX),
		.content_max = content_max,
	};
}

void call_reply_free(struct call_reply *reply)
{
	buf_free(&reply->bytes);
	buf_free(&reply->content);
	buf_free(&reply->meta);
}

static int add_member(struct buf *meta, const char *key, yyjson_val *value)
{
	int r = meta->length > 0 ? buf_add_char(meta, ',') : 0;

	if (r >= 0)
		r = json_text_string(meta, key);
	if (r < 0)
		return r;
	if (yyjson_is_bool(value))
		return buf_printf(meta, ":%s", yyjson_get_bool(value) ? "true" : "false");
	return buf_printf(meta, ":%llu", (unsigned long long)yyjson_get_uint(value));
}

/* Numbers and flags only: meta is for the record, and it comes from a cage. */
static void add_meta(struct buf *meta, yyjson_val *object)
{
	yyjson_val *key, *value;
	size_t i, max;

	yyjson_obj_foreach(object, i, max, key, value)
	{
		size_t before = meta->length;

		if ((yyjson_is_uint(value) || yyjson_is_bool(value)) &&
		    add_member(meta, yyjson_get_str(key), value) < 0) {
			buf_truncate(meta, before); /* what does not fit is left out */
			return;
		}
	}
}

static bool take_reply(struct call_reply *reply, const char *json, size_t length)
{
	yyjson_doc *doc = yyjson_read(json, length, 0);
	yyjson_val *root = yyjson_doc_get_root(doc), *ok = yyjson_obj_get(root, "ok");
	yyjson_val *content = yyjson_obj_get(root, "content");
	yyjson_val *size = yyjson_obj_get(root, "contentBytes");
	bool good = yyjson_is_bool(ok) && (yyjson_is_str(content) != yyjson_is_uint(size));

	reply->has_reply = true;
	reply->ok = good && yyjson_get_bool(ok);
	if (good && yyjson_is_str(content))
		good = buf_add(&reply->content, yyjson_get_str(content), yyjson_get_len(content)) >=
		       0;
	if (good && yyjson_is_uint(size)) {
		good = yyjson_get_uint(size) <= reply->content_max && yyjson_get_uint(size) > 0;
		reply->body_left = good ? (size_t)yyjson_get_uint(size) : 0;
	}
	if (good)
		add_meta(&reply->meta, yyjson_obj_get(root, "meta"));
	yyjson_doc_free(doc);
	return good;
}

static bool take_body(struct call_reply *reply, const char *bytes, size_t length)
{
	if (length > reply->body_left || buf_add(&reply->content, bytes, length) < 0)
		return false;
	reply->body_left -= length;
	return true;
}

static bool is_expected(const struct call_reply *reply, const struct frame_header *header)
{
	if (!reply->has_reply)
		return header->kind == KIND_REPLY && header->length <= FRAME_REPLY_MAX;
	return header->kind == KIND_BODY && header->length > 0 && header->length <= FRAME_BODY_MAX;
}

enum call_frame_state call_reply_feed(struct call_reply *reply, const char *bytes, size_t length)
{
	if (buf_add(&reply->bytes, bytes, length) < 0)
		return FRAME_BROKEN;
	for (;;) {
		struct frame_header header;
		const char *payload;
		bool good;

		if (reply->has_reply && reply->body_left == 0)
			return reply->bytes.length == 0 ? FRAME_DONE : FRAME_BROKEN;
		if (reply->bytes.length < sizeof(header))
			return FRAME_MORE;
		memcpy(&header, reply->bytes.data, sizeof(header));
		header.length = le32toh(header.length);
		header.kind = le32toh(header.kind);
		if (!is_expected(reply, &header))
			return FRAME_BROKEN;
		if (reply->bytes.length - sizeof(header) < header.length)
			return FRAME_MORE;
		payload = reply->bytes.data + sizeof(header);
		good = reply->has_reply ? take_body(reply, payload, header.length)
					: take_reply(reply, payload, header.length);
		if (!good)
			return FRAME_BROKEN;
		buf_consume(&reply->bytes, sizeof(header) + header.length);
	}
}
