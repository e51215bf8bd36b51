/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * peer - calls of another daemon's Varlink interface, one connection per call (L6).
 *
 * Idle connections are kept for the next call. Cancelling a call closes its connection, which is
 * how claw-egressd, claw-llmd and clawfsd end what they do for it. No callback runs from within a
 * peer_* function.
 *
 * A daemon that is stopped, hangs or is not started any more keeps its callers waiting without a
 * word. While calls are out and nothing is heard from it for half of silence_us, it is asked for
 * its name on a connection of its own; without an answer to that in the other half all calls end
 * with SD_VARLINK_ERROR_TIMEOUT. No timer runs while no call is out.
 *
 * Ownership  A call belongs to the peer and is gone after its final reply or peer_call_cancel().
 * Errors     -errno of connecting (with a sentence naming the daemon).
 */
#pragma once

#include "base/error.h"
#include "l6-agent/priority.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-event.h>
#include <systemd/sd-varlink.h>

struct peer;
struct peer_call;

/* clawfsd answers in milliseconds: one that lives and takes so long will not answer at all. */
enum { PEER_FS_ANSWER_S = 60 };

/*
 * error_id NULL: a reply. A lost connection is SD_VARLINK_ERROR_DISCONNECTED, no answer in time
 * SD_VARLINK_ERROR_TIMEOUT (with a reason when the daemon gave no sign of life). is_final: the call
 * is gone when the callback returns.
 */
typedef void (*peer_reply_fn)(struct peer_call *call, const char *error_id, sd_json_variant *reply,
			      bool is_final, void *data);

struct peer_call_options {
	const char *method;
	sd_json_variant *parameters; /* borrowed */
	int fds[2]; /* passed beside the call; borrowed. Copies are kept only when repeatable */
	size_t n_fds;
	enum priority priority; /* among calls that wait for a connection */
	bool more;              /* several replies */
	bool repeatable;     /* made again once when the connection is lost, not after a timeout */
	uint64_t timeout_us; /* 0: the peer's own limits hold, as long as it lives */
	peer_reply_fn on_reply;
	void *data;
};

struct peer_options {
	int run_fd;         /* borrowed */
	const char *name;   /* the socket below it */
	const char *daemon; /* the word for it in errors */
	uint64_t silence_us;
	size_t links_max; /* connections of calls at one time, further calls wait; 0: any number */
};
must_check int peer_new(sd_event *event, const struct peer_options *options, struct peer **ret);
void peer_free(struct peer *peer); /* NULL-tolerant; ends its calls without a callback */

must_check int peer_call_start(struct peer *peer, const struct peer_call_options *options,
			       struct peer_call **ret, struct error *err);
void peer_call_cancel(struct peer_call *call); /* NULL-tolerant */
/* Within on_reply: a descriptor that came with the reply; the caller's. -ENOENT: none. */
must_check int peer_call_take_fd(struct peer_call *call, size_t index);
/* What an error's parameters say for a person, else its name. Borrowed from both. */
const char *peer_error_reason(const char *error_id, sd_json_variant *reply);
