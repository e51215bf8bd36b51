/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * egress-suffix - names under which strangers register theirs (L6).
 *
 * ".example.org" is one owner's, ".co.uk" and ".pages.dev" are everybody's: a rule about all hosts
 * below one of these would be about hosts that the person does not know.
 */
#pragma once

#include <stdbool.h>

/* host without a leading dot, in lower case: a single label, or one of the known suffixes. */
bool egress_suffix_is_shared(const char *host);
