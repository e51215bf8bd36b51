/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * egress-address - which addresses are public (L6).
 *
 * Asked about the very address a socket is about to be connected to, after resolution, so there is
 * no window in which a name could change its mind.
 *
 * Source     IANA special-purpose address registries (RFC 6890 and later).
 * Tests      tests/data/egress-address.cases
 */
#pragma once

#include <stdbool.h>
#include <sys/socket.h>

enum { EGRESS_ADDRESS_TEXT_BYTES = 64 };

/*
 * NULL when the address is public; else what it is ("loopback", "private", …). Families other than
 * IPv4 and IPv6 are not public.
 */
const char *egress_address_refusal(const struct sockaddr *address);

/* Numeric text without port or scope; "?" for a family without one. */
void egress_address_text(const struct sockaddr *address, char ret[EGRESS_ADDRESS_TEXT_BYTES]);

/* Parses numeric text (no names, no brackets, no scope). */
bool egress_address_parse(const char *text, struct sockaddr_storage *ret);
