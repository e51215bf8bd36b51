/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * sandbox - claw-sandboxd's one object: cages, workspaces, verdicts, connections (L2).
 *
 * A connection's cages die when it closes; all die with the process (parent-death signal and pid
 * namespaces). A record that the peer may not send ends its connection.
 *
 * Threads    None: loop thread only.
 * Tests      tests/process/test-sandboxd.py
 */
#pragma once

#include "base/error.h"
#include "l2-kernel/cage-ground.h"
#include "l2-kernel/disk-reserve.h"
#include "l2-kernel/launch-record.h"
#include "l2-kernel/self-test.h"
#include "l2-kernel/workspace.h"

#include <stdint.h>
#include <sys/types.h>
#include <systemd/sd-event.h>

/* Some connections are kept for the person: whoever else takes all of them cannot prevent STOP. */
enum { SANDBOX_LINKS_MAX = 32, SANDBOX_LINKS_AGENT_MAX = 24, SANDBOX_CAGES_MAX = 1024 };

struct service;
struct sandbox_link;
struct sandbox_cage;

struct sandbox {
	struct service *service; /* borrowed: held while there is a cage */
	sd_event *event;
	sd_event_source *listening;
	int listen_fd;
	uid_t owner, agent;
	uint32_t cages_max;
	struct disk_reserve reserve;
	struct cage_ground ground;
	struct workspace_table workspaces;
	struct self_test test;
	struct sandbox_link *links;
	struct sandbox_cage *cages; /* of all connections, newest first */
	uint32_t n_links, n_cages;
	uint64_t launched, refused, timeouts;
};

/* Serves the listening socket; takes listen_fd on success. */
must_check int sandbox_serve(struct sandbox *sandbox, int listen_fd, struct error *err);

/* Kills what runs and frees everything. */
void sandbox_fini(struct sandbox *sandbox);

/* sandbox-cage.c: the launches behind LAUNCH, KILL and STOP. */
int sandbox_cage_launch(struct sandbox *sandbox, struct sandbox_link *link,
			const struct launch_request *rq, int stream_fd, struct error *err);
void sandbox_cage_kill(struct sandbox *sandbox, const struct sandbox_link *link, uint32_t id);
void sandbox_cage_kill_of(struct sandbox *sandbox, const struct sandbox_link *link);
uint32_t sandbox_cage_stop(struct sandbox *sandbox);
void sandbox_cage_resume(struct sandbox *sandbox);
void sandbox_cage_end(struct sandbox *sandbox); /* all, at once, waiting for each */

/* sandbox-link.c: answers. A peer that does not read loses its connection. */
void sandbox_link_answer(struct sandbox_link *link, const struct launch_answer *answer);
void sandbox_link_stopped(struct sandbox *sandbox);
