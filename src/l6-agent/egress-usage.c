/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l6-agent/egress-usage.h"

#include <string.h>

enum { USAGE_DEPTH_MAX = 2 }; /* {"usage":…} and {"message":{"usage":…}} */

static bool is_one_of(const char *key, const char *const names[])
{
	for (size_t i = 0; names[i]; i++)
		if (strcmp(key, names[i]) == 0)
			return true;
	return false;
}

/* Members that hold what a model wrote, in either protocol. */
static bool is_text_key(const char *key)
{
	static const char *const names[] = { "content",      "text",      "reasoning_content",
					     "reasoning",    "thinking",  "arguments",
					     "partial_json", "signature", "refusal",
					     "input",        "name",      NULL };

	return is_one_of(key, names);
}

static uint64_t *place_of(struct egress_usage *usage)
{
	static const char *const cached[] = { "cached_tokens", "prompt_cache_hit_tokens", NULL };
	static const char *const answer[] = { "completion_tokens", "output_tokens", NULL };
	static const char *const prompt[] = { "prompt_tokens", "input_tokens", NULL };

	if (is_one_of(usage->key, prompt))
		return &usage->prompt;
	if (is_one_of(usage->key, answer))
		return &usage->answer;
	if (is_one_of(usage->key, cached))
		return &usage->cached;
	if (strcmp(usage->key, "total_tokens") == 0)
		return &usage->total;
	if (strcmp(usage->key, "cache_read_input_tokens") == 0)
		return &usage->read;
	if (strcmp(usage->key, "cache_creation_input_tokens") == 0)
		return &usage->stored;
	return NULL;
}

static void end_number(struct egress_usage *usage)
{
	uint64_t *place = usage->usage_depth > 0 ? place_of(usage) : NULL;

	if (place && usage->number > *place)
		*place = usage->number;
	usage->in_number = false;
}

static void begin_string(struct egress_usage *usage)
{
	usage->in_string = true;
	usage->is_escaped = false;
	usage->is_text = usage->is_value && is_text_key(usage->key);
	if (!usage->is_value) {
		usage->key_length = 0;
		usage->key[0] = '\0';
	}
}

static void in_string(struct egress_usage *usage, char c)
{
	if (!usage->is_escaped && c == '"') {
		usage->in_string = false;
		return;
	}
	usage->is_escaped = !usage->is_escaped && c == '\\';
	usage->text_bytes += usage->is_text;
	if (usage->is_value)
		return;
	usage->key_length++;
	if (usage->key_length < EGRESS_USAGE_KEY_BYTES) {
		usage->key[usage->key_length - 1] = c;
		usage->key[usage->key_length] = '\0';
	} else {
		usage->key[0] = '\0';
	}
}

static void open_level(struct egress_usage *usage, char c)
{
	if (usage->depth < UINT32_MAX)
		usage->depth++;
	if (c == '{' && usage->usage_depth == 0 && usage->is_value && usage->depth > 1 &&
	    usage->depth <= USAGE_DEPTH_MAX + 1 && strcmp(usage->key, "usage") == 0)
		usage->usage_depth = usage->depth;
	usage->is_value = c == '[' && usage->is_value;
}

static void close_level(struct egress_usage *usage)
{
	if (usage->depth == usage->usage_depth)
		usage->usage_depth = 0;
	if (usage->depth > 0)
		usage->depth--;
	if (usage->depth == 0)
		usage->key[0] = '\0';
	usage->is_value = false;
}

/* A line of a stream is a document of its own: JSON has no raw line feed in a string. */
static void on_line_feed(struct egress_usage *usage)
{
	usage->in_string = false;
}

static void between(struct egress_usage *usage, char c)
{
	if (c >= '0' && c <= '9') {
		if (!usage->in_number)
			usage->number = 0;
		usage->in_number = true;
		if (usage->number < EGRESS_USAGE_TOKENS_MAX)
			usage->number = usage->number * 10 + (uint64_t)(c - '0');
		if (usage->number > EGRESS_USAGE_TOKENS_MAX)
			usage->number = EGRESS_USAGE_TOKENS_MAX;
		return;
	}
	if (usage->in_number)
		end_number(usage);
	if (c == '"')
		begin_string(usage);
	else if (c == ':')
		usage->is_value = true;
	else if (c == ',')
		usage->is_value = false;
	else if (c == '{' || c == '[')
		open_level(usage, c);
	else if (c == '}' || c == ']')
		close_level(usage);
}

void egress_usage_add(struct egress_usage *usage, const char *bytes, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		if (bytes[i] == '\n')
			on_line_feed(usage);
		else if (usage->in_string)
			in_string(usage, bytes[i]);
		else
			between(usage, bytes[i]);
	}
}

/* Anthropic counts what the cache held beside the prompt, the others within it. */
bool egress_usage_told(const struct egress_usage *usage, struct price_tokens *ret)
{
	uint64_t prompt = usage->prompt + usage->read + usage->stored;
	uint64_t answer = usage->answer;

	/* thinking that is only in the sum */
	if (usage->total > prompt && usage->total - prompt > answer)
		answer = usage->total - prompt;
	*ret = (struct price_tokens){ .prompt = prompt,
				      .cached = usage->cached > usage->read ? usage->cached
									    : usage->read,
				      .stored = usage->stored,
				      .answer = answer };
	return usage->prompt > 0 && answer > 0;
}
