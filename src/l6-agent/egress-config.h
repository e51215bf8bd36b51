/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* egress-config - the configuration table of claw-egressd: [provider] and [egress] (L6). */
#pragma once

#include "base/config.h"
#include "l6-agent/egress.h"

extern const struct config_table egress_config_table; /* target: struct egress_settings */
