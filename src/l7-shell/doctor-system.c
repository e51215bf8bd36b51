/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* What doctor says of the running system: the daemons as the kernel sees them, and the cages. */
#include "base/cleanup.h"
#include "base/dir.h"
#include "l2-kernel/cage-owner.h"
#include "l7-shell/doctor.h"
#include "l7-shell/link.h"
#include "l7-shell/provider-status.h"
#include "l7-shell/status-report.h"
#include "l7-shell/up-internal.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

enum { STATUS_BYTES_MAX = 64 * 1024, TEXT_BYTES = 256, LINK_BYTES = 64 };

/* What /proc/PID/status says of one process. */
struct process {
	unsigned uid;
	bool no_new_privs, filtered, has_capabilities, other_net;
};

/* The text behind "Name:\t". */
static const char *status_field(const char *status, const char *name)
{
	const char *at = strstr(status, name);

	return at ? at + strlen(name) + strspn(at + strlen(name), ":\t ") : "";
}

static unsigned digits(const char *text)
{
	unsigned value = 0;

	for (; *text >= '0' && *text <= '9' && value < UINT_MAX / 16; text++)
		value = value * 10 + (unsigned)(*text - '0');
	return value;
}

static bool has_other_net(int64_t pid)
{
	char path[LINK_BYTES], own[LINK_BYTES] = { 0 }, theirs[LINK_BYTES] = { 0 };

	(void)snprintf(path, sizeof(path), "/proc/%lld/ns/net", (long long)pid);
	if (readlink("/proc/self/ns/net", own, sizeof(own) - 1) < 0 ||
	    readlink(path, theirs, sizeof(theirs) - 1) < 0)
		return false;
	return strcmp(own, theirs) != 0;
}

static int look_at(int64_t pid, struct process *ret)
{
	auto_buf struct buf status = BUF(STATUS_BYTES_MAX);
	char path[LINK_BYTES];
	auto_fd int fd = -1;
	int r;

	(void)snprintf(path, sizeof(path), "/proc/%lld/status", (long long)pid);
	fd = dir_open_configured(path, O_RDONLY, 0);
	r = fd < 0 ? fd : dir_read_fd(fd, &status);
	if (r < 0)
		return r;
	*ret = (struct process){
		.uid = digits(status_field(buf_string(&status), "\nUid")),
		.no_new_privs = *status_field(buf_string(&status), "\nNoNewPrivs") == '1',
		.filtered = *status_field(buf_string(&status), "\nSeccomp") == '2',
		.other_net = has_other_net(pid),
	};
	for (const char *at = status_field(buf_string(&status), "\nCapEff"); *at && *at != '\n';
	     at++)
		ret->has_capabilities = ret->has_capabilities || *at != '0';
	return 0;
}

static const struct up_row *find_row(const char *name)
{
	for (size_t i = 0; i < up_rows_count; i++)
		if (strcmp(up_rows[i].name, name) == 0)
			return &up_rows[i];
	return NULL;
}

/* What the process should be and is not; NULL: it is as the table says. */
static const char *difference(const struct up_row *row, const struct process *process, bool ready)
{
	if (process->uid != row->uid)
		return "runs under another uid than the table says";
	if (!process->no_new_privs)
		return "could gain privileges (no_new_privs is off)";
	if (row->uid != 0 && process->has_capabilities)
		return "holds capabilities";
	if (row->net_empty && !process->other_net)
		return "shares the network";
	/* the launcher puts its filter on itself when it has set itself up */
	return process->filtered || (row->uid == 0 && !ready) ? NULL : "has no seccomp filter";
}

static void say_daemon(struct doctor *doctor, sd_json_variant *daemon)
{
	const char *name = link_string(daemon, "name"), *state = link_string(daemon, "state");
	const struct up_row *row = find_row(name);
	int64_t pid = link_integer(daemon, "pid");
	struct process process;
	const char *wrong;
	char text[TEXT_BYTES];

	if (!row)
		return;
	if (pid <= 0) {
		bool idle = row->on_demand && strcmp(state, "stopped") == 0;

		(void)snprintf(text, sizeof(text), "%.40s%s%.180s", state,
			       idle ? ", starts when it is needed" : " ",
			       link_string(daemon, "reason"));
		doctor_say(doctor, idle ? DOCTOR_IN_FORCE : DOCTOR_BROKEN, row->name, text,
			   "claw logs shows its last words");
		return;
	}
	if (look_at(pid, &process) < 0) {
		doctor_say(doctor, DOCTOR_BROKEN, row->name, "it ended while it was looked at", "");
		return;
	}
	wrong = difference(row, &process, strcmp(state, "running") == 0);
	(void)snprintf(text, sizeof(text), "pid %lld, uid %u%s%s%s%s", (long long)pid, process.uid,
		       process.has_capabilities ? "" : ", no capabilities",
		       process.other_net ? ", own network namespace" : ", the host's network",
		       process.no_new_privs ? ", no_new_privs" : "",
		       process.filtered ? ", seccomp" : "");
	doctor_say(doctor, wrong ? DOCTOR_BROKEN : DOCTOR_IN_FORCE, row->name, text,
		   wrong ? wrong : "");
}

