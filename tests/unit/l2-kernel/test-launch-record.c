/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l2-kernel/launch-record.h"

#include "harness/tap.h"

static struct launch_request launch(void)
{
	return (struct launch_request){ .version = LAUNCH_VERSION,
					.verb = LAUNCH_VERB_LAUNCH,
					.id = 1,
					.profile = LAUNCH_PROFILE_EXECUTE,
					.turn = 7,
					.time_ms = 1000,
					.memory_mib = 512 };
}

static int decode(const struct launch_request *rq, size_t n_fds, unsigned peer)
{
	struct launch_request out;

	return launch_request_decode(rq, sizeof(*rq), n_fds, peer, &out, NULL);
}

TEST(a_launch_of_the_agent_is_taken_as_it_came)
{
	struct launch_request rq = launch(), out;
	struct error err = { 0 };

	EXPECT_OK(launch_request_decode(&rq, sizeof(rq), 1, LAUNCH_PEER_AGENT, &out, &err), &err);
	EXPECT_INT(memcmp(&rq, &out, sizeof(rq)), ==, 0);
}

/* The verb table, read independently of its code: who may send what. */
TEST(each_verb_is_only_for_its_peers)
{
	static const struct {
		uint16_t verb;
		uint32_t id, mode;
		size_t n_fds;
		int agent, owner;
	} rows[] = {
		{ LAUNCH_VERB_KILL, 1, 0, 0, 0, -EPERM },
		{ LAUNCH_VERB_WORKSPACE, 1, LAUNCH_MODE_WRITABLE, 1, -EPERM, 0 },
		{ LAUNCH_VERB_WORKSPACE, 1, LAUNCH_MODE_NONE, 0, -EPERM, 0 },
		{ LAUNCH_VERB_STOP, 0, 0, 0, -EPERM, 0 },
		{ LAUNCH_VERB_STATUS, 0, 0, 0, 0, 0 },
	};
	struct launch_request rq = launch();

	EXPECT_INT(decode(&rq, 1, LAUNCH_PEER_OWNER), ==, -EPERM);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		rq = (struct launch_request){ .version = LAUNCH_VERSION,
					      .verb = rows[i].verb,
					      .id = rows[i].id,
					      .mode = rows[i].mode };
		EXPECT_INT(decode(&rq, rows[i].n_fds, LAUNCH_PEER_AGENT), ==, rows[i].agent);
		EXPECT_INT(decode(&rq, rows[i].n_fds, LAUNCH_PEER_OWNER), ==, rows[i].owner);
		EXPECT_INT(decode(&rq, rows[i].n_fds, 0), ==, -EPERM);
		EXPECT_INT(decode(&rq, rows[i].n_fds + 1, LAUNCH_PEER_AGENT | LAUNCH_PEER_OWNER),
			   ==, -EPROTO);
	}
}

TEST(a_field_out_of_its_bounds_ends_the_conversation)
{
	static const struct {
		size_t offset;
		uint32_t value;
	} rows[] = {
		{ offsetof(struct launch_request, id), 0 },
		{ offsetof(struct launch_request, profile), 0 },
		{ offsetof(struct launch_request, profile), LAUNCH_PROFILE_END },
		{ offsetof(struct launch_request, time_ms), 0 },
		{ offsetof(struct launch_request, time_ms), LAUNCH_TIME_MAX_MS + 1 },
		{ offsetof(struct launch_request, memory_mib), LAUNCH_MEMORY_MIN_MIB - 1 },
		{ offsetof(struct launch_request, memory_mib), LAUNCH_MEMORY_MAX_MIB + 1 },
		{ offsetof(struct launch_request, mode), LAUNCH_MODE_WRITABLE },
		{ offsetof(struct launch_request, zero), 1 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct launch_request rq = launch();

		memcpy((char *)&rq + rows[i].offset, &rows[i].value, sizeof(rows[i].value));
		EXPECT_INT(decode(&rq, 1, LAUNCH_PEER_AGENT), ==, -EPROTO);
	}
}

TEST(a_record_of_another_size_or_version_is_refused)
{
	struct launch_request rq = launch(), out = { .id = 99 };

	EXPECT_INT(launch_request_decode(&rq, sizeof(rq) - 1, 1, LAUNCH_PEER_AGENT, &out, NULL), ==,
		   -EPROTO);
	EXPECT_INT(launch_request_decode(&rq, sizeof(rq) + 1, 1, LAUNCH_PEER_AGENT, &out, NULL), ==,
		   -EPROTO);
	rq.version++;
	EXPECT_INT(launch_request_decode(&rq, sizeof(rq), 1, LAUNCH_PEER_AGENT, &out, NULL), ==,
		   -EPROTO);
	EXPECT_INT(out.id, ==, 99);
}

TEST(kill_takes_no_argument_of_a_launch)
{
	struct launch_request rq = launch();

	rq.verb = LAUNCH_VERB_KILL;
	EXPECT_INT(decode(&rq, 0, LAUNCH_PEER_AGENT), ==, -EPROTO);
}

TEST(an_answer_with_an_unterminated_text_is_refused)
{
	struct launch_answer answer = { .version = LAUNCH_VERSION, .kind = LAUNCH_ANSWER_REFUSED };
	union launch_reply reply;
	struct error err = { 0 };

	EXPECT_OK(launch_reply_decode(&answer, sizeof(answer), &reply, &err), &err);
	memset(answer.text, 'x', sizeof(answer.text));
	EXPECT_INT(launch_reply_decode(&answer, sizeof(answer), &reply, NULL), ==, -EPROTO);
}

TEST(a_status_is_told_by_its_size)
{
	struct launch_status status = { .version = LAUNCH_VERSION, .kind = LAUNCH_ANSWER_STATUS };
	union launch_reply reply;
	struct error err = { 0 };

	EXPECT_OK(launch_reply_decode(&status, sizeof(status), &reply, &err), &err);
	EXPECT_INT(launch_reply_decode(&status, sizeof(struct launch_answer), &reply, NULL), ==,
		   -EPROTO);
}

TEST(every_stage_and_reason_has_a_name)
{
	for (int i = 0; i < LAUNCH_STAGE_END; i++)
		EXPECT_INT(strlen(launch_stage_name((enum launch_stage)i)), >, 2);
	for (int i = 0; i < LAUNCH_WHY_END; i++)
		EXPECT_INT(strlen(launch_why_name((enum launch_why)i)), >, 2);
	EXPECT_STR(launch_profile_name(LAUNCH_PROFILE_EXECUTE), "execute");
	EXPECT_STR(launch_bound_name(LAUNCH_BOUND_RLIMIT), "rlimit");
}
