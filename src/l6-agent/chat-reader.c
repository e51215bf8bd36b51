/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l6-agent/chat-reader.h"

#include "base/cleanup.h"
#include "base/utf8.h"
#include "l6-agent/chat-answer.h"
#include "l6-agent/openai-error.h"
#include "l6-agent/sse.h"

#include <assert.h>
#include <string.h>
#include <yyjson.h>

enum {
	READER_EVENT_BYTES_MAX = 4 * 1024 * 1024,
	READER_JSON_BYTES_MAX = 16 * 1024 * 1024,
	READER_ERROR_BYTES_MAX = 64 * 1024, /* of an error body; the rest is passed over */
	READER_FRONT_BYTES_MAX = 256,       /* of a stream, to say what it was if it is none */
	READER_PARSED_BYTES_MAX = 3 * READER_JSON_BYTES_MAX,
	READER_REPAIRED_BYTES_MIN = 64 * 1024,
	STATUS_OK_FIRST = 200,
	STATUS_OK_LAST = 299,
};

enum form { FORM_UNKNOWN, FORM_STREAM, FORM_JSON, FORM_ERROR, FORM_PACKED };

struct answer_reader {
	enum form form;
	int status;
	struct buf body; /* FORM_JSON, FORM_ERROR whole; FORM_STREAM the front */
	struct sse sse;
	struct chat_answer *answer;
	bool has_event;      /* it is a stream indeed */
	bool is_cut;         /* it ended inside a line */
	bool done;           /* the mark of the end came */
	struct error failed; /* what feed returned once is returned for ever */
};

void chat_reader_close(struct answer_reader *reader)
{
	if (!reader)
		return;
	buf_free(&reader->body);
	sse_fini(&reader->sse);
	chat_answer_free(reader->answer);
	free(reader);
}

/* Lone halves of \uD800-\uDFFF pairs become \uFFFD; yyjson refuses them. */
static void mend_escapes(char *text, size_t length)
{
	for (size_t i = 0; i + 6 <= length; i++) {
		bool high, paired;

		if (text[i] != '\\')
			continue;
		if (text[i + 1] != 'u' || (text[i + 2] | 0x20) != 'd' ||
		    !strchr("89abAB", text[i + 3])) {
			bool low = text[i + 1] == 'u' && (text[i + 2] | 0x20) == 'd' &&
				   strchr("cdefCDEF", text[i + 3]);

			if (low)
				memcpy(text + i + 2, "FFFD", 4);
			i++; /* the escaped character */
			continue;
		}
		high = i + 12 <= length && text[i + 6] == '\\' && text[i + 7] == 'u';
		paired = high && (text[i + 8] | 0x20) == 'd' && strchr("cdefCDEF", text[i + 9]);
		if (!paired)
			memcpy(text + i + 2, "FFFD", 4);
		i += paired ? 11 : 5;
	}
}

/* A value takes 16 bytes of memory and two of an answer: what is not made of words ends here. */
static void *parse_malloc(void *ctx, size_t size)
{
	(void)ctx;
	return size > READER_PARSED_BYTES_MAX ? NULL : malloc(size);
}

static void *parse_realloc(void *ctx, void *at, size_t old_size, size_t size)
{
	(void)ctx;
	(void)old_size;
	return size > READER_PARSED_BYTES_MAX ? NULL : realloc(at, size);
}

static void parse_free(void *ctx, void *at)
{
	(void)ctx;
	free(at);
}

/* With YYJSON_READ_INSITU the bytes are written to and have padding behind them; else they are not
 * touched. */
static yyjson_doc *parse_bounded(const char *bytes, size_t length, yyjson_read_flag flags)
{
	static const yyjson_alc allocator = { parse_malloc, parse_realloc, parse_free, NULL };

	return yyjson_read_opts((char *)(uintptr_t)bytes, length,
				flags | YYJSON_READ_STOP_WHEN_DONE, &allocator, NULL);
}

/*
 * Parses the document at the front. Bytes that are not UTF-8 are repaired in a second try, which
 * the usual answer never needs; what is mostly such bytes is no answer. The document is gone before
 * repaired is.
 */
