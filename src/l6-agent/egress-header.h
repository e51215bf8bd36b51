/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * egress-header - request headers from outside, checked before libcurl sees them (L6).
 *
 * A name is an HTTP token, a value has no control character but a tab; so no header can carry
 * another one. Headers that belong to the connection (Host, Connection, Content-Length, …) are the
 * broker's own and are left out.
 *
 * Ownership  *list grows; curl_slist_free_all() on it is the caller's, also after a failure.
 * Errors     -EINVAL, -EMSGSIZE over a limit, -ENOMEM.
 * Source     RFC 9110 sections 5.1, 5.5, 7.6.1.
 */
#pragma once

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

struct curl_slist;

/* Adds one header. refuse_own: a name the broker owns is an error instead of being left out. */
must_check int egress_header_add(struct curl_slist **list, const char *name, const char *value,
				 bool refuse_own, struct error *err);

/* "Name:value,Name:value" of LLM_EXTRA_HEADERS. */
must_check int egress_header_add_text(struct curl_slist **list, const char *text,
				      struct error *err);
