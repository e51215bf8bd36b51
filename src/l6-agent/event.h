/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * event - a record as io.clawos.Agent.Event shows it (L6).
 *
 * The payload with its large parts brought back from their blobs, a tool's result as the model was
 * shown it, and without what is the journal's own business.
 *
 * Source     spec/shell-json.md
 */
#pragma once

#include "l6-agent/blob.h"
#include "l6-agent/journal-record.h"

#include <systemd/sd-json.h>

/* The whole event; thread is its name. *ret is the caller's to unref. */
must_check int event_build(const struct journal_record *record, const char *thread,
			   struct blob_store *blobs, sd_json_variant **ret);
