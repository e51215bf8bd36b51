/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * Target   model_format_openai's reader: SSE, JSON, tool calls, thinking tags, errors.
 * Property answer-property.h.
 * Corpus   fuzz/corpus/openai-answer/
 */
#include "answer-property.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	answer_property(&model_format_openai, data, size, NULL);
	return 0;
}
