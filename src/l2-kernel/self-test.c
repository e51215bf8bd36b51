/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l2-kernel/self-test.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "l2-kernel/cage-probe.h"
#include "l2-kernel/launch.h"
#include "l2-kernel/probe-attempts.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

enum { TEST_TIME_MS = 10 * 1000, TEST_MEMORY_MIB = 64, REASON_BYTES = 64 };

struct self_test_run {
	struct self_test *test;
	struct self_test_kind *kind;
	struct launch *launch;
	int stream_fd;
	int outside_fd; /* an abstract socket of this network namespace: no cage may reach it */
	uint64_t since_us;
	struct cage_ground_stamp stamp; /* of the ground when it began */
};

const struct self_test_kind *self_test_verdict(struct self_test *test, enum launch_profile profile,
					       bool writable, const struct cage_ground_stamp *stamp)
{
	struct self_test_kind *kind = &test->kinds[profile][writable];

	if (!cage_ground_is_same(&kind->stamp, stamp))
		*kind = (struct self_test_kind){ .stamp = *stamp };
	return kind;
}

static void conclude(struct self_test_run *run, const struct self_test_kind *kind)
{
	struct self_test *test = run->test;

	run->kind->stamp = run->stamp; /* the ground may have changed meanwhile */
	run->kind->proof = kind->proof;
	memcpy(run->kind->reason, kind->reason, sizeof(kind->reason));
	run->kind->proof.wall_us = (uint32_t)(clock_monotonic_us() - run->since_us);
	close_fd(&run->stream_fd);
	close_fd(&run->outside_fd);
	free(run);
	test->run = NULL;
	test->on_proven(test->data);
}

/* The name in STATUS may be cut, the reason is whole. */
static void set_broken(struct self_test_kind *kind, const char *name, const char *detail)
{
	kind->proof.verdict = LAUNCH_BROKEN;
	(void)snprintf(kind->proof.first_failed, sizeof(kind->proof.first_failed), "%.*s",
		       LAUNCH_NAME_BYTES - 1, name);
	(void)snprintf(kind->reason, sizeof(kind->reason), "the self-test failed: %.*s%s%.*s",
		       LAUNCH_NAME_BYTES, name, *detail ? ": " : "", REASON_BYTES, detail);
}

static void on_started(pid_t pid, void *data)
{
	(void)pid;
	(void)data;
}

static void on_refused(enum launch_stage stage, int error, const char *text, void *data)
{
	struct self_test_kind kind = { 0 };

	(void)error;
	set_broken(&kind, launch_stage_name(stage), text);
	conclude(data, &kind);
}

/* The first namespace that the probe shares with this process, or that either cannot see. */
static const char *shared_namespace(const struct probe_report *report)
{
	uint64_t own[NAMESPACES_N];

	if (namespaces_read(own) < 0)
		return "unknown";
	for (int i = 0; i < NAMESPACES_N; i++)
		if (report->namespaces[i] == 0 || report->namespaces[i] == own[i])
			return namespace_names[i];
	return NULL;
}

/* Reads the report of a probe that has ended; what is not exactly as expected is a failure. */
static void judge(int stream_fd, const struct launch_result *result, struct self_test_kind *ret)
{
	struct probe_report report;
	const char *shared;
	ssize_t n = recv(stream_fd, &report, sizeof(report), MSG_DONTWAIT);

	if (result->why != LAUNCH_WHY_EXIT || result->end.term_signal || result->end.status) {
		set_broken(ret, "the probe did not end by itself", "");
		return;
	}
	if (n != sizeof(report) || report.version != PROBE_VERSION) {
		set_broken(ret, "the probe did not report", "");
		return;
	}
	report.first_failed[sizeof(report.first_failed) - 1] = '\0';
	ret->proof.tried = report.tried;
	ret->proof.failed = report.failed;
	shared = shared_namespace(&report);
	if (report.failed > 0)
		set_broken(ret, report.first_failed, "");
	else if (report.tried != PROBE_ATTEMPTS)
		set_broken(ret, "the probe left something out", "");
	else if (shared)
		set_broken(ret, "it shares a namespace", shared);
	else
		ret->proof.verdict = LAUNCH_PROVEN;
}

