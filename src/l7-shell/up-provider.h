/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * up-provider - what of [provider] is refused before anything is stopped or started for it (L7).
 *
 * A daemon that does not start says it too late: a name nobody has, an address that is none or is
 * missing, a model that has to be named.
 *
 * Errors  -EINVAL with a sentence that names the value and what sets it.
 * Source  spec/tables/providers, spec/providers.md.
 */
#pragma once

#include "base/error.h"
#include "l7-shell/up-config.h"

must_check int up_provider_check(const struct up_config *config, struct error *err);
