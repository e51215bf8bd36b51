/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * egress - the state of claw-egressd and the calls it has under way (L6).
 *
 * One call is one Varlink method call with a body in and a pipe out. It ends exactly once: by a
 * final reply, an error reply, or because its connection closed. The pipe is closed before the
 * reply is sent.
 *
 * Ownership  Calls belong to struct egress; egress_call_end() frees them.
 * Source     spec/varlink/io.clawos.Egress.varlink, spec/providers.md
 */
#pragma once

#include "base/buf.h"
#include "base/service.h"
#include "l6-agent/egress-breaker.h"
#include "l6-agent/egress-budget.h"
#include "l6-agent/egress-end-mark.h"
#include "l6-agent/egress-http.h"
#include "l6-agent/egress-leak.h"
#include "l6-agent/egress-limits.h"
#include "l6-agent/egress-log.h"
#include "l6-agent/egress-question.h"
#include "l6-agent/egress-redact.h"
#include "l6-agent/egress-rules.h"
#include "l6-agent/egress-url.h"
#include "l6-agent/egress-usage.h"
#include "l6-agent/provider-chain.h"

#include <systemd/sd-event.h>
#include <systemd/sd-varlink.h>

struct curl_slist;
struct secret;
struct egress_call;

struct egress_settings {
	struct provider_config provider;
	struct egress_limits limits;
	struct egress_budget_settings budget;
	char *allow, *ca_file, *proxy;
};

/* Somebody calls may go to. */
struct egress_provider {
	const struct provider_config *config;
	struct egress_url url;  /* url.url is NULL for the local backend */
	struct secret *secret;  /* a whole header line; NULL: no key */
	struct egress_key *key; /* what answers may not hold; NULL: none worth hiding */
	struct curl_slist *headers_stream, *headers_whole; /* the key is last, if there is one */
	struct priced priced;
	struct egress_breaker breaker;
};

struct egress {
	struct service *service;
	const struct egress_settings *settings;
	uid_t agent, owner;
	struct http *http;
	struct egress_rules *rules;
	struct egress_questions *questions;
	struct egress_log *log;
	struct egress_ledger *ledger;
	struct provider_chain chain;
	struct egress_provider providers[PROVIDER_CHAIN_MAX]; /* chain.n of them */
	struct egress_call *calls;                            /* doubly linked */
	unsigned n_completes, n_fetches;
};

enum egress_kind { EGRESS_COMPLETE, EGRESS_FETCH };

struct egress_call {
	struct egress_call *next, *previous;
	struct egress *egress;
	struct egress_provider *provider; /* of a Complete */
	bool is_probe;                    /* its outcome decides about the provider's breaker */
	enum egress_kind kind;
	sd_varlink *link;
	int64_t intent;

	/* out: the request */
	const char *method; /* static */
	struct egress_url url;
	struct buf body;
	struct leak_tally leaks;    /* what was replaced in it */
	struct curl_slist *headers; /* a fetch's own; NULL: the provider's */
	bool stream;
	uint64_t rule;
	char *thread; /* whose it is, as claw-agentd says; NULL, 0: not said */
	uint64_t turn;
	uint64_t answer_tokens; /* that the body allows; 0: not said */

	/* what it costs */
	struct egress_hold hold;
	struct egress_usage usage;              /* of the attempt under way */
	struct egress_spent spent;              /* of all attempts */
	char warning[EGRESS_BUDGET_TEXT_BYTES]; /* for the person; "" */

	/* back: the answer */
	struct http_transfer *transfer;
	int pipe_fd;
	sd_event_source *pipe_source;
	struct buf held; /* what the pipe did not take */
	struct egress_redact *redact;
	struct end_mark end_mark; /* of a model's answer */
	uint64_t limit;           /* of bytes passed on; what is over is cut or refused */
	bool has_head, discarding, truncated, ended;
	int status;
	char *content_type, *location;
	uint64_t bytes_in, discarded;

	/* time */
	sd_event_source *timer;
	uint64_t armed_us, started_us, attempt_us, heard_us;
	uint64_t retry_us, retry_wait_us; /* retry_us 0: none waits */
	uint64_t connect_us, first_byte_us;
	uint64_t first_byte_max_us, idle_max_us, total_max_us;
	unsigned attempts;
	bool reader_gone;
	const char *failed; /* how it ends once the pipe has taken everything; NULL: well */
	char reason[ERROR_TEXT_BYTES];
};

/* A new call on this connection, with its descriptors taken: body bytes and pipe. On failure the
 * error reply was sent already and *ret is untouched. */
must_check int egress_call_new(struct egress *egress, sd_varlink *link, enum egress_kind kind,
			       uint64_t offset, uint64_t length, struct egress_call **ret);

/* One attempt: the request goes out and its clock starts. options and sink are copied, or static.
 */
void egress_call_send(struct egress_call *call, const struct http_options *options,
		      const struct http_sink *sink);

/* A head came. egress_call_head() tells it; what is repeated is not told. */
void egress_call_heard(struct egress_call *call, int status);
void egress_call_head(struct egress_call *call, const struct http_head *head);

/* Passes bytes without the key to the pipe, as far as limit allows. HTTP_STOP sets truncated (over
 * the limit) or means that nobody reads any more. */
