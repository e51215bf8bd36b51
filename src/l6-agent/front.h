/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * front - the stable front of every prompt: our rules, then the identity documents of clawfsd (L6).
 *
 * Kept in agent->front; it changes only when the documents' generation does. The local model is
 * told at once (io.clawos.Llm.Prepare), so that the next question does not wait for it.
 *
 * Ownership  A fetch is gone after on_done or front_cancel().
 * Source     spec/varlink/io.clawos.Fs.varlink (Identity)
 */
#pragma once

#include "l6-agent/agent.h"

struct front_fetch;

/* code 0: agent->front is what clawfsd holds. Else err is a sentence. */
typedef void (*front_done_fn)(int code, const struct error *err, void *data);

/* on_done is never called from within front_fetch(). */
must_check int front_start(struct agent *agent, front_done_fn on_done, void *data,
			   struct front_fetch **ret, struct error *err);
void front_cancel(struct front_fetch *fetch); /* NULL-tolerant */

/* At start, and after each turn, which may have changed a document: fetches the front when the
 * model has a use for it before the next question. */
void front_prepare(struct agent *agent);
/* Ends what front_prepare() began. */
void front_stop(struct agent *agent);
