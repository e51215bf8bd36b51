/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* The commands that change how a conversation goes on (L7). */
#include "base/cleanup.h"
#include "base/number.h"
#include "l7-shell/link.h"
#include "l7-shell/repl.h"
#include "l7-shell/submit.h"

#include <errno.h>
#include <string.h>

enum { ATTEMPTS_MAX = 5 };

/* A call with a key is made again when its connection breaks: it counts once. */
static int ask_again(struct shell *shell, const char *method, sd_json_variant *parameters,
		     sd_json_variant **ret, struct error *err)
{
	int r = -ECONNRESET;

	for (unsigned i = 0; i < ATTEMPTS_MAX && r == -ECONNRESET; i++)
		r = link_ask(shell->run_fd, "agent", method, parameters, ret, err);
	return r;
}

/* What was taken back or came back is an event, which every client shows. */
static int move(struct shell *shell, const char *method, struct error *err)
{
	auto_json sd_json_variant *parameters = NULL;
	int r = sd_json_buildo(&parameters, SD_JSON_BUILD_PAIR_STRING("thread", shell->thread));

	if (r < 0)
		return FAIL(err, r, "%s: %s", method, strerror(-r));
	return link_ask(shell->run_fd, "agent", method, parameters, NULL, err);
}

int repl_run_undo(struct shell *shell, const char *const args[], struct error *err)
{
	(void)args;
	return move(shell, "io.clawos.Agent.Undo", err);
}

int repl_run_redo(struct shell *shell, const char *const args[], struct error *err)
{
	(void)args;
	return move(shell, "io.clawos.Agent.Redo", err);
}

/* A call that makes a turn, which is waited for. */
static int begin_turn(struct shell *shell, const char *method, struct error *err)
{
	auto_json sd_json_variant *parameters = NULL, *reply = NULL;
	char key[SUBMIT_KEY_BYTES];
	int r = submit_make_key(key, err);

	if (r < 0)
		return r;
	r = sd_json_buildo(&parameters, SD_JSON_BUILD_PAIR_STRING("thread", shell->thread),
			   SD_JSON_BUILD_PAIR_STRING("key", key));
	if (r < 0)
		return FAIL(err, r, "%s: %s", method, strerror(-r));
	r = ask_again(shell, method, parameters, &reply, err);
	if (r == 0)
		repl_watch(shell->repl, (uint64_t)link_integer(reply, "turn"));
	return r;
}

int repl_run_retry(struct shell *shell, const char *const args[], struct error *err)
{
	(void)args;
	return begin_turn(shell, "io.clawos.Agent.Retry", err);
}

int repl_run_compact(struct shell *shell, const char *const args[], struct error *err)
{
	(void)args;
	return begin_turn(shell, "io.clawos.Agent.Compact", err);
}

int repl_run_branch(struct shell *shell, const char *const args[], struct error *err)
{
	auto_json sd_json_variant *parameters = NULL, *reply = NULL;
	uint64_t turn = 0;
	int r;

	if (args[0] && number_parse_u64(args[0], 1, INT64_MAX, &turn) < 0)
		return FAIL(err, COMMAND_USAGE, "\"%s\" is not the number of a turn", args[0]);
	r = sd_json_buildo(
		&parameters, SD_JSON_BUILD_PAIR_STRING("thread", shell->thread),
		SD_JSON_BUILD_PAIR_CONDITION(turn > 0, "turn", SD_JSON_BUILD_UNSIGNED(turn)));
	if (r < 0)
		return FAIL(err, r, "/branch: %s", strerror(-r));
	r = link_ask(shell->run_fd, "agent", "io.clawos.Agent.Branch", parameters, &reply, err);
	return r < 0 ? r
		     : repl_switch(shell->repl, link_string(link_field(reply, "thread"), "name"),
				   err);
}

/* Words for which no turn runs are a message as any other. */
int repl_run_steer(struct shell *shell, const char *const args[], struct error *err)
{
	auto_json sd_json_variant *parameters = NULL;
	char key[SUBMIT_KEY_BYTES];
	int r = submit_make_key(key, err);

	if (r < 0)
		return r;
	r = sd_json_buildo(&parameters, SD_JSON_BUILD_PAIR_STRING("thread", shell->thread),
			   SD_JSON_BUILD_PAIR_STRING("text", args[0]),
			   SD_JSON_BUILD_PAIR_STRING("key", key));
	if (r < 0)
		return FAIL(err, r, "/steer: %s", strerror(-r));
	r = ask_again(shell, "io.clawos.Agent.Steer", parameters, NULL, err);
	if (r != -EBUSY)
		return r;
	screen_own(&shell->out, STYLE_DIM, "no turn takes it any more: it is sent as a message\n");
	return repl_send(shell->repl, args[0], err);
}
