/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * memory-tools - the memory_* tools as calls of io.clawos.Fs, and their replies as text for a model
 * (L6). Pure: no connection is made here. The caller sends method and parameters (content_fd first,
 * as descriptor 0, unless -1) and gives the reply back.
 *
 * Ownership  memory_call_free() frees the content of a call, not the struct.
 * Errors     -EINVAL with a sentence for the model; -ENOMEM; -EMSGSIZE when text is too small.
 * Threads    None.
 * Source     spec/varlink/io.clawos.Fs.varlink, spec/tools/memory_*.json, spec/clawfs-store.md.
 * Tests      tests/unit/l6-agent/test-memory-tools.c
 */
#pragma once

#include "base/buf.h"
#include "base/error.h"
#include "l6-agent/label-set.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-json.h>

enum memory_verb { MEMORY_SEARCH, MEMORY_READ, MEMORY_TREE, MEMORY_WRITE, MEMORY_LOG };

struct memory_call {
	enum memory_verb verb;
	const char *method; /* "io.clawos.Fs.Search"; static */
	sd_json_variant *parameters;
	int content_fd; /* sealed memfd with the content, -1 when it is in the parameters */
};

/* What the journal knows about the call: the same intent always makes the same call. */
struct memory_intent {
	const char *author; /* "tool:<sequence of the intent>": unique, a repeated call is known by
			       it */
	const char *date;   /* of the intent in the person's zone, "2026-11-24" */
	const char *time;   /* likewise, "10:31"; put in front of a daily log line; NULL: none */
	int64_t question;   /* the answered question this call goes on with; 0: none */
	const struct label_set *labels; /* what is written carries; NULL: none */
};

/* tool is the tool's name, arguments its checked JSON text (tool_check()). */
must_check int memory_call_make(const char *tool, const char *arguments,
				const struct memory_intent *intent, struct memory_call *ret,
				struct error *err);
void memory_call_free(struct memory_call *call);

enum memory_outcome {
	MEMORY_DONE,   /* the text is for the model */
	MEMORY_FAILED, /* the text is an error the model can act on */
	MEMORY_ASK,    /* the person has to answer question first; the text is the exact action */
};

struct memory_result {
	enum memory_outcome outcome;
	int64_t question;        /* of MEMORY_ASK */
	struct label_set labels; /* of the records whose words or names are shown */
};

/*
 * error_id and reply as the Varlink reply callback got them (error_id NULL: success); content_fd is
 * the descriptor that came with a Read, borrowed, -1 when none.
 */
must_check int memory_reply_format(const struct memory_call *call, const char *error_id,
				   sd_json_variant *reply, int content_fd, struct buf *text,
				   struct memory_result *ret, struct error *err);

/* The search for a person's message, before the model is asked: parameters of io.clawos.Fs.Search.
 */
must_check int memory_recall_make(const char *message, struct memory_call *ret, struct error *err);

/*
 * The block "memory found for this message" from the reply, at most MEMORY_RECALL_BYTES, and the
 * labels of what it shows. Nothing is added when no hit is good enough, or when it stands in the
 * prompt already (identity documents).
 */
enum { MEMORY_RECALL_HITS = 3, MEMORY_RECALL_BYTES = 1200 };
must_check int memory_recall_format(sd_json_variant *reply, struct buf *block,
				    struct label_set *labels, struct error *err);
