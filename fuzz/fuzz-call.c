/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * Target   frame_header_decode(), json_read(), call_parse(), the readers of arguments,
 * reply_encode(). Property a header that is accepted is encoded to the same bytes; a reply made of
 * any content is within its limit, valid UTF-8, and JSON; json_read() takes what another reader
 * takes. Corpus   fuzz/corpus/call/
 */
#include "base/utf8.h"
#include "l5-wasm/call.h"
#include "l5-wasm/frame.h"

#include <yyjson.h>

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_header(const uint8_t *data)
{
	unsigned char again[FRAME_HEADER_BYTES];
	enum frame_kind kind;
	uint32_t length;

	if (frame_header_decode(data, &kind, &length) < 0)
		return;
	frame_header_encode(again, kind, length);
	if (memcmp(again, data, sizeof(again)) != 0)
		abort();
}

static void check_reply(const uint8_t *data, size_t size)
{
	struct buf frame = BUF(FRAME_REPLY_BYTES_MAX);
	yyjson_doc *json;
	struct reply reply;

	reply_init(&reply);
	if (size > 0 && buf_add(&reply.content, data, size) < 0)
		abort();
	if (reply_fit(&reply, CALL_LIMIT_BYTES_MIN) < 0 ||
	    reply.content.length > CALL_LIMIT_BYTES_MIN ||
	    !utf8_is_valid(buf_string(&reply.content), reply.content.length) ||
	    reply_encode(&reply, true, 1, &frame) < 0)
		abort();
	json = yyjson_read(frame.data, frame.length, 0);
	if (!json)
		abort();
	yyjson_doc_free(json);
	buf_free(&frame);
	reply_fini(&reply);
}

static void check_request(const char *text, size_t size)
{
	struct call call = { 0 };
	struct reply reply;
	const char *string;
	int64_t number;
	bool flag;

	if (call_parse(text, size, -1, &call, NULL) < 0)
		return;
	reply_init(&reply);
	if (call_string(&call, "path", "", &reply, &string) == 0 && strlen(string) > size)
		abort();
	if (call_number(&call, "limit", 5, 1, 10, &reply, &number) == 0 &&
	    (number < 1 || number > 10))
		abort();
	(void)!call_bool(&call, "recursive", false, &reply, &flag); /* any outcome will do */
	reply_fini(&reply);
	call_fini(&call);
}

/* The limits of ours and the NUL character aside, both readers agree on what is JSON. */
static void check_reader(const char *text, size_t size)
{
	yyjson_doc *other = yyjson_read(text, size, YYJSON_READ_NUMBER_AS_RAW);
	struct json_tree tree = { 0 };
	int r = json_read(text, size, &tree);

	if (r == 0 && !other)
		abort();
	if (r == -EINVAL && other && !strstr(text, "\\u0000"))
		abort();
	yyjson_doc_free(other);
	json_tree_fini(&tree);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);

	if (!text)
		abort();
	memcpy(text, data, size);
	text[size] = '\0';
	if (size >= FRAME_HEADER_BYTES)
		check_header(data);
	check_request(text, size);
	if (size > 0)
		check_reader(text, size);
	check_reply(data, size);
	free(text);
	return 0;
}
