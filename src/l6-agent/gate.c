/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l6-agent/gate.h"

#include <assert.h>
#include <stdlib.h>

struct gate {
	size_t max, n_inside;
	struct gate_place *first, **end; /* that wait */
	sd_event_source *admission;      /* on when the first of them may go */
};

static bool has_room(const struct gate *gate)
{
	return gate->max == 0 || gate->n_inside < gate->max;
}

static void unlink_place(struct gate *gate, struct gate_place *place)
{
	*place->self = place->next;
	if (place->next)
		place->next->self = place->self;
	else
		gate->end = place->self;
}

static int on_admission(sd_event_source *source, void *data)
{
	struct gate *gate = data;

	(void)source;
	while (gate->first && has_room(gate)) {
		struct gate_place *place = gate->first;

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
	gate->end = &gate->first;
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
	assert(!gate->first && gate->n_inside == 0);
	sd_event_source_disable_unref(gate->admission);
	free(gate);
}

bool gate_enter(struct gate *gate, struct gate_place *place, gate_fn on_admitted, void *data)
{
	assert(!place->gate);
	*place = (struct gate_place){ .gate = gate, .on_admitted = on_admitted, .data = data };
	if (!gate->first && has_room(gate)) { /* nobody is overtaken */
		place->is_inside = true;
		gate->n_inside++;
		return true;
	}
	place->self = gate->end;
	*gate->end = place;
	gate->end = &place->next;
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
	if (gate->first && has_room(gate))
		(void)sd_event_source_set_enabled(gate->admission, SD_EVENT_ONESHOT);
}
