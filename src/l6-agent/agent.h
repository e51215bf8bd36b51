/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * agent - the objects of claw-agentd that belong together, and the one way a record is written
 * (L6).
 *
 * Made in main, passed to the parts that need it. Each field has one module that changes it.
 */
#pragma once

#include "base/service.h"
#include "l6-agent/agentd-config.h"
#include "l6-agent/journal.h"
#include "l6-agent/leak-text.h"
#include "l6-agent/model.h"
#include "l6-agent/payload.h"
#include "l6-agent/provider-chain.h"
#include "l6-agent/threads.h"

struct front_fetch;
struct gate;
struct job_wait;
struct peer;
struct peer_call;
struct cage_client;
struct subscribers;
struct tool;
struct turn;
struct work_line;

enum { AGENT_DEFAULT = 1, AGENT_MODEL_BYTES = 96, AGENT_WAITING_MAX = 16 };

/* The stable front of every prompt (front.h). */
struct agent_front {
	char *text;              /* rules and identity documents; NULL before the first turn */
	char *labels;            /* of the identity documents (label_set_write()); NULL: none */
	uint64_t generation;     /* of the identity documents, as clawfsd counts */
	uint64_t id;             /* changes with the text */
	struct leak_tally leaks; /* what was replaced in the documents */
};

/* How far the local model is with computing the front (front.c); told by agentd-prepare.c. */
struct agent_readiness {
	/* none (a provider needs nothing); waiting, loading, reading; ready, failed */
	const char *state;
	uint64_t read_tokens, prompt_tokens, left_us; /* when it reads */
	char model[AGENT_MODEL_BYTES];                /* the name the weights give themselves */
	char reason[ERROR_TEXT_BYTES];                /* of a failure */
	sd_varlink *waiting[AGENT_WAITING_MAX];       /* calls of Prepare that are answered later */
	size_t n_waiting;
};

struct agent {
	sd_event *event;
	struct service *service;
	const struct agentd_config *config;
	uid_t owner;
	const struct tool **tools; /* this agent's, sorted by name (agent_has_tool()) */
	size_t n_tools;
	struct journal *journal;
	struct threads *threads;
	struct peer *egress, *llm, *fs;
	struct cage_client *cages;
	struct gate *cage_gate;     /* agent.cages_max */
	struct gate *exchange_gate; /* agent.exchanges_max */
	struct work_line *work;     /* what is computed in pieces */
	bool cages_silent;          /* claw-sandboxd did not answer the last time (call-cage) */
	struct subscribers *subscribers;
	const struct model_format *format; /* of the first provider */
	struct provider_chain chain;
	struct agent_front front;
	struct front_fetch *first_front;
	struct peer_call *preparing;
	struct agent_readiness readiness;
	size_t open_turns;          /* that run */
	size_t accepted_turns;      /* that run or wait behind others of their thread */
	struct job_wait *job_waits; /* for threads that work for others (jobs.h) */
	uint64_t recall_clock;
	bool is_stopping;
};

/* How conversations with this provider are written. */
const struct model_format *agent_format(const struct provider_config *config);

/* The name of the model that is asked, for people; NULL while it is not known. */
const char *agent_model(const struct agent *agent);

/* What is not offered is not run. */
bool agent_has_tool(const struct agent *agent, const struct tool *tool);

must_check int agent_open(struct agent *agent, int state_fd, int run_fd, struct error *err);
/* Also ends what runs: open turns are taken up by the next start. */
void agent_close(struct agent *agent);

/*
 * Ends payload, appends it as a record of that thread and turn, and folds it into the table of
 * threads. ret (may be NULL) receives the record; its payload is *ret_text, the caller's to free,
 * when ret_text is given.
 */
struct agent_append {
	struct thread *thread; /* NULL only for the record that makes it */
	uint64_t thread_id, turn;
	uint32_t owner;
	enum journal_kind kind;
	enum journal_origin origin;
	struct payload *payload;
	journal_durable_fn on_durable;
	void *data;
};
must_check int agent_append(struct agent *agent, const struct agent_append *append,
			    struct journal_record *ret, char **ret_text, struct error *err);

/* What cannot be written to the journal ends the program: it says why and leaves the loop. */
void agent_give_up(struct agent *agent, const struct error *err);