void doctor_daemons(struct doctor *doctor, struct shell *shell)
{
	auto_json sd_json_variant *reply = NULL;
	struct error err = { 0 };
	sd_json_variant *daemons;
	int r = link_ask(shell->run_fd, "up", "io.clawos.Supervisor.Status", NULL, &reply, &err);

	if (r < 0) {
		doctor_say(doctor, DOCTOR_BROKEN, "supervisor", err.text, "nothing is watched");
		return;
	}
	daemons = link_field(reply, "daemons");
	for (size_t i = 0; daemons && i < sd_json_variant_elements(daemons); i++)
		say_daemon(doctor, sd_json_variant_by_index(daemons, i));
}

void doctor_agent(struct doctor *doctor, struct shell *shell)
{
	auto_json sd_json_variant *reply = NULL;
	auto_buf struct buf name = BUF(TEXT_BYTES * 4);
	struct error err = { 0 };
	sd_json_variant *status;
	char text[TEXT_BYTES];
	const char *where;
	int r = link_ask(shell->run_fd, "agent", "io.clawos.Agent.Status", NULL, &reply, &err);

	if (r < 0) {
		doctor_say(doctor, DOCTOR_BROKEN, "agent", err.text, "nobody answers");
		return;
	}
	status = link_field(reply, "status");
	if (status_model(shell, status, &name, &where) < 0)
		return; /* no memory; the next output says so */
	(void)snprintf(text, sizeof(text), "%.80s (%.80s), threads: %lld, turns: %lld",
		       buf_string(&name), where, (long long)link_integer(status, "threads"),
		       (long long)link_integer(status, "turns"));
	doctor_say(doctor, DOCTOR_IN_FORCE, "agent", text, "");
	provider_status_doctor(doctor, shell);
}

static void say_proof(struct doctor *doctor, enum launch_profile profile,
		      const struct launch_proof *proof)
{
	char name[LINK_BYTES], text[TEXT_BYTES];

	(void)snprintf(name, sizeof(name), "cage \"%s\"", launch_profile_name(profile));
	switch ((enum launch_verdict)proof->verdict) {
	case LAUNCH_UNTRIED:
		doctor_say(doctor, DOCTOR_IN_FORCE, name, "its self-test runs before its first use",
			   "");
		break;
	case LAUNCH_PROVEN:
		(void)snprintf(text, sizeof(text),
			       "self-test: %u forbidden things tried, all refused", proof->tried);
		doctor_say(doctor, DOCTOR_IN_FORCE, name, text, "");
		break;
	case LAUNCH_BROKEN:
		(void)snprintf(text, sizeof(text), "%s%.32s",
			       proof->tried > 0 ? "self-test failed at " : "", proof->first_failed);
		doctor_say(doctor, DOCTOR_BROKEN, name, text,
			   proof->tried > 0 ? "tools of this profile are refused"
					    : "tools of this profile are refused; ./clawos stop, "
					      "then start again");
		break;
	}
}

static void say_bound(struct doctor *doctor, const char *name, uint32_t bound)
{
	bool group = bound == LAUNCH_BOUND_CGROUP_V1 || bound == LAUNCH_BOUND_CGROUP_V2;

	doctor_say(doctor, group ? DOCTOR_IN_FORCE : DOCTOR_DEGRADED, name,
		   launch_bound_name((enum launch_bound)bound),
		   "bounded per process, not for the cage as a whole");
}

void doctor_cage(struct doctor *doctor, struct shell *shell)
{
	struct launch_status status;
	struct error err = { 0 };
	auto_fd int fd = cage_owner_connect(shell->run_fd, "sandbox", &err);
	int r = fd < 0 ? fd : cage_owner_status(fd, &status, &err);

	if (r < 0) {
		doctor_say(doctor, DOCTOR_BROKEN, "cages", err.text, "tools are refused");
		return;
	}
	for (size_t i = 0; i < LAUNCH_PROFILE_COUNT; i++)
		say_proof(doctor, (enum launch_profile)(i + 1), &status.proofs[i]);
	say_bound(doctor, "cage memory", status.memory_bound);
	say_bound(doctor, "cage processes", status.process_bound);
}
