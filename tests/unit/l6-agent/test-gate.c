/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l6-agent/gate.h"

#include "harness/tap.h"

enum { PLACES = 12 };

static sd_event *event;
static struct gate *gate;
static struct gate_place places[PLACES];
static size_t admitted[PLACES], n_admitted;
static bool leaves_at_once;

static void on_admitted(void *data)
{
	size_t index = (size_t)((struct gate_place *)data - places);

	admitted[n_admitted++] = index;
	if (leaves_at_once)
		gate_leave(&places[index]);
}

static bool enter_as(size_t index, enum priority priority)
{
	return gate_enter(gate, &places[index], priority, on_admitted, &places[index]);
}

static bool enter(size_t index)
{
	return enter_as(index, PRIORITY_PERSON);
}

static void begin(size_t max)
{
	EXPECT_INT(sd_event_new(&event), >=, 0);
	EXPECT_INT(gate_new(event, max, &gate), ==, 0);
}

static void settle(void)
{
	while (sd_event_run(event, 0) > 0)
		;
}

static void end(void)
{
	for (size_t i = 0; i < PLACES; i++)
		gate_leave(&places[i]);
	gate_free(gate);
	sd_event_unref(event);
}

TEST(so_many_are_inside_and_the_others_wait_in_order)
{
	begin(2);
	EXPECT_INT(enter(0), ==, true);
	EXPECT_INT(enter(1), ==, true);
	for (size_t i = 2; i < 6; i++)
		EXPECT_INT(enter(i), ==, false);
	settle();
	EXPECT_INT(n_admitted, ==, 0);
	gate_leave(&places[1]);
	EXPECT_INT(n_admitted, ==, 0); /* not from within */
	settle();
	EXPECT_INT(n_admitted, ==, 1);
	EXPECT_INT(admitted[0], ==, 2);
	gate_leave(&places[0]);
	gate_leave(&places[2]);
	settle();
	EXPECT_INT(n_admitted, ==, 3);
	EXPECT_INT(admitted[1], ==, 3);
	EXPECT_INT(admitted[2], ==, 4);
	end();
}

TEST(who_gives_up_waiting_is_passed_over)
{
	begin(1);
	EXPECT_INT(enter(0), ==, true);
	EXPECT_INT(enter(1), ==, false);
	EXPECT_INT(enter(2), ==, false);
	EXPECT_INT(enter(3), ==, false);
	gate_leave(&places[1]);
	gate_leave(&places[3]); /* the last: the next one stands behind 2 */
	gate_leave(&places[3]); /* twice is once */
	EXPECT_INT(enter(4), ==, false);
	gate_leave(&places[0]);
	leaves_at_once = true;
	settle();
	EXPECT_INT(n_admitted, ==, 2);
	EXPECT_INT(admitted[0], ==, 2);
	EXPECT_INT(admitted[1], ==, 4);
	EXPECT_INT(enter(5), ==, true); /* nobody is left inside */
	end();
}

TEST(nobody_overtakes_those_that_wait)
{
	begin(1);
	EXPECT_INT(enter(0), ==, true);
	EXPECT_INT(enter(1), ==, false);
	gate_leave(&places[0]);
	EXPECT_INT(enter(2), ==, false); /* there is room, and 1 was first */
	settle();
	EXPECT_INT(admitted[0], ==, 1);
	end();
}

TEST(a_person_goes_before_a_routine_before_background_work)
{
	static const enum priority wanted[] = { PRIORITY_BACKGROUND, PRIORITY_ROUTINE,
						PRIORITY_PERSON, PRIORITY_BACKGROUND,
						PRIORITY_PERSON };
	static const size_t order[] = { 3, 5, 2, 1, 4 };

	begin(1);
	EXPECT_INT(enter(0), ==, true);
	for (size_t i = 0; i < 5; i++)
		EXPECT_INT(enter_as(i + 1, wanted[i]), ==, false);
	leaves_at_once = true;
	gate_leave(&places[0]);
	settle();
	EXPECT_INT(n_admitted, ==, 5);
	for (size_t i = 0; i < 5; i++)
		EXPECT_INT(admitted[i], ==, order[i]);
	end();
}

TEST(the_last_eighth_is_the_persons)
{
	begin(8);
	for (size_t i = 0; i < 7; i++)
		EXPECT_INT(enter_as(i, PRIORITY_BACKGROUND), ==, true);
	EXPECT_INT(enter_as(7, PRIORITY_BACKGROUND), ==, false);
	EXPECT_INT(enter_as(8, PRIORITY_ROUTINE), ==, false);
	EXPECT_INT(enter(9), ==, true); /* though others wait */
	EXPECT_INT(enter(10), ==, false);
	gate_leave(&places[0]);
	settle();
	EXPECT_INT(n_admitted, ==, 1);
	EXPECT_INT(admitted[0], ==, 10);
	gate_leave(&places[1]);
	settle();
	EXPECT_INT(n_admitted, ==, 1); /* seven are inside */
	gate_leave(&places[2]);
	settle();
	EXPECT_INT(n_admitted, ==, 2);
	EXPECT_INT(admitted[1], ==, 8);
	end();
}

TEST(a_gate_without_a_number_is_open)
{
	begin(0);
	for (size_t i = 0; i < PLACES; i++)
		EXPECT_INT(enter_as(i, PRIORITY_BACKGROUND), ==, true);
	end();
}
