/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * launch-record - the whole vocabulary of claw-sandboxd's socket (L2).
 *
 * SOCK_SEQPACKET, one fixed-size record per datagram, host byte order (same machine, same build).
 * claw-sandboxd parses nothing else. A peer chooses from a menu: it cannot send a path, a mount
 * flag, a capability, a uid or a program. Which peer may use which verb in which state is one
 * table.
 *
 * Errors     -EPROTO for what only a mis-built or hostile peer sends (the conversation ends),
 *            -EPERM for a verb that is not this peer's.
 * Source     spec/launch-record.md
 * Tests      tests/unit/l2-kernel/test-launch-record.c, fuzz/fuzz-launch-record.c
 */
#pragma once

#include "base/error.h"

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

enum { LAUNCH_VERSION = 2 };

enum launch_verb {
	LAUNCH_VERB_LAUNCH = 1, /* 1 descriptor: the stream that becomes 3 in the cage */
	LAUNCH_VERB_KILL,       /* one cage of this connection */
	LAUNCH_VERB_WORKSPACE,  /* 1 descriptor: a directory; mode NONE forgets (no descriptor) */
	LAUNCH_VERB_STOP,       /* kill all cages of all connections */
	LAUNCH_VERB_STATUS,
};

enum launch_profile {
	LAUNCH_PROFILE_READ = 1, /* workspace read-only, one program, no children */
	LAUNCH_PROFILE_WRITE,    /* workspace writable, one program, no children */
	LAUNCH_PROFILE_EXECUTE,  /* workspace writable, any program of /usr */
	LAUNCH_PROFILE_END,
};
enum { LAUNCH_PROFILE_COUNT = LAUNCH_PROFILE_END - 1 };

enum launch_mode { LAUNCH_MODE_NONE, LAUNCH_MODE_READ_ONLY, LAUNCH_MODE_WRITABLE, LAUNCH_MODE_END };

enum {
	LAUNCH_TIME_MAX_MS = 24 * 60 * 60 * 1000,
	LAUNCH_MEMORY_MIN_MIB = 16,
	LAUNCH_MEMORY_MAX_MIB = 64 * 1024,
};

struct launch_request {
	uint16_t version;
	uint16_t verb;      /* enum launch_verb */
	uint32_t id;        /* LAUNCH, KILL: cage, chosen by the client, not 0, once per connection;
			     * WORKSPACE: workspace, chosen by the client, not 0; else 0 */
	uint32_t profile;   /* LAUNCH: enum launch_profile; else 0 */
	uint32_t workspace; /* LAUNCH: 0 is the state's own; else 0 */
	uint64_t turn;      /* LAUNCH: for the record, not 0 */
	uint32_t time_ms;   /* LAUNCH: 1..LAUNCH_TIME_MAX_MS, then the whole tree is killed */
	uint32_t memory_mib; /* LAUNCH */
	uint32_t mode;       /* WORKSPACE: enum launch_mode */
	uint32_t zero;
};
static_assert(sizeof(struct launch_request) == 40, "launch_request has no padding");

enum launch_answer_kind {
	LAUNCH_ANSWER_STARTED = 1, /* the program of the cage runs */
	LAUNCH_ANSWER_REFUSED,     /* nothing runs; stage and error say what was missing */
	LAUNCH_ANSWER_EXITED,      /* every process of the cage is gone */
	LAUNCH_ANSWER_DONE,        /* WORKSPACE, STOP */
	LAUNCH_ANSWER_STATUS,      /* a struct launch_status, told by its size */
	LAUNCH_ANSWER_HALTED,      /* killed: nothing of it can run any more; EXITED follows */
	LAUNCH_ANSWER_END,
};

/* Where a launch was refused. Names: launch_stage_name(). */
enum launch_stage {
	LAUNCH_STAGE_NONE,
	LAUNCH_STAGE_REQUEST, /* the record itself */
	LAUNCH_STAGE_WORKSPACE,
	LAUNCH_STAGE_IDMAP,
	LAUNCH_STAGE_CGROUP,
	LAUNCH_STAGE_CLONE,
	LAUNCH_STAGE_IDENTITY,
	LAUNCH_STAGE_ROOTFS,
	LAUNCH_STAGE_LIMITS,
	LAUNCH_STAGE_CAPABILITIES,
	LAUNCH_STAGE_LANDLOCK,
	LAUNCH_STAGE_SECCOMP,
	LAUNCH_STAGE_EXEC,
	LAUNCH_STAGE_SELF_TEST,
	LAUNCH_STAGE_QUOTA, /* too many cages */
	LAUNCH_STAGE_END,
};

