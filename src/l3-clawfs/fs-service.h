/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * fs-service - io.clawos.Fs over the store: who may do what, content by descriptor (L3).
 *
 * What a caller may do follows from its uid and from whom it writes for: only the owner, writing as
 * "person", changes an identity document without a question, and only the owner answers one.
 *
 * Errors     A store that is damaged or cannot be written ends the loop with a failure.
 * Threads    None.
 * Source     spec/varlink/io.clawos.Fs.varlink
 * Tests      tests/process/test-clawfsd.py
 */
#pragma once

#include "base/service.h"
#include "l3-clawfs/store.h"

struct fs_service;

struct fs_service_options {
	struct service *service; /* borrowed, as is the store; both outlive the fs_service */
	struct store *store;
	uid_t owner, agent; /* different uids */
};

/* Serves the inherited socket "fs". */
must_check int fs_service_open(const struct fs_service_options *options, struct fs_service **ret,
			       struct error *err);
void fs_service_close(struct fs_service *fs); /* NULL-tolerant */
