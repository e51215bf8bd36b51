/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l6-agent/local-model.h"

#include <stddef.h>

const struct model_format *local_model_format(void)
{
	return NULL;
}
