/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * A library to be preloaded into a unit test program: in each child it forks (the harness runs one
 * test in each) the CLAW_FAIL_ALLOC-th allocation finds no memory, once. It writes one byte to the
 * file CLAW_FAIL_MARK then, so that tools/alloc-sweep knows where a test's allocations end. A child
 * that is killed by what it did writes where to standard output, before the harness says so.
 */
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/number.h"

enum { PLACES_MAX = 40 };

/* glibc's own, by the names it exports them for this */
extern void *__libc_malloc(size_t bytes);
extern void *__libc_calloc(size_t n, size_t bytes);
extern void *__libc_realloc(void *old, size_t bytes);
extern void *__libc_memalign(size_t alignment, size_t bytes);

static uint64_t wanted, count;
static bool is_child;

static void on_fault(int number)
{
	static const char end[] = "# end of places\n";
	void *places[PLACES_MAX];
	int n = backtrace(places, PLACES_MAX);

	backtrace_symbols_fd(places, n, STDOUT_FILENO);
	(void)!write(STDOUT_FILENO, end,
		     sizeof(end) - 1); /* what is lost is the place, not the end */
	(void)raise(number);
}

static void begin(void)
{
	static const int faults[] = { SIGSEGV, SIGABRT, SIGBUS, SIGFPE, SIGILL };
	const struct sigaction action = { .sa_handler = on_fault,
					  .sa_flags = (int)SA_RESETHAND | SA_NODEFER };

	is_child = wanted > 0;
	count = 0;
	for (size_t i = 0; is_child && i < sizeof(faults) / sizeof(faults[0]); i++)
		(void)sigaction(faults[i], &action, NULL); /* without it there is no place */
}

__attribute__((constructor)) static void prepare(void)
{
	const char *number = getenv("CLAW_FAIL_ALLOC");
	void *here;

	(void)backtrace(&here, 1); /* loads what it needs, while there is memory */
	if (!number || number_parse_u64(number, 1, UINT64_MAX, &wanted) < 0)
		wanted = 0;
	(void)pthread_atfork(NULL, NULL, begin); /* fails without memory: then nothing does */
}

static bool fails(void)
{
	const char *path;
	int fd;

	if (!is_child || __atomic_add_fetch(&count, 1, __ATOMIC_RELAXED) != wanted)
		return false;
	path = getenv("CLAW_FAIL_MARK");
	fd = path ? open(path, O_WRONLY | O_APPEND | O_CLOEXEC) : -1;
	if (fd >= 0) {
		(void)!write(fd, "!", 1); /* without the mark the sweep ends early, and says so */
		(void)close(fd);
	}
	errno = ENOMEM;
	return true;
}

__attribute__((visibility("default"))) void *malloc(size_t bytes)
{
	return fails() ? NULL : __libc_malloc(bytes);
}

__attribute__((visibility("default"))) void *calloc(size_t n, size_t bytes)
{
	return fails() ? NULL : __libc_calloc(n, bytes);
}

__attribute__((visibility("default"))) void *realloc(void *old, size_t bytes)
{
	return fails() ? NULL : __libc_realloc(old, bytes);
}

__attribute__((visibility("default"))) void *aligned_alloc(size_t alignment, size_t bytes)
{
	return fails() ? NULL : __libc_memalign(alignment, bytes);
}
