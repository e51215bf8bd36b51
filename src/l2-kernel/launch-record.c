/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l2-kernel/launch-record.h"

#include <stdbool.h>
#include <string.h>

/* Which fields a verb uses: all others must be 0. */
enum field { FIELD_ID = 1, FIELD_LAUNCH = 2, FIELD_MODE = 4 };

struct verb {
	const char *name;
	unsigned peers;  /* enum launch_peer */
	unsigned fields; /* enum field */
	size_t n_fds;
};

static const struct verb verbs[] = {
	[LAUNCH_VERB_LAUNCH] = { "launch", LAUNCH_PEER_AGENT, FIELD_ID | FIELD_LAUNCH, 1 },
	[LAUNCH_VERB_KILL] = { "kill", LAUNCH_PEER_AGENT, FIELD_ID, 0 },
	[LAUNCH_VERB_WORKSPACE] = { "workspace", LAUNCH_PEER_OWNER, FIELD_ID | FIELD_MODE, 1 },
	[LAUNCH_VERB_STOP] = { "stop", LAUNCH_PEER_OWNER, 0, 0 },
	[LAUNCH_VERB_STATUS] = { "status", LAUNCH_PEER_OWNER | LAUNCH_PEER_AGENT, 0, 0 },
};

static int check_launch(const struct launch_request *rq, struct error *err)
{
	if (rq->profile == 0 || rq->profile >= LAUNCH_PROFILE_END)
		return FAIL(err, -EPROTO, "profile %u unknown", rq->profile);
	if (rq->turn == 0)
		return FAIL(err, -EPROTO, "a launch names no turn");
	if (rq->time_ms == 0 || rq->time_ms > LAUNCH_TIME_MAX_MS)
		return FAIL(err, -EPROTO, "time limit %u ms out of range", rq->time_ms);
	if (rq->memory_mib < LAUNCH_MEMORY_MIN_MIB || rq->memory_mib > LAUNCH_MEMORY_MAX_MIB)
		return FAIL(err, -EPROTO, "memory %u MiB out of range", rq->memory_mib);
	return 0;
}

static int check_fields(const struct launch_request *rq, const struct verb *verb, struct error *err)
{
	bool id = verb->fields & FIELD_ID;

	if (id != (rq->id != 0))
		return FAIL(err, -EPROTO, "%s with id %u", verb->name, rq->id);
	if (!(verb->fields & FIELD_MODE) && rq->mode != 0)
		return FAIL(err, -EPROTO, "%s takes no mode", verb->name);
	if (rq->mode >= LAUNCH_MODE_END)
		return FAIL(err, -EPROTO, "mode %u unknown", rq->mode);
	if (rq->zero != 0)
		return FAIL(err, -EPROTO, "reserved field is not 0");
	if (verb->fields & FIELD_LAUNCH)
		return check_launch(rq, err);
	if (rq->profile || rq->workspace || rq->turn || rq->time_ms || rq->memory_mib)
		return FAIL(err, -EPROTO, "%s takes no arguments of a launch", verb->name);
	return 0;
}

int launch_request_decode(const void *bytes, size_t size, size_t n_fds, unsigned peer,
			  struct launch_request *ret, struct error *err)
{
	const struct verb *verb;
	struct launch_request rq;
	size_t n_wanted;
	int r;

	if (size != sizeof(rq))
		return FAIL(err, -EPROTO, "record of %zu bytes, expected %zu", size, sizeof(rq));
	memcpy(&rq, bytes, sizeof(rq));
	if (rq.version != LAUNCH_VERSION)
		return FAIL(err, -EPROTO, "version %u, expected %d", rq.version, LAUNCH_VERSION);
	if (rq.verb == 0 || rq.verb >= sizeof(verbs) / sizeof(verbs[0]))
		return FAIL(err, -EPROTO, "verb %u unknown", rq.verb);
	verb = &verbs[rq.verb];
	r = check_fields(&rq, verb, err);
	if (r < 0)
		return r;
	n_wanted =
		rq.verb == LAUNCH_VERB_WORKSPACE && rq.mode == LAUNCH_MODE_NONE ? 0 : verb->n_fds;
	if (n_fds != n_wanted)
		return FAIL(err, -EPROTO, "%zu descriptors, %s takes %zu", n_fds, verb->name,
			    n_wanted);
	if (!(verb->peers & peer))
		return FAIL(err, -EPERM, "%s is not for this peer", verb->name);
	*ret = rq;
	return 0;
}

