/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * submit - handing a message to the agent so that it is accepted exactly once (L7).
 *
 * The message carries a random key. When the connection breaks before the answer, it is sent again
 * with the same key: the daemon answers what it answered the first time.
 */
#pragma once

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-json.h>

struct attachments;

struct submission {
	const char *thread;
	const char *text;
	int context_fd, record_fd, replay_fd;  /* -1: none; borrowed */
	const struct attachments *attachments; /* NULL: none; borrowed */
	const char *tool;                      /* a direct form; NULL: ask the model */
	sd_json_variant *arguments;            /* of the direct form; borrowed */
	const char *const *allow;
	size_t n_allow;
	bool unattended;
	uint32_t workspace; /* 0: the state's own */
};

struct accepted {
	uint64_t turn, seq;
};

/* A key by which the agent knows a call that is made again. */
enum { SUBMIT_KEY_BYTES = 33 };
must_check int submit_make_key(char ret[SUBMIT_KEY_BYTES], struct error *err);

must_check int submit(int run_fd, const struct submission *submission, struct accepted *ret,
		      struct error *err);

/* Everything on standard input as a sealed memfd when it is not a terminal; -1 in *ret when there
 * is nothing. */
must_check int submit_read_context(int *ret, struct error *err);
