/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * Both decoders of launch-record.h. The first byte chooses peer and number of descriptors. What is
 * accepted must be exactly what came, and within its bounds.
 */
#include "l2-kernel/launch-record.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct launch_request rq;
	union launch_reply reply;
	struct error err = { 0 };

	if (size == 0)
		return 0;
	if (launch_request_decode(bytes + 1, size - 1, bytes[0] & 3, bytes[0] >> 2 & 3, &rq,
				  &err) == 0) {
		assert(size - 1 == sizeof(rq) && memcmp(&rq, bytes + 1, sizeof(rq)) == 0);
		assert(rq.verb != LAUNCH_VERB_LAUNCH || (bytes[0] >> 2 & LAUNCH_PEER_AGENT));
		assert(rq.verb != LAUNCH_VERB_STOP || (bytes[0] >> 2 & LAUNCH_PEER_OWNER));
		assert(rq.time_ms <= LAUNCH_TIME_MAX_MS && rq.profile < LAUNCH_PROFILE_END);
	} else {
		assert(err.code == -EPROTO || err.code == -EPERM);
	}
	if (launch_reply_decode(bytes + 1, size - 1, &reply, &err) == 0 &&
	    size - 1 == sizeof(reply.answer))
		assert(launch_stage_name((enum launch_stage)reply.answer.stage) &&
		       strlen(reply.answer.text) < LAUNCH_TEXT_BYTES);
	return 0;
}
