/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * exchange - one question to a model and its answer: through claw-egressd, claw-llmd or a tape
 * (L6).
 *
 * The prompt goes out as a descriptor, the raw answer comes back on a pipe and is fed to the
 * format's reader as it arrives. on_done runs exactly once, never from within exchange_start().
 *
 * Ownership  The exchange is gone when on_done has returned or exchange_cancel() was called.
 * Source     spec/varlink/io.clawos.Egress.varlink, io.clawos.Llm.varlink (Complete)
 */
#pragma once

#include "l6-agent/leak-record.h"
#include "l6-agent/model.h"
#include "l6-agent/priority.h"

#include <systemd/sd-event.h>

struct exchange;
struct peer;
struct tape;

struct exchange_figures {
	uint64_t head_us, first_text_us, total_us; /* from the start of the exchange */
	uint64_t connect_us, load_us;              /* as the other side measured them */
	uint64_t bytes_out, bytes_in, attempts;
	uint64_t nanodollars; /* what a provider's answer cost by the price table */
	int status;           /* HTTP; 0: none */
	/* what claw-llmd counted; a provider's own count is in the answer */
	uint64_t prompt_tokens, cached_tokens, answer_tokens;
};

struct exchange_result {
	int code;             /* 0, or -errno: -ECONNRESET when the daemon behind it was lost */
	const char *name;     /* of the error on the wire; "" */
	char *warning;        /* a sentence for the person; NULL: none. The exchange's */
	struct error err;     /* the reason, for a person */
	struct answer answer; /* when code is 0; the receiver may take parts out */
	struct exchange_figures figures;
	struct leak_exchange leaks; /* what was replaced in it */
};

/* Why the answer does not come yet: the local model waits for other calls, loads, reads. */
struct exchange_progress {
	const char *event; /* of io.clawos.Llm.Complete; "head" when it begins to write */
	uint64_t read_tokens, prompt_tokens, left_us; /* when it reads */
};

typedef void (*exchange_done_fn)(struct exchange_result *result, void *data);

struct exchange_options {
	sd_event *event;
	struct peer *peer; /* egress or llm */
	bool is_local;
	const struct model_format *format;
	const struct conversation *conversation; /* borrowed until the end */
	const struct prompt *prompt;             /* borrowed during the start */
	unsigned flags;                          /* enum prompt_flag */
	bool stream;
	uint64_t intent;
	enum priority priority;
	const char *thread; /* whose it is, for the budgets; borrowed during the start */
	uint64_t turn;
	const char *provider; /* NULL: the configured one; borrowed during the start */
	struct answer_sink sink;
	void (*on_progress)(const struct exchange_progress *progress, void *data); /* or NULL */
	struct tape *record, *replay; /* NULL: none; borrowed until the end */
	exchange_done_fn on_done;
	void *data;
};

must_check int exchange_start(const struct exchange_options *options, struct exchange **ret,
			      struct error *err);
/* Closes the connection, so the other side stops. NULL-tolerant. on_done is not called. */
void exchange_cancel(struct exchange *exchange);
