/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l7-shell/secret-line.h"

#include "l7-shell/link.h"

#include <string.h>

static const struct {
	const char *place, *words;
} places[] = {
	{ "message", "your message" },
	{ "context", "what came with your message" },
	{ "attachment", "a file of your message" },
	{ "arguments", "what the model sees of your call" },
	{ "memory", "what memory holds" },
	{ "identity", "the identity documents" },
	{ "prompt", "the prompt" },
	{ "answer", "the answer" },
	{ "calls", "the model's call" },
	{ "result", "the result" },
};

static const char *words_of(const char *place)
{
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		if (strcmp(places[i].place, place) == 0)
			return places[i].words;
	return place;
}

bool secret_line_is_due(sd_json_variant *data)
{
	sd_json_variant *list = link_field(data, "secrets");

	/* the identity documents stand in every prompt; they are told of with a turn's first one */
	return sd_json_variant_is_array(list) && sd_json_variant_elements(list) > 0 &&
	       (!link_field(data, "promptHash") || link_integer(data, "call") == 1);
}

void secret_line(struct screen *screen, unsigned style, sd_json_variant *data)
{
	sd_json_variant *list = link_field(data, "secrets");

	screen_own(screen, style, "replaced:");
	for (size_t i = 0; i < sd_json_variant_elements(list); i++) {
		sd_json_variant *row = sd_json_variant_by_index(list, i);

		screen_own(screen, style, i > 0 ? ", " : " ");
		if (link_integer(row, "count") > 1)
			screen_own(screen, style, "%lld × ", (long long)link_integer(row, "count"));
		screen_foreign(screen, style, link_string(row, "kind"), 0);
		screen_own(screen, style, " in ");
		screen_foreign(screen, style, words_of(link_string(row, "place")), 0);
	}
	screen_own(screen, style, "\n");
}
