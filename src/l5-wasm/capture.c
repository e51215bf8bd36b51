/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l5-wasm/capture.h"

#include <inttypes.h>

void capture_init(struct capture *capture)
{
	*capture = (struct capture){ .head = BUF(CAPTURE_HALF_BYTES) };
}

void capture_fini(struct capture *capture)
{
	buf_free(&capture->head);
	free(capture->tail);
	capture->tail = NULL;
}

static int add_tail(struct capture *capture, const char *bytes, size_t length)
{
	size_t skipped = length > CAPTURE_HALF_BYTES ? length - CAPTURE_HALF_BYTES : 0;

	if (length == 0)
		return 0;
	if (!capture->tail)
		capture->tail = malloc(CAPTURE_HALF_BYTES);
	if (!capture->tail)
		return -ENOMEM;
	bytes += skipped;
	length -= skipped;
	while (length > 0) {
		size_t room = CAPTURE_HALF_BYTES - capture->tail_at;
		size_t n = length < room ? length : room;

		memcpy(capture->tail + capture->tail_at, bytes, n);
		capture->tail_at = (capture->tail_at + n) % CAPTURE_HALF_BYTES;
		capture->tail_length += n;
		bytes += n;
		length -= n;
	}
	if (capture->tail_length > CAPTURE_HALF_BYTES)
		capture->tail_length = CAPTURE_HALF_BYTES;
	return 0;
}

int capture_add(struct capture *capture, const char *bytes, size_t length)
{
	size_t room = CAPTURE_HALF_BYTES - capture->head.length;
	size_t n = length < room ? length : room;
	int r = n > 0 ? buf_add(&capture->head, bytes, n) : 0;

	if (r < 0)
		return r;
	capture->total += length;
	return add_tail(capture, bytes + n, length - n);
}

size_t capture_length(const struct capture *capture)
{
	return capture->head.length + capture->tail_length;
}

/* Head and tail one after the other. */
static int join(const struct capture *capture, struct buf *to)
{
	size_t n = capture->tail_length, start = capture->tail_at;
	size_t first = 0;
	int r = capture->head.length > 0 ? buf_add(to, capture->head.data, capture->head.length)
					 : 0;

	if (n == CAPTURE_HALF_BYTES)
		first = n - start;
	else
		start = 0;
	if (r == 0 && first > 0)
		r = buf_add(to, capture->tail + start, first);
	if (r == 0 && n > first)
		r = buf_add(to, capture->tail + (first > 0 ? 0 : start), n - first);
	return r;
}

size_t capture_head_end(const char *text, size_t at)
{
	for (size_t i = at; i > at - at / 4; i--)
		if (text[i - 1] == '\n')
			return i;
	return at;
}

/* Where a tail that starts at `at` or later starts: behind a newline in its first quarter. */
static size_t tail_start(const char *text, size_t at, size_t length)
{
	for (size_t i = at; i < at + (length - at) / 4; i++)
		if (i == 0 || text[i - 1] == '\n')
			return i;
	return at;
}

int capture_put(const struct capture *capture, size_t max, struct buf *to, bool *ret_cut)
{
	auto_buf struct buf joined = BUF(2 * CAPTURE_HALF_BYTES);
	size_t head = max / 2 < capture->head.length ? max / 2 : capture->head.length, tail;
	int r = join(capture, &joined);

	if (r < 0)
		return r;
	*ret_cut = capture->total > joined.length || joined.length > max;
	if (!*ret_cut)
		return joined.length > 0 ? buf_add(to, joined.data, joined.length) : 0;
	tail = joined.length - (max / 2 < capture->tail_length || capture->tail_length == 0
					? max / 2
					: capture->tail_length);
	head = capture_head_end(joined.data, head);
	tail = tail_start(joined.data, tail < head ? head : tail, joined.length);
	r = buf_add(to, joined.data, head);
	if (r == 0)
		r = buf_printf(to, "%s[… %" PRIu64 " bytes left out …]\n",
			       head == 0 || joined.data[head - 1] == '\n' ? "" : "\n",
			       capture->total - head - (joined.length - tail));
	return r < 0 ? r : buf_add(to, joined.data + tail, joined.length - tail);
}
