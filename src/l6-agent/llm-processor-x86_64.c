/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l6-agent/llm-processor.h"

#include <string.h>

static const char *missing_v2(void)
{
	if (!__builtin_cpu_supports("ssse3") || !__builtin_cpu_supports("sse4.2") ||
	    !__builtin_cpu_supports("popcnt"))
		return "SSE 4.2";
	return NULL;
}

static const char *missing_v3(void)
{
	if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma") ||
	    !__builtin_cpu_supports("bmi2") || !__builtin_cpu_supports("f16c"))
		return "AVX2, FMA, BMI2 or F16C";
	return missing_v2();
}

static const char *missing_v4(void)
{
	if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512cd") ||
	    !__builtin_cpu_supports("avx512bw") || !__builtin_cpu_supports("avx512dq") ||
	    !__builtin_cpu_supports("avx512vl") || !__builtin_cpu_supports("avx512vbmi") ||
	    !__builtin_cpu_supports("avx512vnni"))
		return "a part of AVX-512";
	return missing_v3();
}

int llm_processor_check(const char *level, struct error *err)
{
	static const struct {
		const char *level, *(*missing)(void);
	} levels[] = {
		{ "x86-64-v2", missing_v2 },
		{ "x86-64-v3", missing_v3 },
		{ "x86-64-v4-vnni", missing_v4 },
	};

	for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++) {
		const char *missing =
			strcmp(level, levels[i].level) == 0 ? levels[i].missing() : NULL;

		if (missing)
			return FAIL(err, -ENOTSUP,
				    "built for %s, but this processor lacks %s: build on this "
				    "machine (./clawos build)",
				    level, missing);
		if (strcmp(level, levels[i].level) == 0)
			return 0;
	}
	return FAIL(err, -ENOTSUP, "built for the unknown processor level %s", level);
}
