/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * fs-batch - writes that are asked for at the same time share one commit (L3).
 *
 * Each write is a unit of its own inside the open transaction. When no message is left to read, or
 * BATCH_MAX replies wait, the transaction is committed and synced once; only then are the replies
 * sent. A reply therefore always means that the write is durable.
 *
 * Threads    None: loop thread only.
 */
#pragma once

#include "l3-clawfs/store.h"

#include <systemd/sd-event.h>
#include <systemd/sd-varlink.h>

struct batch;

/* Ends the loop with a failure when the store can no longer be trusted (-EIO, -EUCLEAN). */
must_check int batch_open(struct store *store, sd_event *event, struct batch **ret,
			  struct error *err);
void batch_close(struct batch *batch); /* NULL-tolerant; commits nothing */

/* Begins a unit. */
must_check int batch_begin(struct batch *batch, struct error *err);
/*
 * The unit stays; reply goes to link when it is durable. Both are referenced. On failure link has
 * had no reply, and the unit has to be undone.
 */
must_check int batch_keep(struct batch *batch, sd_varlink *link, sd_json_variant *reply,
			  struct error *err);
/*
 * The unit is taken back. When a failure has cost the whole transaction, those whose units were
 * kept in it get an error.
 */
void batch_undo(struct batch *batch);

/*
 * Makes everything durable that is kept and replies: before a read, or a change outside a batch. A
 * failure has been told to those who waited, logged and judged.
 */
must_check int batch_flush(struct batch *batch, struct error *err);

/* Says why on the log and ends the loop when the store cannot be trusted after this failure. */
void batch_judge(struct batch *batch, int r, const struct error *err);
