/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * zone-internal - between the two files of zone (L6).
 */
#pragma once

#include "l6-agent/zone.h"

/* What the rule of zone says for that moment; the zone has a rule. Borrowed from zone. */
const struct zone_type *zone_rule_at(const struct zone *zone, int64_t utc_s);
