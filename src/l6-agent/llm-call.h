/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * llm-call - one Complete or Prepare of a peer: its prompt, its pipe, its replies (L6).
 *
 * Prompt and grammar are copied at the start: what the peer does to its descriptor afterwards
 * changes nothing. Text goes out through the pipe without blocking; what the pipe does not take
 * waits here, bounded by the tokens asked for.
 *
 * Ownership  The caller owns the call; it holds a reference to its connection.
 * Errors     As llm-run; -EPIPE when nobody reads the text any more; -EDQUOT over a limit, whose
 *            name is the error's text.
 */
#pragma once

#include "base/buf.h"
#include "base/error.h"
#include "l6-agent/llm-config.h"
#include "l6-agent/llm-out.h"
#include "l6-agent/llm-run.h"
#include "l6-agent/priority.h"

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-varlink.h>

enum { LLM_TEXT_BYTES_MAX = 1024 * 1024 };

struct llm_store;

struct llm_call {
	struct llm_call *next;
	sd_varlink *link;
	bool is_prepare, wants_progress, said_loading, head_sent, ended;
	enum priority priority;
	int64_t intent;
	struct buf prompt, grammar, text;
	size_t prefix_length, max_tokens, prompt_tokens;
	char *stops[LLM_STOPS_MAX];
	size_t n_stops;
	int pipe_fd; /* -1 for Prepare */
	uint64_t arrived_us, load_us, first_us;
	uint64_t step_us;               /* when the last step began */
	uint64_t read_from_us, said_us; /* when reading began, when progress was told */
	size_t read_from;               /* tokens that were there then */
	struct llm_run *run;            /* made when its turn comes */
	const char *reason;
};

/* Reads the parameters and descriptors of a call; the reply to a bad one is the caller's. */
must_check int llm_call_new(sd_varlink *link, sd_json_variant *parameters, bool is_prepare,
			    const struct llm_limits *limits, struct llm_call **ret,
			    struct error *err);
void llm_call_free(struct llm_call *call);

/* Its turn has come: the prompt becomes tokens. Errors as llm_run_new(). */
must_check int llm_call_begin(struct llm_call *call, struct llm_weights *weights,
			      const struct llm_store *store, struct error *err);

/* One step of the run and what follows from it for the peer. Sets ended and reason at the end. */
must_check int llm_call_step(struct llm_call *call, struct error *err);

/* Writes waiting text; 1 when the pipe is full and has to be waited for, 0 when all is out. */
must_check int llm_call_flush(struct llm_call *call, struct error *err);

/* Answers a Prepare whose prefix is kept already, without the weights; 0 when it is not. */
int llm_call_reply_kept(struct llm_call *call, const struct llm_file *file,
			const struct llm_store *store);

/* Why the peer still waits, when it wants to know. Loading is told once: false when it has been. */
void llm_call_say_waiting(struct llm_call *call);
bool llm_call_say_loading(struct llm_call *call);

/* The last reply. model: the name of the weights. */
int llm_call_reply(struct llm_call *call, const char *model);
int llm_call_fail(struct llm_call *call, const struct llm_weights *weights,
		  const struct error *err);
int llm_call_refuse(sd_varlink *link, const struct llm_limits *limits, const struct error *err);

/* True when the peer has hung up. */
bool llm_call_is_abandoned(const struct llm_call *call);
