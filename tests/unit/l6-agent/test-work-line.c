/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l6-agent/work-line.h"

#include "base/clock.h"
#include "harness/tap.h"

enum { ITEMS = 3, PIECES_MAX = 64, TRIES = 20 };

static sd_event *event;
static struct work_line *line;
static struct work_item items[ITEMS];
static size_t done[PIECES_MAX], n_done, left[ITEMS];
static uint64_t piece_us;

static bool work(void *data)
{
	size_t index = (size_t)((struct work_item *)data - items);
	uint64_t began = clock_monotonic_us();

	while (clock_monotonic_us() - began < piece_us)
		;
	done[n_done++] = index;
	return --left[index] > 0;
}

static void enter(size_t index, size_t pieces)
{
	left[index] = pieces;
	work_enter(line, &items[index], work, &items[index]);
}

static void begin(void)
{
	EXPECT_INT(sd_event_new(&event), >=, 0);
	EXPECT_INT(work_line_new(event, &line), ==, 0);
}

static void end(void)
{
	int r;

	do {
		r = sd_event_run(event, 0);
	} while (r > 0);
	EXPECT_INT(r, ==, 0);
	work_line_free(line);
	sd_event_unref(event);
}

TEST(pieces_are_done_in_turn)
{
	static const size_t wanted[] = { 0, 1, 0, 1, 1 };

	begin();
	enter(0, 2);
	enter(1, 3);
	EXPECT_INT(n_done, ==, 0); /* not from within */
	end();
	EXPECT_INT(n_done, ==, 5);
	for (size_t i = 0; i < n_done; i++)
		EXPECT_INT(done[i], ==, wanted[i]);
}

TEST(small_pieces_share_a_turn_of_the_loop_and_large_ones_do_not)
{
	size_t most = 0;

	begin();
	for (unsigned i = 0; i < TRIES && most < 20;
	     i++) { /* another program may take the processor */
		n_done = 0;
		enter(0, 20);
		EXPECT_INT(sd_event_run(event, 0), >, 0);
		most = n_done;
		while (sd_event_run(event, 0) > 0)
			;
	}
	EXPECT_INT(most, ==, 20);
	n_done = 0;
	piece_us = WORK_SLICE_US + 1;
	enter(1, 3);
	EXPECT_INT(sd_event_run(event, 0), >, 0);
	EXPECT_INT(n_done, ==, 1);
	end();
	EXPECT_INT(n_done, ==, 3);
}

TEST(who_leaves_is_passed_over)
{
	begin();
	enter(0, 1);
	enter(1, 1);
	enter(2, 1);
	work_leave(&items[2]);
	work_leave(&items[0]);
	work_leave(&items[0]); /* twice is once */
	end();
	EXPECT_INT(n_done, ==, 1);
	EXPECT_INT(done[0], ==, 1);
}

TEST(an_empty_line_does_not_wake_the_loop)
{
	begin();
	enter(0, 1);
	work_leave(&items[0]);
	EXPECT_INT(sd_event_run(event, 0), ==, 0);
	end();
}
