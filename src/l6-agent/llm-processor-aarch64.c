/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l6-agent/llm-processor.h"

#include <asm/hwcap.h>
#include <stdbool.h>
#include <string.h>
#include <sys/auxv.h>

int llm_processor_check(const char *level, struct error *err)
{
	bool needs_dot = strstr(level, "dotprod") != NULL,
	     needs_i8mm = strstr(level, "i8mm") != NULL;

	if ((needs_dot && !(getauxval(AT_HWCAP) & HWCAP_ASIMDDP)) ||
	    (needs_i8mm && !(getauxval(AT_HWCAP2) & HWCAP2_I8MM)))
		return FAIL(err, -ENOTSUP,
			    "built for %s, which this processor is not: build on this machine "
			    "(./clawos build)",
			    level);
	return 0;
}
