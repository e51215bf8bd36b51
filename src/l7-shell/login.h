/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * login - claw as the shell of an account (/etc/shells, chsh) (L7).
 *
 * What a shell is asked by programs (-c, -s, a script, standard input that is no terminal) is done
 * by the host's shell at once: ssh COMMAND, scp, rsync and cron need nothing of ClawOS. What a
 * person sees is claw; when its system does not come up, the person gets commands all the same.
 *
 * Errors     Those of host-shell.h.
 * Tests      tests/process/test-claw-login.py.
 */
#pragma once

#include "l7-shell/options.h"
#include "l7-shell/shell.h"

/* True when this program stands in for the account's shell: -l, a name with "-", or SHELL names it.
 */
bool login_is_meant(const struct options *options);

/* The host's shell does this, and the system is not looked at. */
bool login_is_for_host(const struct options *options);
/* Becomes it; returns only on failure. */
must_check int login_run_host(const struct options *options, struct error *err);

/* Says why there is no system, and becomes the host's shell; an exit status when that fails, too.
 */
int login_without_system(const struct options *options, const struct error *why);

/*
 * Makes sure the system runs and its agent answers, without ever waiting longer than the person
 * does: a minute at most, Ctrl-C ends it. -ETIMEDOUT, -ECANCELED, or why it does not run.
 */
must_check int login_reach(struct shell *shell, struct error *err);