enum launch_why {
	LAUNCH_WHY_NONE,
	LAUNCH_WHY_EXIT,    /* the program ended by itself (status, or signal it died of) */
	LAUNCH_WHY_KILLED,  /* KILL, STOP, or its connection closed */
	LAUNCH_WHY_TIMEOUT, /* time_ms was over */
	LAUNCH_WHY_MEMORY,  /* the kernel's OOM killer, by the cage's own limit */
	LAUNCH_WHY_DISK,    /* the workspace's disk has no more room than its reserve */
	LAUNCH_WHY_END,
};

enum { LAUNCH_TEXT_BYTES = 128, LAUNCH_NAME_BYTES = 32 };

struct launch_answer {
	uint16_t version;
	uint16_t kind;                        /* enum launch_answer_kind */
	uint32_t id;                          /* of the request */
	int32_t pid;                          /* STARTED: as seen by claw-sandboxd */
	int32_t error;                        /* REFUSED: errno, positive */
	uint32_t stage;                       /* REFUSED: enum launch_stage */
	uint32_t why;                         /* EXITED: enum launch_why */
	int32_t status;                       /* EXITED: exit status, when term_signal is 0 */
	int32_t term_signal;                  /* EXITED */
	uint64_t cpu_us, maxrss_kib, wall_us; /* EXITED */
	char text[LAUNCH_TEXT_BYTES];         /* REFUSED: one sentence, NUL-terminated */
};
static_assert(sizeof(struct launch_answer) == 184, "launch_answer has no padding");

enum launch_verdict { LAUNCH_UNTRIED, LAUNCH_PROVEN, LAUNCH_BROKEN };
enum launch_bound { LAUNCH_BOUND_RLIMIT = 1, LAUNCH_BOUND_CGROUP_V1, LAUNCH_BOUND_CGROUP_V2 };

struct launch_proof {
	uint32_t verdict; /* enum launch_verdict */
	uint32_t tried;   /* forbidden things that were attempted */
	uint32_t failed;  /* of them, how many succeeded: 0 unless BROKEN */
	uint32_t wall_us;
	char first_failed[LAUNCH_NAME_BYTES]; /* name of the first that succeeded, or why it could
						 not run */
};

struct launch_status {
	uint16_t version;
	uint16_t kind; /* LAUNCH_ANSWER_STATUS */
	uint32_t running, workspaces;
	uint32_t landlock_abi;
	uint32_t memory_bound, process_bound; /* enum launch_bound: what is in force */
	uint64_t launched, refused, timeouts;
	struct launch_proof proofs[LAUNCH_PROFILE_COUNT]; /* in the order of enum launch_profile */
};
static_assert(sizeof(struct launch_status) == 192, "launch_status has no padding");

enum launch_peer { LAUNCH_PEER_AGENT = 1 << 0, LAUNCH_PEER_OWNER = 1 << 1 };

/*
 * Checks one received datagram. size is its real length (recvmsg with MSG_TRUNC), n_fds how many
 * descriptors came with it, peer a set of enum launch_peer. 0 and *ret, or -EPROTO, -EPERM with
 * *ret untouched.
 */
must_check int launch_request_decode(const void *bytes, size_t size, size_t n_fds, unsigned peer,
				     struct launch_request *ret, struct error *err);

/* The same for an answer (client side); *ret holds either kind. */
union launch_reply {
	struct launch_answer answer;
	struct launch_status status;
};
must_check int launch_reply_decode(const void *bytes, size_t size, union launch_reply *ret,
				   struct error *err);

const char *launch_stage_name(enum launch_stage stage);
const char *launch_why_name(enum launch_why why);
const char *launch_profile_name(enum launch_profile profile);
const char *launch_bound_name(enum launch_bound bound);
