/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l6-agent/result.h"

#include "base/number.h"
#include "base/utf8.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

enum { LINE_SEARCH_BYTES = 200 };

/* The end of the head: behind a line's end when one is near, else between two characters. */
static size_t head_length(const char *content, size_t length, size_t max)
{
	for (size_t i = 0; i < LINE_SEARCH_BYTES && i < max; i++)
		if (content[max - i - 1] == '\n')
			return max - i;
	return utf8_cut(content, length, max);
}

static size_t tail_start(const char *content, size_t length, size_t max)
{
	size_t from = length - max;

	for (size_t i = 0; i < LINE_SEARCH_BYTES && i < max; i++)
		if (content[from + i - 1] == '\n')
			return from + i;
	while (from < length && ((unsigned char)content[from] & 0xc0) == 0x80)
		from++;
	return from;
}

int result_show(const char *content, size_t length, size_t limit, uint64_t id, struct buf *out)
{
	size_t head, tail;
	int r;

	assert(limit >= RESULT_LIMIT_MIN);
	if (length <= limit)
		return utf8_add_repaired(out, content, length);
	head = head_length(content, length, limit / 3 * 2);
	tail = tail_start(content, length, limit / 3);
	r = utf8_add_repaired(out, content, head);
	if (r >= 0)
		r = buf_printf(
			out,
			"\n[%zu of %zu bytes are left out here; result_read {\"id\":\"r%" PRIu64
			"\",\"offset\":%zu} shows them]\n",
			tail - head, length, id, head);
	return r < 0 ? r : utf8_add_repaired(out, content + tail, length - tail);
}

int result_add_told(struct buf *out, const char *told)
{
	return told ? buf_printf(out, "\n\n[%s]", told) : 0;
}

bool result_id_parse(const char *text, uint64_t *ret)
{
	return text[0] == 'r' && number_parse_u64(text + 1, 1, UINT64_MAX, ret) == 0;
}
