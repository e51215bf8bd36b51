/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * subscribers - who is told what happens: records once they are durable, text as it comes (L6).
 *
 * A subscriber reads the journal at its own pace behind its cursor, so a slow one costs nobody
 * anything: records wait in the journal, and text it cannot take is dropped (its offset shows
 * that).
 *
 * Ownership  A subscriber lives until its connection ends.
 */
#pragma once

#include "l6-agent/journal.h"
#include "l6-agent/threads.h"

#include <systemd/sd-varlink.h>

struct agent;
struct subscribers;

must_check int subscribers_new(struct agent *agent, struct subscribers **ret);
void subscribers_free(struct subscribers *subscribers); /* NULL-tolerant */

struct subscribe_options {
	uint32_t owner;
	const struct thread *thread; /* NULL: all of the owner */
	uint64_t after_sequence;
	bool follow, live;
};

/* Takes over the answering of this call, which has `more`. */
must_check int subscribers_add(struct subscribers *subscribers, sd_varlink *link,
			       const struct subscribe_options *options);
/* The connection has ended. */
void subscribers_drop(struct subscribers *subscribers, sd_varlink *link);

/* A record has become durable. */
void subscribers_tell(struct subscribers *subscribers, const struct journal_record *record);

/* What is no record: kind "text", "reasoning", "status" or "message". offset counts the bytes of
 * this model call's text before it. */
struct live_event {
	const struct thread *thread;
	uint64_t turn;
	const char *kind;
	unsigned call;
	uint64_t offset;
	const char *text;
	size_t length;
};
void subscribers_tell_live(struct subscribers *subscribers, const struct live_event *event);
