/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l6-agent/leak-record.h"

#include "l6-agent/field.h"

#include <string.h>

void leak_record(struct payload *payload, const struct leak_tally *tally, const char *place)
{
	yyjson_mut_val *list, *row;

	if (tally->total == 0 || payload->error < 0)
		return;
	list = yyjson_mut_obj_get(payload->root, "secrets");
	if (!list)
		list = yyjson_mut_obj_add_arr(payload->doc, payload->root, "secrets");
	for (size_t i = 0; i < leak_kind_count; i++) {
		if (tally->counts[i] == 0)
			continue;
		row = yyjson_mut_arr_add_obj(payload->doc, list);
		if (!yyjson_mut_obj_add_str(payload->doc, row, "kind", leak_kinds[i]) ||
		    !yyjson_mut_obj_add_uint(payload->doc, row, "count", tally->counts[i]) ||
		    !yyjson_mut_obj_add_str(payload->doc, row, "place", place))
			payload->error = -ENOMEM;
	}
}

void leak_record_text(struct payload *payload, const char *key, const char *text, const char *place)
{
	struct leak_tally leaks = { 0 };
	auto_free char *clean = strdup(text);
	int r = clean ? leak_clean_string(&clean, &leaks) : -ENOMEM;

	if (r < 0) {
		payload->error = r;
		return;
	}
	payload_text(payload, key, clean, strlen(clean));
	leak_record(payload, &leaks, place);
}

void leak_record_exchange(struct payload *payload, const struct leak_exchange *leaks)
{
	leak_record(payload, &leaks->prompt, "prompt");
	leak_record(payload, &leaks->text, "answer");
	leak_record(payload, &leaks->calls, "calls");
}

int leak_clean_answer(struct answer *answer, struct leak_exchange *leaks)
{
	int r = leak_clean_string(&answer->text, &leaks->text);

	if (r >= 0)
		r = leak_clean_string(&answer->carried, &leaks->calls);
	for (size_t i = 0; i < answer->n_calls && r >= 0; i++) {
		r = leak_clean_string(&answer->calls[i].arguments, &leaks->calls);
		if (r >= 0)
			r = leak_clean_string(&answer->calls[i].name, &leaks->calls);
	}
	return r < 0 ? r : 0;
}

void leak_add_list(struct leak_tally *tally, sd_json_variant *list)
{
	size_t n = sd_json_variant_is_array(list) ? sd_json_variant_elements(list) : 0;

	for (size_t i = 0; i < n; i++) {
		sd_json_variant *row = sd_json_variant_by_index(list, i);
		uint32_t count = (uint32_t)field_number(row, "count", 0);

		for (size_t kind = 0; kind < leak_kind_count; kind++) {
			if (strcmp(field_text(row, "kind", ""), leak_kinds[kind]) != 0)
				continue;
			tally->counts[kind] += count;
			tally->total += count;
		}
	}
}

int leak_pass(struct leak_stream *stream, const char *bytes, size_t length,
	      void (*sink)(const char *text, size_t length, void *data), void *data)
{
	auto_buf struct buf clean = BUF(LEAK_PASSED_MAX);
	int r = bytes ? leak_stream_add(stream, bytes, length, &clean)
		      : leak_stream_end(stream, &clean);

	if (r >= 0 && clean.length > 0)
		sink(buf_string(&clean), clean.length, data);
	return r;
}
