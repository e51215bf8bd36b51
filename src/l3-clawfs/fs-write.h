/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * fs-write - the methods of io.clawos.Fs that change something: Write, Log, Answer (L3).
 *
 * Tests      tests/process/test-clawfsd.py
 */
#pragma once

#include "l3-clawfs/fs-batch.h"
#include "l3-clawfs/search.h"
#include "l3-clawfs/store.h"

#include <stdbool.h>
#include <sys/types.h>
#include <systemd/sd-varlink.h>

/* What every method works with; all borrowed. */
struct fs_context {
	struct store *store;
	struct searcher *searcher;
	struct batch *batch;
	uid_t owner, agent;
};

/* sd_varlink method callbacks; userdata is a struct fs_context. */
int fs_on_write(sd_varlink *link, sd_json_variant *parameters, sd_varlink_method_flags_t flags,
		void *userdata);
int fs_on_log(sd_varlink *link, sd_json_variant *parameters, sd_varlink_method_flags_t flags,
	      void *userdata);
int fs_on_answer(sd_varlink *link, sd_json_variant *parameters, sd_varlink_method_flags_t flags,
		 void *userdata);

/* The reply to a failure of the store; logs it and ends the loop when the store is lost. */
int fs_fail(struct fs_context *fs, sd_varlink *link, int r, const struct error *err);

/* An optional number of a message: fallback when it is absent or null. */
int64_t fs_number(sd_json_variant *value, int64_t fallback);
