/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * egress-url - takes apart what a tool wants to reach, in exactly one way (L6).
 *
 * The text in `url` is what is asked about, judged and sent: scheme and host in lower case, host as
 * ASCII (IDN) or as a numeric address in its one form, no default port, no fragment, dots in the
 * path resolved, blanks and non-ASCII in path and query percent-encoded.
 *
 * Ownership  The strings are the struct's; egress_url_free(). The struct itself is the caller's.
 * Errors     -EINVAL with a sentence a model can act on, -ENOMEM.
 * Source     RFC 3986; libcurl's URL parser, the one that also sends.
 */
#pragma once

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

struct egress_url {
	char *url;
	char *scheme; /* "https" or "http" */
	char *host;   /* without brackets */
	char *path;   /* with the query */
	unsigned port;
};

must_check int egress_url_parse(const char *text, struct egress_url *ret, struct error *err);
void egress_url_free(struct egress_url *url);
#define auto_egress_url __attribute__((cleanup(egress_url_free)))
