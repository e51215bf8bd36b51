/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * llm-processor - does this processor have what the model engine was built for? (L6)
 *
 * Without the check the first computation would end in SIGILL. One file per architecture.
 *
 * Source     tools/parts/llama.sh: the levels.
 */
#pragma once

#include "base/error.h"

/* -ENOTSUP with what is missing and what to do. level: LLAMA_CPU_LEVEL of llama-build.h. */
must_check int llm_processor_check(const char *level, struct error *err);
