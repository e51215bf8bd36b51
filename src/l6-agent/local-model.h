/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* local-model - whether this build knows the local model's prompt style (L6). */
#pragma once

struct model_format;

/* model_format_local; NULL in a build without it (local-model-absent.c). */
const struct model_format *local_model_format(void);
