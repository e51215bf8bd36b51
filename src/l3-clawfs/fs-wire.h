/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * fs-wire - records of the store as the JSON of io.clawos.Fs (L3).
 *
 * Ownership  *ret is the caller's to unref.
 * Source     spec/varlink/io.clawos.Fs.varlink
 */
#pragma once

#include "l3-clawfs/documents.h"
#include "l3-clawfs/questions.h"
#include "l3-clawfs/search.h"

#include <systemd/sd-varlink.h>

/* A document as the interface shows it; *ret is the caller's to unref. */
must_check int wire_document(const struct document *document, sd_json_variant **ret,
			     struct error *err);

/* For document_fn, hit_fn, question_fn: data is an sd_json_variant ** that grows. */
int wire_add_document(const struct document *document, void *data, struct error *err);
int wire_add_hit(const struct hit *hit, void *data, struct error *err);
int wire_add_question(const struct question *question, void *data, struct error *err);

/* A set of labels from the wire as the store keeps it (labels.h), the caller's. */
must_check int wire_labels(sd_json_variant *array, char **ret, struct error *err);

/* The named errors. Each returns what the method callback returns. */
int wire_not_found(sd_varlink *link, const char *path);
int wire_denied(sd_varlink *link, const char *reason);
int wire_invalid(sd_varlink *link, const struct error *err);
int wire_invalid_path(sd_varlink *link, const char *path, const struct error *err);
int wire_quota(sd_varlink *link, const char *limit, uint64_t value);
int wire_conflict(sd_varlink *link, const char *path, int64_t version);
int wire_approval(sd_varlink *link, int64_t question, const char *action);
int wire_unknown_question(sd_varlink *link, int64_t question);