static int check_answer(const struct launch_answer *answer, struct error *err)
{
	if (answer->kind == 0 || answer->kind == LAUNCH_ANSWER_STATUS ||
	    answer->kind >= LAUNCH_ANSWER_END)
		return FAIL(err, -EPROTO, "answer %u unknown", answer->kind);
	if (answer->stage >= LAUNCH_STAGE_END || answer->why >= LAUNCH_WHY_END)
		return FAIL(err, -EPROTO, "stage %u, why %u out of range", answer->stage,
			    answer->why);
	if (answer->error < 0)
		return FAIL(err, -EPROTO, "errno %d", answer->error);
	if (!memchr(answer->text, '\0', sizeof(answer->text)))
		return FAIL(err, -EPROTO, "text is not terminated");
	return 0;
}

int launch_reply_decode(const void *bytes, size_t size, union launch_reply *ret, struct error *err)
{
	union launch_reply reply;
	int r;

	if (size != sizeof(reply.answer) && size != sizeof(reply.status))
		return FAIL(err, -EPROTO, "answer of %zu bytes", size);
	memcpy(&reply, bytes, size);
	if (reply.answer.version != LAUNCH_VERSION)
		return FAIL(err, -EPROTO, "version %u, expected %d", reply.answer.version,
			    LAUNCH_VERSION);
	if (size == sizeof(reply.status)) {
		if (reply.status.kind != LAUNCH_ANSWER_STATUS)
			return FAIL(err, -EPROTO, "answer %u is not a status", reply.status.kind);
		for (size_t i = 0; i < LAUNCH_PROFILE_COUNT; i++)
			if (!memchr(reply.status.proofs[i].first_failed, '\0', LAUNCH_NAME_BYTES))
				return FAIL(err, -EPROTO, "name is not terminated");
	} else {
		r = check_answer(&reply.answer, err);
		if (r < 0)
			return r;
	}
	memcpy(ret, &reply, size);
	return 0;
}

const char *launch_stage_name(enum launch_stage stage)
{
	static const char *const names[] = {
		[LAUNCH_STAGE_NONE] = "none",
		[LAUNCH_STAGE_REQUEST] = "request",
		[LAUNCH_STAGE_WORKSPACE] = "workspace",
		[LAUNCH_STAGE_IDMAP] = "idmap",
		[LAUNCH_STAGE_CGROUP] = "cgroup",
		[LAUNCH_STAGE_CLONE] = "clone",
		[LAUNCH_STAGE_IDENTITY] = "identity",
		[LAUNCH_STAGE_ROOTFS] = "rootfs",
		[LAUNCH_STAGE_LIMITS] = "limits",
		[LAUNCH_STAGE_CAPABILITIES] = "capabilities",
		[LAUNCH_STAGE_LANDLOCK] = "landlock",
		[LAUNCH_STAGE_SECCOMP] = "seccomp",
		[LAUNCH_STAGE_EXEC] = "exec",
		[LAUNCH_STAGE_SELF_TEST] = "self-test",
		[LAUNCH_STAGE_QUOTA] = "quota",
	};

	assert(stage < LAUNCH_STAGE_END);
	return names[stage];
}

const char *launch_why_name(enum launch_why why)
{
	static const char *const names[] = {
		[LAUNCH_WHY_NONE] = "none",     [LAUNCH_WHY_EXIT] = "exit",
		[LAUNCH_WHY_KILLED] = "killed", [LAUNCH_WHY_TIMEOUT] = "timeout",
		[LAUNCH_WHY_MEMORY] = "memory", [LAUNCH_WHY_DISK] = "disk",
	};

	assert(why < LAUNCH_WHY_END);
	return names[why];
}

const char *launch_profile_name(enum launch_profile profile)
{
	static const char *const names[] = { NULL, "read", "write", "execute" };

	assert(profile > 0 && profile < LAUNCH_PROFILE_END);
	return names[profile];
}

const char *launch_bound_name(enum launch_bound bound)
{
	switch (bound) {
	case LAUNCH_BOUND_RLIMIT:
		return "rlimit";
	case LAUNCH_BOUND_CGROUP_V1:
		return "cgroup v1";
	case LAUNCH_BOUND_CGROUP_V2:
		return "cgroup v2";
	}
	return "unknown"; /* a number from a peer */
}
