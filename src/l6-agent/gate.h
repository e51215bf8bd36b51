/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * gate - so many at one time, the others wait: by priority, then in order (L6).
 *
 * A place belongs to who wants through: embedded, zero before its first use. It is outside, waits,
 * or is inside. Those that wait are let in from the loop, never from within a gate_* function. An
 * eighth of a gate for eight or more is the person's: others never fill it, so that a person does
 * not wait for long work of nobody.
 *
 * Ownership  A place has to leave before it or the gate is freed.
 * Errors     -errno of the event loop.
 * Tests      tests/unit/l6-agent/test-gate.c
 */
#pragma once

#include "base/error.h"
#include "l6-agent/priority.h"

#include <stdbool.h>
#include <stddef.h>
#include <systemd/sd-event.h>

struct gate;

typedef void (*gate_fn)(void *data);

struct gate_place {
	struct gate *gate; /* NULL: outside */
	struct gate_place *next, **self;
	enum priority priority;
	bool is_inside;
	gate_fn on_admitted;
	void *data;
};

/* max: 0 for any number. */
must_check int gate_new(sd_event *event, size_t max, struct gate **ret);
void gate_free(struct gate *gate); /* NULL-tolerant */

/* True: inside, and on_admitted is not called. False: it waits. */
must_check bool gate_enter(struct gate *gate, struct gate_place *place, enum priority priority,
			   gate_fn on_admitted, void *data);
/* From wherever it is. */
void gate_leave(struct gate_place *place);

size_t gate_inside(const struct gate *gate);
