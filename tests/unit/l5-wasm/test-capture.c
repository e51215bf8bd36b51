/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l5-wasm/capture.h"

#include "harness/tap.h"

enum { OUT_BYTES_MAX = 4 * CAPTURE_HALF_BYTES };

/* n bytes of numbered lines, given in pieces of `piece` bytes. */
static void fill(struct capture *capture, struct buf *all, size_t n, size_t piece)
{
	for (int i = 0; all->length < n; i++)
		EXPECT_INT(buf_printf(all, "line %d\n", i), ==, 0);
	buf_truncate(all, n);
	for (size_t at = 0; at < n; at += piece)
		EXPECT_INT(capture_add(capture, all->data + at, n - at < piece ? n - at : piece),
			   ==, 0);
}

static void check(size_t n, size_t piece, size_t max)
{
	auto_buf struct buf all = BUF(16 * 1024 * 1024), out = BUF(OUT_BYTES_MAX);
	CLEANUP(capture_fini) struct capture capture;
	const char *note, *tail;
	bool cut;

	capture_init(&capture);
	fill(&capture, &all, n, piece);
	EXPECT_INT(capture.total, ==, n);
	EXPECT_INT(capture_put(&capture, max, &out, &cut), ==, 0);
	EXPECT_INT(cut, ==, n > max || n > 2 * CAPTURE_HALF_BYTES);
	if (!cut) {
		EXPECT_STR(buf_string(&out), buf_string(&all));
		return;
	}
	note = strstr(out.data, "[… ");
	EXPECT_INT(note != NULL, ==, true);
	tail = strstr(note, "…]\n") + strlen("…]\n");
	EXPECT_INT(strncmp(out.data, all.data, (size_t)(note - out.data) - 1), ==, 0);
	EXPECT_STR(all.data + n - strlen(tail), tail);
	EXPECT_INT(out.length, <=, max + 64);
}

TEST(head_and_tail_are_kept_whatever_the_sizes)
{
	static const size_t sizes[] = { 1,
					10,
					1000,
					CAPTURE_HALF_BYTES - 1,
					CAPTURE_HALF_BYTES,
					CAPTURE_HALF_BYTES + 1,
					2 * CAPTURE_HALF_BYTES,
					2 * CAPTURE_HALF_BYTES + 1,
					1000000 };
	static const size_t pieces[] = { 1000, 7919, 65536, 1000000 };
	static const size_t limits[] = { 1024, 40000, 2 * CAPTURE_HALF_BYTES, 100000 };

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		for (size_t j = 0; j < sizeof(pieces) / sizeof(pieces[0]); j++)
			for (size_t k = 0; k < sizeof(limits) / sizeof(limits[0]); k++)
				check(sizes[i], pieces[j], limits[k]);
}

TEST(nothing_is_nothing)
{
	auto_buf struct buf out = BUF(64);
	struct capture capture;
	bool cut;

	capture_init(&capture);
	EXPECT_INT(capture_put(&capture, 10, &out, &cut), ==, 0);
	EXPECT_INT(out.length, ==, 0);
	EXPECT_INT(cut, ==, false);
	capture_fini(&capture);
}
