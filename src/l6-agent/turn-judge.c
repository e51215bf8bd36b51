/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* Where a turn's calls come from, and what the person's rules say to one before it begins. */
#include "base/cleanup.h"
#include "l6-agent/call-judge.h"
#include "l6-agent/label-set.h"
#include "l6-agent/turn.h"

#include <stdlib.h>
#include <string.h>

/* Words of strangers carry where on the web they came from; a set that lost that says "any". */
static bool is_foreign(const char *label)
{
	return strcmp(label, "any") == 0 || strcmp(label, "web") == 0 ||
	       strncmp(label, "web:", strlen("web:")) == 0;
}

unsigned turn_origins(const struct turn *turn)
{
	unsigned origins = 1U << turn->origin;
	struct label_set labels = { 0 };

	if (turn->is_direct)
		return origins;
	label_set_add_text(&labels, turn->thread->labels);
	for (size_t i = 0; i < labels.n; i++)
		if (is_foreign(labels.names[i]))
			origins |= 1U << ORIGIN_TOOL;
	return origins;
}

void turn_drop_judgment(struct turn_slot *slot)
{
	call_judge_cancel(TAKE_PTR(slot->judge));
	free(slot->reason);
	free(slot->proposal);
	slot->reason = slot->proposal = NULL;
	slot->is_judged = false;
}

static void keep(struct turn_slot *slot, enum tool_verdict verdict, const char *reason,
		 const char *proposal)
{
	slot->is_judged = true;
	slot->verdict = verdict;
	slot->reason = reason ? strdup(reason) : NULL; /* without memory: no reason is told */
	slot->proposal = proposal ? strdup(proposal) : NULL;
}

static void on_judged(const struct call_judgment *judgment, void *data)
{
	struct turn_slot *slot = data;

	slot->judge = NULL;
	keep(slot, judgment->verdict, judgment->reason, judgment->proposal);
	turn_advance(slot->turn);
}

/* What the person orders in so many words (a direct form) needs no rule. */
bool turn_judge(struct turn_slot *slot)
{
	struct turn *turn = slot->turn;
	const struct call_judge_options options = {
		.agent = turn->agent,
		.tool = slot->tool,
		.arguments = slot->arguments,
		.thread = turn->thread->name,
		.origins = turn_origins(turn),
		.on_done = on_judged,
		.data = slot,
	};
	struct error err = { 0 };

	if (slot->is_judged)
		return true;
	if (slot->judge)
		return false;
	if (turn->is_direct || !call_judge_is_needed(slot->tool))
		keep(slot, tool_effect_verdict(slot->tool->effect, options.origins), NULL, NULL);
	else if (call_judge_start(&options, &slot->judge, &err) < 0)
		keep(slot, TOOL_DENY, err.text, NULL);
	return slot->is_judged;
}
