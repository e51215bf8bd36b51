/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l7-shell/stop-all.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "l2-kernel/cage-owner.h"
#include "l7-shell/link.h"
#include "l7-shell/screen.h"

#include <string.h>

#define AGENT_LIMIT_US (2 * CLOCK_SECOND_US)

static int kill_cages(int run_fd, unsigned *ret_running, struct error *err)
{
	auto_fd int socket_fd = cage_owner_connect(run_fd, "sandbox", err);
	struct launch_status status = { 0 };
	int r = socket_fd < 0 ? socket_fd : cage_owner_status(socket_fd, &status, err);

	if (r == 0)
		r = cage_owner_stop(socket_fd, err);
	if (r == 0 && ret_running)
		*ret_running = status.running;
	return r;
}

static int interrupt(sd_varlink *link, const char *thread, struct stop_outcome *outcome)
{
	auto_json sd_json_variant *parameters = NULL, *reply = NULL;
	int r = sd_json_buildo(&parameters, SD_JSON_BUILD_PAIR_STRING("thread", thread));

	if (r >= 0)
		r = link_call(link, "io.clawos.Agent.Interrupt", parameters, &reply,
			      &outcome->agent);
	if (r >= 0 && link_field(reply, "turn"))
		outcome->interrupted++;
	return r;
}

static bool is_busy(sd_json_variant *thread)
{
	const char *state = link_string(thread, "state");

	return strcmp(state, "running") == 0 || strcmp(state, "waiting") == 0;
}

/* Queued turns begin when the one before has ended: the list is gone through until nothing runs. */
static void interrupt_turns(int run_fd, struct stop_outcome *outcome)
{
	enum { ROUNDS_MAX = 256 };
	auto_link sd_varlink *link = NULL;
	int r = link_open_within(run_fd, "agent", AGENT_LIMIT_US, &link, &outcome->agent);

	for (unsigned round = 0; round < ROUNDS_MAX && r >= 0; round++) {
		auto_json sd_json_variant *reply = NULL;
		sd_json_variant *threads;
		bool any = false;

		r = link_call(link, "io.clawos.Agent.Threads", NULL, &reply, &outcome->agent);
		threads = link_field(reply, "threads");
		for (size_t i = 0; r >= 0 && threads && sd_json_variant_is_array(threads) &&
				   i < sd_json_variant_elements(threads);
		     i++) {
			sd_json_variant *thread = sd_json_variant_by_index(threads, i);

			if (!is_busy(thread))
				continue;
			any = true;
			r = interrupt(link, link_string(thread, "name"), outcome);
		}
		if (!any)
			break;
	}
	if (r < 0 && outcome->agent.code == 0)
		(void)FAIL(&outcome->agent, r, "%s", strerror(-r));
}

int stop_all(int run_fd, struct stop_outcome *ret, struct error *err)
{
	struct stop_outcome outcome = { 0 };
	int r = kill_cages(run_fd, &outcome.cages, err);

	if (r < 0)
		return error_prefix(err, "the cages could not be stopped");
	interrupt_turns(run_fd, &outcome);
	r = kill_cages(run_fd, NULL, err);
	if (r < 0)
		return error_prefix(err, "the cages could not be stopped");
	*ret = outcome;
	return 0;
}

void stop_all_tell(const struct stop_outcome *outcome, struct screen *screen)
{
	screen_own(screen, STYLE_PLAIN, "%u cage%s killed, %u turn%s interrupted\n", outcome->cages,
		   outcome->cages == 1 ? "" : "s", outcome->interrupted,
		   outcome->interrupted == 1 ? "" : "s");
	if (outcome->agent.code == 0)
		return;
	screen_own(screen, STYLE_BAD, "the agent could not be told: ");
	screen_foreign(screen, STYLE_BAD, outcome->agent.text, 0);
	screen_own(screen, STYLE_BAD, "; claw stop ends it with everything else\n");
}
