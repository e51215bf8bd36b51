/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l3-clawfs/listing.h"

#include "memory-fixture.h"

static int add(const struct document *document, void *data, struct error *err)
{
	struct buf *out = data;

	(void)err;
	return buf_printf(out, "%s %llu %lld\n", document->path,
			  (unsigned long long)document->bytes, (long long)document->version);
}

static void expect_listing(struct memory *memory, const char *folder, unsigned depth,
			   const char *wanted)
{
	auto_buf struct buf out = BUF(65536);
	struct error err = { 0 };

	EXPECT_OK(listing_read(memory->store, folder, MEMORY_OWNER, depth, add, &out, &err), &err);
	EXPECT_STR(buf_string(&out), wanted);
}

TEST(folders_below_the_depth_are_summed_up)
{
	auto_memory struct memory memory = memory_new();

	memory_open(&memory);
	(void)memory_put(&memory, "b.md", "12");
	(void)memory_put(&memory, "a/x/1.md", "1");
	(void)memory_put(&memory, "a/x/2.md", "22");
	(void)memory_put(&memory, "a/y.md", "333");
	(void)memory_put(&memory, "a.md", "4444");
	(void)memory_put(&memory, "a/x/2.md", "55555");
	(void)memory_put(&memory, "ab/z.md", "6");
	expect_listing(&memory, "", 1, "a.md 4 1\na/ 9 0\nab/ 1 0\nb.md 2 1\n");
	expect_listing(&memory, "", 2, "a.md 4 1\na/x/ 6 0\na/y.md 3 1\nab/z.md 1 1\nb.md 2 1\n");
	expect_listing(&memory, "", 3,
		       "a.md 4 1\na/x/1.md 1 1\na/x/2.md 5 2\na/y.md 3 1\nab/z.md 1 1\nb.md 2 1\n");
	expect_listing(&memory, "a", 1, "a/x/ 6 0\na/y.md 3 1\n");
	expect_listing(&memory, "a/x", 1, "a/x/1.md 1 1\na/x/2.md 5 2\n");
	expect_listing(&memory, "nothing", 1, "");
}

TEST(a_listing_that_is_too_long_says_so)
{
	auto_memory struct memory memory = memory_new();
	auto_buf struct buf out = BUF(65536);
	struct error err = { 0 };
	char path[32];

	memory.quotas.list_entries = 16;
	memory_open(&memory);
	for (int i = 0; i < 16; i++) {
		(void)snprintf(path, sizeof(path), "n%02d.md", i);
		(void)memory_put(&memory, path, "x");
	}
	EXPECT_INT(listing_read(memory.store, "", MEMORY_OWNER, 1, add, &out, &err), ==, 0);
	(void)memory_put(&memory, "one-more/a.md", "x");
	EXPECT_INT(listing_read(memory.store, "", MEMORY_OWNER, 1, add, &out, &err), ==, 1);
}
