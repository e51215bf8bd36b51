/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * up-agent - which agent a state is: its name and its number, from which the uids of its daemons
 * follow (L7).
 *
 * An agent is a system of its own: $STATE is that of `default`, $STATE/agents/NAME that of any
 * other. Nothing is shared: every daemon sees only its own agent's folder and sockets, under a uid
 * that no other agent's daemon has.
 *
 * Errors     -errno with a sentence for the person.
 * Source     spec/agents.md
 * Tests      tests/process/test-agents.py
 */
#pragma once

#include "l7-shell/up.h"

#include <sys/types.h>

enum {
	UP_AGENTS_MAX = 32,       /* beside default */
	UP_AGENT_UIDS = 16,       /* of one agent's daemons */
	UP_AGENT_NAME_BYTES = 32, /* with the NUL */
};
#define UP_AGENT_DEFAULT "default"

struct up_agent {
	char name[UP_AGENT_NAME_BYTES];
	unsigned number; /* default: 0 */
};

/* "" when it can be an agent's, else why not. */
const char *up_agent_name_problem(const char *name);

/* *ret of the state's file `agent`; -ENOENT when there is none. */
must_check int up_agent_read(int state_fd, struct up_agent *ret, struct error *err);
must_check int up_agent_write(int state_fd, const struct up_agent *agent, struct error *err);
/* The same, and a state that is none yet becomes `default`: its first start. */
must_check int up_agent_settle(int state_fd, struct up_agent *ret, struct error *err);

/* The paths of that agent, whose state lies below that of default. -ENOENT: there is none. */
must_check int up_agent_find(const struct up_paths *of_default, const char *name,
			     struct up_paths *ret, struct error *err);

/* A row's uid is that of default's daemon; 0 stays root. */
static inline uid_t up_agent_uid(const struct up_agent *agent, uid_t row_uid)
{
	return row_uid == 0 ? 0 : row_uid + agent->number * (uid_t)UP_AGENT_UIDS;
}