enum http_take egress_call_pass(struct egress_call *call, const char *bytes, size_t length);

/* A copy of a server's words that can go into JSON: no malformed byte, no key. NULL for NULL, or
 * when there is no memory: it is then not told. */
char *egress_call_text(const struct egress_call *call, const char *text);

/* Starts the clock of one attempt. */
void egress_call_arm(struct egress_call *call);

/* The next attempt begins after this long. */
void egress_call_retry_after(struct egress_call *call, uint64_t wait_us);

/* The answer is whole: "done" once the pipe has taken everything. */
void egress_call_done(struct egress_call *call);

/* Ends it with io.clawos.Egress.ProviderFailed, once the pipe has taken what came before. what is
 * static. */
void egress_call_fail(struct egress_call *call, const char *what, const char *reason);

/* The same for whom the answer's reader left. */
void egress_call_reader_gone(struct egress_call *call);

/* Ends it with io.clawos.Egress.AddressRefused. */
void egress_call_refuse_address(struct egress_call *call, const char *address);

/* Ends it: everything is released, the log gets its line. No reply is sent. */
void egress_call_end(struct egress_call *call, const char *result);

/* The word on the wire for what failed. */
const char *egress_failure_name(enum http_failure failure);

/* One attempt of a call; each kind has its own. */
void egress_complete_attempt(struct egress_call *call);

/* Whose call it is, and what its body allows. -EINVAL: it asks for what has no bound. */
must_check int egress_spending_begin(struct egress_call *call, const char *thread, uint64_t turn,
				     struct error *err);

/* Holds what one attempt may cost. False: it does not fit, and the call has ended with
 * io.clawos.Egress.BudgetExceeded, or because it could not be written down. */
must_check bool egress_spending_take(struct egress_call *call);

/* The attempt is over; nothing happens when none is held. has_reached: the provider may have seen
 * it. is_whole: the answer came to its end. */
void egress_spending_settle(struct egress_call *call, bool has_reached, bool is_whole);

/* The methods (sd_varlink_method_t), userdata is struct egress. */
int egress_on_spending(sd_varlink *link, sd_json_variant *parameters,
		       sd_varlink_method_flags_t flags, void *userdata);
int egress_on_complete(sd_varlink *link, sd_json_variant *parameters,
		       sd_varlink_method_flags_t flags, void *userdata);
int egress_on_fetch(sd_varlink *link, sd_json_variant *parameters, sd_varlink_method_flags_t flags,
		    void *userdata);

/* egress-question-serve.c, egress-rule-serve.c, egress-judge.c */
int egress_on_answer(sd_varlink *link, sd_json_variant *parameters, sd_varlink_method_flags_t flags,
		     void *userdata);
int egress_on_questions(sd_varlink *link, sd_json_variant *parameters,
			sd_varlink_method_flags_t flags, void *userdata);
int egress_on_rules(sd_varlink *link, sd_json_variant *parameters, sd_varlink_method_flags_t flags,
		    void *userdata);
int egress_on_add_rule(sd_varlink *link, sd_json_variant *parameters,
		       sd_varlink_method_flags_t flags, void *userdata);
int egress_on_revoke(sd_varlink *link, sd_json_variant *parameters, sd_varlink_method_flags_t flags,
		     void *userdata);
int egress_on_judge(sd_varlink *link, sd_json_variant *parameters, sd_varlink_method_flags_t flags,
		    void *userdata);

/* What becomes of a deed by rule and table: its verdict, the rule that decided (NULL: the table)
 * and why, in words for the person. */
struct egress_judgment {
	enum tool_verdict verdict;
	struct egress_rule *rule;
	char reason[EGRESS_RULE_BYTES_MAX + 128];
};
void egress_judge(struct egress *egress, const struct egress_deed *deed, enum tool_effect effect,
		  struct egress_judgment *ret);

/* 1 << enum tool_origin for each name of the array (NULL: none); -EINVAL for a name that is none.
 */
must_check int egress_origins_parse(sd_json_variant *names, unsigned *ret);

/* io.clawos.Egress.Denied unless the peer is uid; true when it may go on. */
bool egress_allows(sd_varlink *link, uid_t uid, const char *who);
int egress_invalid(sd_varlink *link, const char *reason);

/* Makes URL, headers and price of provider number n of the chain; secret is taken, and may be NULL.
 * libcurl is pointed at it, it is never copied. */
must_check int egress_provider_init(struct egress *egress, unsigned n, struct secret *secret,
				    struct error *err);
/* Whether its provider is asked now. False: it is passed over for a while, and the call has ended
 * with ProviderFailed "open". One that nobody stands in for is always asked. */
must_check bool egress_provider_admits(struct egress_call *call);

/* A call of this provider has ended; result as in the log. */
void egress_provider_ended(struct egress_call *call, const char *result);

void egress_provider_fini(struct egress *egress);

/* Serves io.clawos.Egress on the inherited socket "egress"; the server is the caller's. */
must_check int egress_serve(struct egress *egress, sd_varlink_server **ret, struct error *err);
void egress_end_all(struct egress *egress);

/* Builds everything on service, settings, agent and owner, runs until told to stop, takes it apart.
 * state is the folder of rules and log. Returns the loop's exit code or -errno. */
must_check int egress_run(struct egress *egress, const char *state, struct error *err);
