/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "base/cleanup.h"
#include "l6-agent/field.h"
#include "l6-agent/memory-tools.h"

#include <string.h>

enum {
	RECALL_QUERY_BYTES = 4096,
	/* More than are shown: what stands in the prompt already is passed over. */
	RECALL_LIMIT = 10,
	RECALL_HIT_BYTES = 380,
	MEMORY_PROMPT_BYTES =
		8192, /* fs.memory_prompt_bytes: MEMORY.md is in the prompt up to here */
};

/* Below this a hit has little of what the message is about (spec/clawfs-store.md, "Ranking"). */
static const double recall_score_min = 0.25;

/* Steps back from the middle of a UTF-8 character. */
static size_t boundary(const char *text, size_t length)
{
	while (length > 0 && (text[length] & 0xc0) == 0x80)
		length--;
	return length;
}

int memory_recall_make(const char *message, struct memory_call *ret, struct error *err)
{
	size_t length = strnlen(message, RECALL_QUERY_BYTES);
	struct memory_call call = {
		.verb = MEMORY_SEARCH,
		.method = "io.clawos.Fs.Search",
		.content_fd = -1,
	};
	sd_json_variant *query = NULL;
	int r;

	if (message[length] != '\0')
		length = boundary(message, length);
	r = sd_json_variant_new_stringn(&query, message, length);
	if (r >= 0)
		r = sd_json_buildo(&call.parameters, SD_JSON_BUILD_PAIR_VARIANT("query", query),
				   SD_JSON_BUILD_PAIR_INTEGER("limit", RECALL_LIMIT),
				   SD_JSON_BUILD_PAIR_EMPTY_ARRAY("labels"));
	sd_json_variant_unref(query);
	if (r < 0)
		return FAIL(err, r, "the search could not be built: %s", strerror(-r));
	*ret = call;
	return 0;
}

/* What stands in every prompt, or is about the memory itself. */
static bool is_shown_anyway(sd_json_variant *hit)
{
	static const char *const paths[] = { "AGENTS.md",   "SOUL.md",   "USER.md",
					     "IDENTITY.md", "README.md", "HEARTBEAT.md" };
	const char *path = field_text(hit, "path", "");
	sd_json_variant *offset = sd_json_variant_by_key(hit, "offset");

	if (strcmp(path, "MEMORY.md") == 0)
		return !offset || sd_json_variant_unsigned(offset) < MEMORY_PROMPT_BYTES;
	if (strncmp(path, "conversations/", strlen("conversations/")) == 0)
		return true; /* older turns are shown when they are looked for */
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
		if (strcmp(path, paths[i]) == 0)
			return true;
	return false;
}

/* "path: text", the text cut, as far as it fits: 1, or 0 when it does not. */
static int add_hit(sd_json_variant *hit, size_t before, struct buf *block)
{
	const char *text = field_text(hit, "text", "");
	size_t length = strnlen(text, RECALL_HIT_BYTES), start = block->length;
	int r = buf_printf(block, "%s%s: ", start > before ? "\n" : "",
			   field_text(hit, "path", ""));

	if (text[length] != '\0')
		length = boundary(text, length);
	if (r >= 0)
		r = buf_add(block, text, length);
	if (r >= 0 && text[length] != '\0')
		r = buf_add_string(block, " …");
	if (r < 0 && r != -EMSGSIZE)
		return r;
	if (r < 0 || block->length - before > MEMORY_RECALL_BYTES) {
		buf_truncate(block, start);
		return 0;
	}
	return 1;
}

int memory_recall_format(sd_json_variant *reply, struct buf *block, struct label_set *labels,
			 struct error *err)
{
	sd_json_variant *hits = sd_json_variant_by_key(reply, "hits");
	size_t n = hits ? sd_json_variant_elements(hits) : 0, before = block->length;
	int shown = 0;

	for (size_t i = 0; i < n && shown < MEMORY_RECALL_HITS; i++) {
		sd_json_variant *hit = sd_json_variant_by_index(hits, i),
				*score = sd_json_variant_by_key(hit, "score");
		int r;

		if (!score || sd_json_variant_real(score) < recall_score_min ||
		    is_shown_anyway(hit))
			continue;
		r = add_hit(hit, before, block);
		if (r < 0)
			return FAIL(err, r, "out of memory");
		if (r > 0)
			label_set_add_json(labels, sd_json_variant_by_key(hit, "labels"));
		shown += r;
	}
	return 0;
}
