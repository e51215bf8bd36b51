/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * provider-address - what an address of a provider is (L6).
 *
 * One rule for claw, which refuses before anything is stopped for it, and for claw-egressd, which
 * takes apart with egress-url what passed here. Whatever passes, egress-url can take apart.
 *
 *   http or https "://" HOST [":" PORT] ["/" PATH]
 *
 * HOST is a name of ASCII labels, an IPv4 address, or an IPv6 address in brackets; no user, query
 * or fragment; printable ASCII without blanks.
 *
 * Errors  -EINVAL with a sentence that names the address and says what is right.
 * Tests   tests/unit/l6-agent/test-egress.c, tests/data/provider-address.cases.
 */
#pragma once

#include "base/error.h"

enum { PROVIDER_ADDRESS_BYTES_MAX = 2048 };

must_check int provider_address_check(const char *text, struct error *err);
