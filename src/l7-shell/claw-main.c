/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* claw - the shell of ClawOS: one static program for person, scripts and supervisor (L7). */
#include "base/cleanup.h"
#include "base/dir.h"
#include "l7-shell/command.h"
#include "l7-shell/flow.h"
#include "l7-shell/login.h"
#include "l7-shell/once.h"
#include "l7-shell/options.h"
#include "l7-shell/repl.h"
#include "l7-shell/shell.h"
#include "l7-shell/verbs.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* What a failure says may come from anywhere. */
static int complain(const struct error *err)
{
	struct screen notes;
	struct flow flow;

	screen_open(&notes, STDERR_FILENO);
	flow_begin(&flow, &notes, 0, 2);
	flow_foreign(&flow, STYLE_PLAIN, "claw: ", err->text);
	flow_end(&flow);
	(void)!screen_flush(&notes, NULL); /* nowhere else to say it */
	screen_close(&notes);
	return err->code == COMMAND_USAGE ? SHELL_USAGE : SHELL_FAILED;
}

/* What this command line is for, as the option table names it; 0: an unknown verb. */
static unsigned use_of(const struct options *options)
{
	const struct command *verb;

	if (login_is_for_host(options))
		return OPTION_USE_HOST;
	if (options->message)
		return OPTION_USE_ASK;
	if (options->n_args == 0)
		return OPTION_USE_SHELL;
	verb = command_find(&verbs_table, options->args[0]);
	return verb ? verb->uses : 0;
}

static int check(const struct options *options, struct error *err)
{
	unsigned use = use_of(options);

	if (login_is_for_host(options))
		return options_check_use(options, use, err);
	if (options->message && options->n_args > 0)
		return FAIL(err, -EINVAL, "\"%s\": -m takes one text; quote it", options->args[0]);
	return use ? options_check_use(options, use, err) : 0;
}

static int dispatch(struct shell *shell, struct error *err)
{
	if (shell->options->message)
		return once_ask(shell, shell->options->message, true, err);
	if (shell->options->n_args == 0)
		return repl_run(shell, err);
	return command_dispatch(&verbs_table, shell, shell->options->args, err);
}

/* A standard descriptor that is closed would become one of ours, and the answer go into it: its
 * place is held by one that gives nothing and takes nothing. */
static void hold_standard(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0)
			(void)!dir_open_configured("/dev/null", O_RDONLY,
						   0); /* without it: as before */
}

int main(int argc, char *argv[])
{
	struct options options;
	struct error err = { 0 };
	struct shell shell;
	int r;

	hold_standard();
	r = options_parse(argc, argv, &options, &err);
	if (r == 0)
		r = check(&options, &err);
	if (r < 0) {
		(void)complain(&err);
		return SHELL_USAGE;
	}
	if (options.help || options.version) {
		if (options.version)
			printf("claw %s\n", CLAW_VERSION);
		else if (verbs_print(stdout, options.args[0], &err) < 0)
			return complain(&err);
		return fflush(stdout) == 0 ? SHELL_ANSWERED : SHELL_FAILED;
	}
	if (login_is_for_host(&options))
		return login_run_host(&options, &err) < 0 ? complain(&err) : SHELL_FAILED;
	r = shell_open(&options, &shell, &err);
	if (r < 0)
		return login_is_meant(&options) ? login_without_system(&options, &err)
						: complain(&err);
	r = dispatch(&shell, &err);
	screen_settle(&shell.out);
	screen_settle(&shell.notes);
	if (screen_flush(&shell.out, &err) < 0 || screen_flush(&shell.notes, NULL) < 0)
		r = r < 0 ? r : SHELL_FAILED;
	if (r < 0) {
		err.code = r;
		shell_explain(&shell, &err);
		r = complain(&err);
	}
	shell_close(&shell);
	return r;
}