static yyjson_doc *parse(const char *bytes, size_t length, struct buf *repaired)
{
	static const char padding[YYJSON_PADDING_SIZE];
	yyjson_doc *doc = parse_bounded(bytes, length, 0);
	size_t mended;

	if (doc)
		return doc;
	*repaired = BUF(length + length / 2 + READER_REPAIRED_BYTES_MIN);
	if (utf8_add_repaired(repaired, bytes, length) < 0 || repaired->length == 0)
		return NULL;
	mended = repaired->length;
	if (buf_add(repaired, padding, sizeof(padding)) < 0)
		return NULL;
	mend_escapes(repaired->data, mended);
	return parse_bounded(repaired->data, mended, YYJSON_READ_INSITU);
}

static size_t skip_space(const char *bytes, size_t length)
{
	size_t n = 0;

	while (n < length && strchr(" \t\r\n", bytes[n]) && bytes[n])
		n++;
	return n;
}

/* "[DONE]" is said behind other forms' ends as well; it never means anything else. */
static bool is_done_mark(const char *bytes, size_t length)
{
	static const char mark[] = "[DONE]";

	return length >= sizeof(mark) - 1 && memcmp(bytes, mark, sizeof(mark) - 1) == 0;
}

static int take_document(struct answer_reader *reader, const char *name, yyjson_val *root,
			 struct error *err)
{
	yyjson_val *error = yyjson_obj_get(root, "error");

	if (error && !yyjson_is_null(error))
		return openai_error_value(reader->status, error, err);
	if (strcmp(name, "error") == 0 ||
	    (yyjson_equals_str(yyjson_obj_get(root, "object"), "error")))
		return openai_error_value(reader->status, root, err);
	return reader->answer->form->take(reader->answer, root, &reader->done, err);
}

/* The last event of a stream that was cut is cut itself. */
static int not_json(const struct answer_reader *reader, struct error *err)
{
	if (reader->is_cut)
		return FAIL(err, -EPROTO, "the answer was cut off before its end");
	return FAIL(err, -EPROTO, "the answer holds an event that is not JSON");
}

/* One event: usually one JSON document, from careless servers several of them. */
static int on_event(const char *name, const char *bytes, size_t length, void *userdata,
		    struct error *err)
{
	struct answer_reader *reader = userdata;
	int r = 0;

	reader->has_event = true;
	while (r >= 0 && !reader->done) {
		auto_buf struct buf repaired = BUF(1);
		size_t n = skip_space(bytes, length);
		yyjson_doc *doc;

		bytes += n;
		length -= n;
		if (length == 0)
			return 0;
		if (is_done_mark(bytes, length)) {
			reader->done = true;
			return 0;
		}
		doc = parse(bytes, length, &repaired);
		if (!doc)
			return not_json(reader, err);
		n = yyjson_doc_get_read_size(doc);
		r = take_document(reader, name, yyjson_doc_get_root(doc), err);
		yyjson_doc_free(doc);
		if (repaired.length > 0)
			return r; /* offsets of the repaired text are not those of the bytes */
		bytes += n;
		length -= n;
	}
	return r;
}

int chat_reader_open(struct chat_answer *answer, int status, struct answer_reader **ret,
		     struct error *err)
{
	struct answer_reader *reader = calloc(1, sizeof(*reader));

	if (!reader) {
		chat_answer_free(answer);
		return FAIL(err, -ENOMEM, "out of memory");
	}
	reader->answer = answer;
	reader->status = status;
	reader->body = BUF(READER_JSON_BYTES_MAX);
	if (status < STATUS_OK_FIRST || status > STATUS_OK_LAST)
		reader->form = FORM_ERROR;
	sse_init(&reader->sse, READER_EVENT_BYTES_MAX, on_event, reader);
	*ret = reader;
	return 0;
}

/* The first byte that is no blank says what this is. */
static enum form recognise(char first)
{
	if (first == '{' || first == '[')
		return FORM_JSON;
	if (first == '\x1F') /* gzip's */
		return FORM_PACKED;
	return first == '<' ? FORM_ERROR : FORM_STREAM;
}

