/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l6-agent/loop-watch.h"

#include "base/sha256.h"

#include <stdio.h>
#include <string.h>

/* Without the blanks between the parts: models lay out the same call in several ways. */
static void add_arguments(struct sha256 *hash, const char *json)
{
	const char *run = json;
	bool in_string = false;

	for (const char *at = json; *at; at++) {
		if (*at == '\\' && in_string && at[1])
			at++;
		else if (*at == '"')
			in_string = !in_string;
		else if (!in_string && strchr(" \t\r\n", *at)) {
			sha256_add(hash, run, (size_t)(at - run));
			run = at + 1;
		}
	}
	sha256_add(hash, run, strlen(run));
}

static uint64_t key_of(const struct loop_call *call)
{
	uint8_t bytes[SHA256_BYTES];
	struct sha256 hash;
	uint64_t key;

	sha256_init(&hash);
	sha256_add(&hash, call->tool, strlen(call->tool) + 1);
	add_arguments(&hash, call->arguments);
	sha256_add(&hash, "", 1);
	sha256_add(&hash, call->result, strlen(call->result));
	sha256_end(&hash, bytes);
	memcpy(&key, bytes, sizeof(key));
	return key;
}

static size_t kept(const struct loop_watch *watch)
{
	return watch->n_calls < LOOP_RECENT ? (size_t)watch->n_calls : LOOP_RECENT;
}

/* The key of the call that is back calls before the last one. */
static uint64_t key_at(const struct loop_watch *watch, size_t back)
{
	return watch->recent[(watch->n_calls - 1 - back) % LOOP_RECENT];
}

static bool is_known(const struct loop_watch *watch, uint64_t key)
{
	for (size_t i = 0; i < kept(watch); i++)
		if (key_at(watch, i) == key)
			return true;
	return false;
}

/* How often the last calls repeat with that period, whole rounds only. */
static unsigned count_rounds(const struct loop_watch *watch, size_t period)
{
	size_t n = kept(watch), same = period;

	if (n < period)
		return 0;
	while (same < n && key_at(watch, same) == key_at(watch, same - period))
		same++;
	return (unsigned)(same / period);
}

static enum loop_kind judge(struct loop_watch *watch)
{
	static const size_t periods[] = { [LOOP_SAME] = 1, [LOOP_PAIR] = 2 };

	for (enum loop_kind kind = LOOP_SAME; kind <= LOOP_PAIR; kind++) {
		watch->rounds = count_rounds(watch, periods[kind]);
		if (watch->rounds >= LOOP_ROUNDS_TOLD)
			return kind;
	}
	watch->rounds = watch->n_known;
	if (watch->rounds >= LOOP_CALLS_TOLD)
		return LOOP_KNOWN;
	watch->rounds = watch->n_failed;
	return watch->rounds >= LOOP_CALLS_TOLD ? LOOP_FAILING : LOOP_NONE;
}

void loop_watch_add(struct loop_watch *watch, const struct loop_call *call)
{
	uint64_t key = key_of(call);

	watch->n_known = is_known(watch, key) ? watch->n_known + 1 : 0;
	watch->n_failed = call->ok ? 0 : watch->n_failed + 1;
	watch->recent[watch->n_calls++ % LOOP_RECENT] = key;
	memcpy(watch->names[1], watch->names[0], sizeof(watch->names[1]));
	/* a name of a model's own making may be cut */
	(void)snprintf(watch->names[0], sizeof(watch->names[0]), "%s", call->tool);
	watch->exchange = call->exchange;
	watch->kind = judge(watch);
	if (watch->kind == LOOP_NONE)
		watch->told_exchange = 0;
	else if (watch->told_exchange == 0)
		watch->told_exchange = call->exchange;
}

int loop_watch_tell(const struct loop_watch *watch, struct buf *out)
{
	static const char advice[] = "Do something else, or answer with what you have.";

	switch (watch->kind) {
	case LOOP_NONE:
		return 0;
	case LOOP_SAME:
		return buf_printf(out,
				  "You have made this same call %u times and got this same result "
				  "each time. %s",
				  watch->rounds, advice);
	case LOOP_PAIR:
		return buf_printf(out,
				  "You have made the calls %s and %s in turn %u times and got the "
				  "same two results each time. %s",
				  watch->names[1], watch->names[0], watch->rounds, advice);
	case LOOP_KNOWN:
		return buf_printf(out,
				  "Your last %u calls gave nothing that earlier ones had not given "
				  "already. %s",
				  watch->rounds, advice);
	case LOOP_FAILING:
		return buf_printf(out, "Your last %u calls all failed. %s", watch->rounds, advice);
	}
	return 0;
}

bool loop_watch_is_over(const struct loop_watch *watch, uint64_t rounds)
{
	bool by_calls = watch->kind == LOOP_KNOWN || watch->kind == LOOP_FAILING;

	return watch->kind != LOOP_NONE && watch->told_exchange < watch->exchange &&
	       watch->rounds >= (by_calls ? rounds * LOOP_CALLS_A_ROUND : rounds);
}

int loop_watch_explain(const struct loop_watch *watch, struct buf *out)
{
	int r = buf_add_string(out, "stopped, the model went round in circles: ");

	if (r < 0)
		return r;
	switch (watch->kind) {
	case LOOP_NONE:
		break;
	case LOOP_SAME:
		r = buf_printf(out, "the same call of %s gave the same result %u times",
			       watch->names[0], watch->rounds);
		break;
	case LOOP_PAIR:
		r = buf_printf(out, "the calls of %s and %s gave the same two results %u times",
			       watch->names[1], watch->names[0], watch->rounds);
		break;
	case LOOP_KNOWN:
		r = buf_printf(out, "its last %u calls gave nothing new", watch->rounds);
		break;
	case LOOP_FAILING:
		r = buf_printf(out, "its last %u calls all failed", watch->rounds);
		break;
	}
	return r < 0 ? r : buf_add_string(out, " (agent.loop_rounds)");
}
