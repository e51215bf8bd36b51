/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "harness/tap.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* What loops is ended by the processor time it takes, what waits for ever by the clock. */
enum { CPU_LIMIT_S = 20, TIME_LIMIT_S = 120, EXIT_SKIPPED = 77 };

static struct tap_test *tests, **tests_end = &tests;

void tap_register(struct tap_test *test)
{
	*tests_end = test;
	tests_end = &test->next;
}

void tap_fail(const char *file, int line, const char *fmt, ...)
{
	va_list ap;

	printf("# %s:%d: ", file, line);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
	exit(EXIT_FAILURE);
}

void tap_skip(const char *reason)
{
	printf("# skipped: %s\n", reason);
	exit(EXIT_SKIPPED);
}

/* Runs one test in a child and returns its wait status. */
static int run_isolated(const struct tap_test *test)
{
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid < 0)
		abort();
	if (pid == 0) {
		if (setrlimit(RLIMIT_CPU, &(struct rlimit){ CPU_LIMIT_S, CPU_LIMIT_S + 1 }) < 0)
			abort();
		alarm(TIME_LIMIT_S);
		test->run();
		exit(EXIT_SUCCESS); /* not _exit(): LeakSanitizer reports at exit */
	}
	if (waitpid(pid, &status, 0) != pid)
		abort();
	return status;
}

int main(void)
{
	unsigned n = 0, failed = 0;

	for (struct tap_test *t = tests; t; t = t->next)
		n++;
	printf("1..%u\n", n);

	n = 0;
	for (struct tap_test *t = tests; t; t = t->next) {
		int status = run_isolated(t);
		int passed = WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS;
		int skipped = WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SKIPPED;

		if (WIFSIGNALED(status))
			printf("# killed by signal %d\n", WTERMSIG(status));
		printf("%sok %u - %s%s\n", passed || skipped ? "" : "not ", ++n, t->name,
		       skipped ? " # SKIP" : "");
		failed += !(passed || skipped);
	}
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
