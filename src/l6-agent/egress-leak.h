/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * egress-leak - no secret leaves in what a model is asked (L6).
 *
 * claw-agentd replaces what looks like a secret before it writes a prompt. One that does not, by
 * mistake or because it has been taken over, does not get past here: the body that is sent is the
 * body that was looked at. The provider's key, whose value is known here, counts as well.
 *
 * Source     spec/secrets.md
 * Tests      tests/process/test-secrets.py
 */
#pragma once

#include "base/buf.h"
#include "l6-agent/egress-key.h"
#include "l6-agent/leak-text.h"

#include <systemd/sd-json.h>

/* Replaces them in the body; key may be NULL. -ENOMEM, and -EMSGSIZE when it would be too long. */
must_check int egress_leak_clean(struct buf *body, const struct egress_key *key,
				 struct leak_tally *tally);

/* [{kind, count}]; NULL when there is nothing to list. The caller's to unref. */
must_check int egress_leak_list(const struct leak_tally *tally, sd_json_variant **ret);