static void on_exited(const struct launch_result *result, void *data)
{
	struct self_test_run *run = data;
	struct self_test_kind kind = { 0 };

	judge(run->stream_fd, result, &kind);
	conclude(run, &kind);
}

static int listen_outside(struct error *err)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	socklen_t size = offsetof(struct sockaddr_un, sun_path) + sizeof(PROBE_OUTSIDE_SOCKET);
	auto_fd int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	memcpy(address.sun_path + 1, PROBE_OUTSIDE_SOCKET, sizeof(PROBE_OUTSIDE_SOCKET) - 1);
	if (fd < 0 ||
	    (bind(fd, (const struct sockaddr *)&address, size) < 0 && errno != EADDRINUSE) ||
	    listen(fd, 1) < 0)
		return FAIL(err, -errno, "self-test: socket outside: %m");
	return take_fd(&fd);
}

static const struct launch_acts acts = { on_started, on_refused, NULL, on_exited };

void self_test_retry(struct self_test *test, enum launch_profile profile, bool writable)
{
	struct self_test_kind *kind = &test->kinds[profile][writable];

	if (kind->proof.verdict == LAUNCH_BROKEN && kind->proof.tried == 0)
		*kind = (struct self_test_kind){ .stamp = kind->stamp };
}

int self_test_start(struct self_test *test, enum launch_profile profile, bool writable, int view_fd,
		    struct error *err)
{
	auto_free struct self_test_run *run = NULL;
	auto_fd int near_fd = -1, far_fd = -1, outside_fd = -1;
	enum launch_stage stage;
	int pair[2], r;

	if (test->run)
		return 0;
	run = calloc(1, sizeof(*run));
	if (!run)
		return FAIL(err, -ENOMEM, "out of memory");
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return FAIL(err, -errno, "self-test: %m");
	near_fd = pair[0];
	far_fd = pair[1];
	outside_fd = listen_outside(err);
	if (outside_fd < 0)
		return outside_fd;
	*run = (struct self_test_run){ .test = test,
				       .kind = &test->kinds[profile][writable],
				       .stream_fd = near_fd,
				       .outside_fd = outside_fd,
				       .since_us = clock_monotonic_us(),
				       .stamp = test->kinds[profile][writable].stamp };
	r = launch_open(test->event, test->ground,
			&(struct launch_options){ .cage = { .profile = profile,
							    .program = CAGE_PROBE,
							    .stream_fd = far_fd,
							    .view_fd = view_fd,
							    .writable = writable,
							    /* the wider of both */
							    .names_sockets = true,
							    .time_ms = TEST_TIME_MS,
							    .memory_mib = TEST_MEMORY_MIB },
						  .acts = &acts,
						  .data = run },
			&run->launch, &stage, err);
	if (r < 0)
		return error_prefix(err, "self-test: %s", launch_stage_name(stage));
	(void)take_fd(&near_fd);
	(void)take_fd(&outside_fd);
	test->run = TAKE_PTR(run);
	return 0;
}

void self_test_summary(struct self_test *test, enum launch_profile profile,
		       const struct cage_ground_stamp *stamp, struct launch_proof *ret)
{
	const struct launch_proof *fixed, *writable;

	if (!stamp) {
		*ret = (struct launch_proof){ .verdict = LAUNCH_BROKEN,
					      .first_failed = "the base is gone" };
		return;
	}
	fixed = &self_test_verdict(test, profile, false, stamp)->proof;
	writable = &self_test_verdict(test, profile, true, stamp)->proof;
	*ret = fixed->verdict > writable->verdict ? *fixed : *writable;
}

void self_test_fini(struct self_test *test)
{
	if (!test->run)
		return;
	launch_abandon(test->run->launch);
	close_fd(&test->run->stream_fd);
	close_fd(&test->run->outside_fd);
	free(test->run);
	test->run = NULL;
}
