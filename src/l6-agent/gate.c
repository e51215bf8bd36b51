/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l6-agent/gate.h"

#include <assert.h>
#include <stdlib.h>

enum { PERSONS_SHARE = 8 }; /* one of so many places */

struct queue {
	struct gate_place *first, **end;
};

struct gate {
	size_t max, n_inside;
	struct queue queues[PRIORITY_COUNT]; /* that wait */
	sd_event_source *admission;          /* on when one of them may go */
};

static bool has_room(const struct gate *gate, enum priority priority)
{
	size_t kept = priority == PRIORITY_PERSON ? 0 : gate->max / PERSONS_SHARE;

	return gate->max == 0 || gate->n_inside < gate->max - kept;
}

static void unlink_place(struct gate *gate, struct gate_place *place)
{
	*place->self = place->next;
	if (place->next)
		place->next->self = place->self;
	else
		gate->queues[place->priority].end = place->self;
}

/* Whose turn it is; NULL: nobody's. */
static struct gate_place *next_place(const struct gate *gate)
{
	for (enum priority i = PRIORITY_PERSON; i < PRIORITY_COUNT; i++)
		if (gate->queues[i].first)
			return has_room(gate, i) ? gate->queues[i].first : NULL;
	return NULL;
}

static int on_admission(sd_event_source *source, void *data)
{
	struct gate *gate = data;
	struct gate_place *place;

	(void)source;
	while ((place = next_place(gate))) {
		unlink_place(gate, place);
		place->is_inside = true;
		gate->n_inside++;
		place->on_admitted(place->data); /* it may leave at once */
	}
	return 0;
}

int gate_new(sd_event *event, size_t max, struct gate **ret)
{
	struct gate *gate = calloc(1, sizeof(*gate));
	int r;

	if (!gate)
		return -ENOMEM;
	gate->max = max;
	for (unsigned i = 0; i < PRIORITY_COUNT; i++)
		gate->queues[i].end = &gate->queues[i].first;
	r = sd_event_add_defer(event, &gate->admission, on_admission, gate);
	if (r >= 0)
		r = sd_event_source_set_enabled(gate->admission, SD_EVENT_OFF);
	if (r < 0) {
		gate_free(gate);
		return r;
	}
	*ret = gate;
	return 0;
}

void gate_free(struct gate *gate)
{
	if (!gate)
		return;
	for (unsigned i = 0; i < PRIORITY_COUNT; i++)
		assert(!gate->queues[i].first);
	assert(gate->n_inside == 0);
	sd_event_source_disable_unref(gate->admission);
	free(gate);
}

/* Nobody of the same or a higher priority is overtaken. */
static bool may_enter(const struct gate *gate, enum priority priority)
{
	for (unsigned i = 0; i <= priority; i++)
		if (gate->queues[i].first)
			return false;
	return has_room(gate, priority);
}

bool gate_enter(struct gate *gate, struct gate_place *place, enum priority priority,
		gate_fn on_admitted, void *data)
{
	struct queue *queue = &gate->queues[priority];

	assert(!place->gate);
	*place = (struct gate_place){
		.gate = gate, .priority = priority, .on_admitted = on_admitted, .data = data
	};
	if (may_enter(gate, priority)) {
		place->is_inside = true;
		gate->n_inside++;
		return true;
	}
	place->self = queue->end;
	*queue->end = place;
	queue->end = &place->next;
	return false;
}

void gate_leave(struct gate_place *place)
{
	struct gate *gate = place->gate;

	if (!gate)
		return;
	if (place->is_inside)
		gate->n_inside--;
	else
		unlink_place(gate, place);
	place->gate = NULL;
	if (next_place(gate))
		(void)sd_event_source_set_enabled(gate->admission, SD_EVENT_ONESHOT);
}

size_t gate_inside(const struct gate *gate)
{
	return gate->n_inside;
}
