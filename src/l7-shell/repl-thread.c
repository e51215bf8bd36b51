/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* Going from one thread to another, in words (L7). */
#include "base/cleanup.h"
#include "l7-shell/link.h"
#include "l7-shell/repl.h"

#include <string.h>

/* The thread's row in what the agent lists; NULL: there is none. */
static int find(struct repl *repl, const char *name, sd_json_variant **ret, struct error *err)
{
	auto_json sd_json_variant *reply = NULL;
	sd_json_variant *threads;
	int r = link_ask(repl->shell->run_fd, "agent", "io.clawos.Agent.Threads", NULL, &reply,
			 err);

	*ret = NULL;
	if (r < 0)
		return r;
	threads = link_field(reply, "threads");
	for (size_t i = 0;
	     threads && sd_json_variant_is_array(threads) && i < sd_json_variant_elements(threads);
	     i++) {
		sd_json_variant *thread = sd_json_variant_by_index(threads, i);

		if (strcmp(link_string(thread, "name"), name) == 0)
			*ret = sd_json_variant_ref(thread);
	}
	return 0;
}

int repl_thread_exists(struct repl *repl, const char *name, bool *ret, struct error *err)
{
	auto_json sd_json_variant *thread = NULL;
	int r = find(repl, name, &thread, err);

	*ret = thread != NULL;
	return r;
}

int repl_tell_thread(struct repl *repl, struct error *err)
{
	auto_json sd_json_variant *thread = NULL;
	struct screen *out = &repl->shell->out;
	int r = find(repl, repl->shell->thread, &thread, err);
	int64_t turns = link_integer(thread, "turns");

	if (r < 0)
		return r;
	screen_own(out, STYLE_DIM, "%sthread ", turns > 0 ? "" : "new ");
	screen_foreign(out, STYLE_BOLD, repl->shell->thread, 0);
	if (turns > 0)
		screen_own(out, STYLE_DIM, ", %lld turn%s", (long long)turns,
			   turns == 1 ? "" : "s");
	screen_own(out, STYLE_PLAIN, "\n");
	return 0;
}

int repl_switch(struct repl *repl, const char *thread, struct error *err)
{
	auto_free char *before = strdup(repl->shell->thread);
	struct error ignored = { 0 };
	int r;

	if (!before)
		return FAIL(err, -ENOMEM, "out of memory");
	repl_let_go(repl);
	repl->seen = 0;
	r = shell_set_thread(repl->shell, thread, err);
	if (r == 0)
		r = repl_tell_thread(repl, err);
	if (r == 0)
		r = repl_follow(repl, err);
	if (r == 0)
		return 0;
	/* the name is refused, or the agent is away: the shell stays where it was */
	if (shell_set_thread(repl->shell, before, &ignored) < 0 || repl_follow(repl, &ignored) < 0)
		repl->lost = true;
	return r;
}
