/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * Target   model_format_anthropic's reader: events, blocks, thinking that is carried, errors.
 * Property answer-property.h, and what is carried is a list.
 * Corpus   fuzz/corpus/anthropic-answer/
 */
#include "answer-property.h"

#include <string.h>
#include <yyjson.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What goes back is a list of blocks in any case. */
static bool is_carried(const char *carried)
{
	static const char front[] = "anthropic ";
	const char *list = carried + sizeof(front) - 1;
	yyjson_doc *doc = strncmp(carried, front, sizeof(front) - 1) == 0
				  ? yyjson_read(list, strlen(list), 0)
				  : NULL;
	bool is_list = yyjson_arr_size(yyjson_doc_get_root(doc)) > 0;

	yyjson_doc_free(doc);
	return is_list;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	answer_property(&model_format_anthropic, data, size, is_carried);
	return 0;
}
