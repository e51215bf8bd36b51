/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * leak-record - secrets that claw-agentd replaced, as its records and answers tell it (L6).
 *
 * Source     spec/secrets.md, spec/journal.md ("Secrets")
 */
#pragma once

#include "l6-agent/leak-text.h"
#include "l6-agent/model.h"
#include "l6-agent/payload.h"

#include <systemd/sd-json.h>

/* What was replaced in one model exchange. */
struct leak_exchange {
	struct leak_tally text, calls, prompt; /* prompt: by claw-egressd */
};

/* Adds {kind, count, place} to the record's list `secrets`; nothing when there were none. place is
 * static. */
void leak_record(struct payload *payload, const struct leak_tally *tally, const char *place);
/* Text from outside as a field without its secrets, and what was replaced in it. */
void leak_record_text(struct payload *payload, const char *key, const char *text,
		      const char *place);
void leak_record_exchange(struct payload *payload, const struct leak_exchange *leaks);

/* Replaces them in everything of an answer that people, tools or later prompts see. */
must_check int leak_clean_answer(struct answer *answer, struct leak_exchange *leaks);

/* Adds the list [{kind, count}] of claw-egressd; kinds that are not known are passed over. */
void leak_add_list(struct leak_tally *tally, sd_json_variant *list);

/* What a stream passes on goes to sink. bytes NULL: its end. */
must_check int leak_pass(struct leak_stream *stream, const char *bytes, size_t length,
			 void (*sink)(const char *text, size_t length, void *data), void *data);
