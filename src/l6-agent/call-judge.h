/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * call-judge - claw-egressd says what the person's rules make of a tool call (L6).
 *
 * The rules have one store, which is not ours; so each call that does something here (in a cage, at
 * clawfsd) is judged there before it begins. What leaves the machine is not asked about: it is
 * judged by the one who sends it. Where nobody can judge, the answer is no.
 *
 * Ownership  A judging is gone when on_done has returned, or with call_judge_cancel().
 * Source     spec/varlink/io.clawos.Egress.varlink, Judge
 */
#pragma once

#include "l6-agent/agent.h"
#include "l6-agent/tool.h"

struct call_judge;

struct call_judgment {
	enum tool_verdict verdict;
	const char *reason;   /* for the person; may be empty */
	const char *proposal; /* the rule that a word for longer would make; NULL: none */
};

/* judgment is borrowed. */
typedef void (*call_judged_fn)(const struct call_judgment *judgment, void *data);

struct call_judge_options {
	struct agent *agent;
	const struct tool *tool;
	const char *arguments; /* checked JSON text; borrowed during the start */
	const char *thread;
	unsigned origins; /* 1 << enum tool_origin */
	call_judged_fn on_done;
	void *data;
};

/* Somebody else than the one who carries it out has to say yes. */
bool call_judge_is_needed(const struct tool *tool);

must_check int call_judge_start(const struct call_judge_options *options, struct call_judge **ret,
				struct error *err);
void call_judge_cancel(struct call_judge *judge); /* NULL-tolerant */

/* An array of their names. */
must_check int call_origins_build(unsigned origins, sd_json_variant **ret);