static int keep(struct answer_reader *reader, const char *bytes, size_t length, struct error *err)
{
	size_t left = READER_ERROR_BYTES_MAX - reader->body.length;
	int r;

	if (reader->form == FORM_ERROR && length > left)
		length = left;
	r = buf_add(&reader->body, bytes, length);
	if (r == -EMSGSIZE)
		return FAIL(err, -EPROTO, "the answer is longer than %d bytes",
			    READER_JSON_BYTES_MAX);
	return r < 0 ? FAIL(err, r, "the answer cannot be kept: %s", strerror(-r)) : 0;
}

static int feed_stream(struct answer_reader *reader, const char *bytes, size_t length,
		       struct error *err)
{
	size_t front = READER_FRONT_BYTES_MAX - reader->body.length;

	if (!reader->has_event &&
	    buf_add(&reader->body, bytes, length < front ? length : front) < 0)
		return FAIL(err, -ENOMEM, "out of memory");
	return reader->done ? 0 : sse_feed(&reader->sse, bytes, length, err);
}

static int feed(struct answer_reader *reader, const char *bytes, size_t length, struct error *err)
{
	if (reader->form == FORM_UNKNOWN) {
		size_t n = skip_space(bytes, length);

		bytes += n;
		length -= n;
		if (length == 0)
			return 0;
		reader->form = recognise(*bytes);
	}
	if (reader->form == FORM_PACKED)
		return FAIL(err, -EPROTO, "the answer is compressed, and its head does not say so");
	if (reader->form == FORM_STREAM)
		return feed_stream(reader, bytes, length, err);
	return keep(reader, bytes, length, err);
}

/* The first failure is kept: whatever comes later returns it again. */
static int settle(struct answer_reader *reader, int r, const struct error *failed,
		  struct error *err)
{
	if (r >= 0)
		return r;
	if (reader->failed.code == 0) {
		reader->failed = *failed;
		reader->failed.code = r == -EMSGSIZE ? -EPROTO : r;
	}
	if (err)
		*err = reader->failed;
	return reader->failed.code;
}

int chat_reader_feed(struct answer_reader *reader, const char *bytes, size_t length,
		     struct error *err)
{
	struct error failed = { 0 };

	if (reader->failed.code < 0)
		return settle(reader, reader->failed.code, &failed, err);
	return settle(reader, feed(reader, bytes, length, &failed), &failed, err);
}

static int finish_json(struct answer_reader *reader, struct error *err)
{
	auto_buf struct buf repaired = BUF(1);
	yyjson_doc *doc = parse(buf_string(&reader->body), reader->body.length, &repaired);
	yyjson_val *root = yyjson_doc_get_root(doc);
	int r;

	if (!doc)
		return FAIL(err, -EPROTO, "the answer was cut off or is not JSON (%zu bytes came)",
			    reader->body.length);
	if (yyjson_is_arr(root)) /* some wrap the one answer, or the error, in a list */
		root = yyjson_arr_get_first(root);
	r = take_document(reader, "", root, err);
	yyjson_doc_free(doc);
	reader->done = true;
	return r;
}

static int finish(struct answer_reader *reader, struct answer *ret, struct error *err)
{
	int r = 0;

	switch (reader->form) {
	case FORM_UNKNOWN:
		return FAIL(err, -EPROTO, "the provider's answer was empty");
	case FORM_ERROR:
		return openai_error_body(reader->status, buf_string(&reader->body),
					 reader->body.length, err);
	case FORM_STREAM:
		reader->is_cut = reader->sse.line.length > 0;
		r = reader->done ? 0 : sse_finish(&reader->sse, err);
		if (r >= 0 && !reader->has_event && buf_string(&reader->body)[0] != ':')
			return openai_error_words(buf_string(&reader->body), reader->body.length,
						  err);
		break;
	case FORM_PACKED:
		return reader->failed.code; /* said when it came */
	case FORM_JSON:
		r = finish_json(reader, err);
		break;
	}
	return r < 0 ? r : chat_answer_finish(reader->answer, reader->done, ret, err);
}

int chat_reader_finish(struct answer_reader *reader, struct answer *ret, struct error *err)
{
	struct error failed = { 0 };

	if (reader->failed.code < 0)
		return settle(reader, reader->failed.code, &failed, err);
	return settle(reader, finish(reader, ret, &failed), &failed, err);
}
