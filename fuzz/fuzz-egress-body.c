/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * Target   egress_body_check(), the body of a request as claw-agentd wrote it.
 * Property what is let through, and is JSON, names the configured model once and has no member that
 *          is not on the list.
 * Corpus   fuzz/corpus/egress-body/
 */
#include "l6-agent/egress-body.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-json.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_known(const char *name)
{
	static const char *const names[] = {
		"model",  "max_tokens",     "max_completion_tokens", "tools", "messages",
		"stream", "stream_options", "tool_choice",           "system"
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(names[i], name) == 0)
			return true;
	return false;
}

static void check(sd_json_variant *body)
{
	unsigned models = 0;

	for (size_t i = 0; i + 1 < sd_json_variant_elements(body); i += 2) {
		const char *name = sd_json_variant_string(sd_json_variant_by_index(body, i));
		sd_json_variant *value = sd_json_variant_by_index(body, i + 1);

		if (!is_known(name))
			abort();
		if (strcmp(name, "model") != 0)
			continue;
		models++;
		if (!sd_json_variant_is_string(value) ||
		    strcmp(sd_json_variant_string(value), "m") != 0)
			abort();
	}
	if (models != 1)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	__attribute__((cleanup(sd_json_variant_unrefp))) sd_json_variant *body = NULL;
	char *text = size > 0 ? strndup((const char *)data, size) : NULL;
	uint64_t tokens = 0;
	int r;

	if (!text || strlen(text) != size) { /* sd-json reads strings */
		free(text);
		return 0;
	}
	r = egress_body_check(text, size, "m", &tokens, NULL);
	if (r >= 0 && sd_json_parse(text, 0, &body, NULL, NULL) >= 0 &&
	    sd_json_variant_is_object(body))
		check(body);
	free(text);
	return 0;
}
