/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * egress-http - HTTP requests on the daemon's event loop (libcurl multi; L6).
 *
 * No request follows a redirect, keeps a cookie, reads a .netrc or the environment. HTTP/1.1 only:
 * a paused HTTP/2 stream would be buffered without the reader's consent. TLS is always verified.
 *
 * Ownership  What the options point at is borrowed until on_end or http_cancel(). The transfer
 *            belongs to the client and is gone when on_end returns.
 * Units      Microseconds and milliseconds as named.
 * Errors     -ENOMEM, -EINVAL for a URL or scheme that cannot be used.
 * Threads    libcurl resolves names in a short-lived thread of its own; all callbacks come on the
 *            loop's thread.
 */
#pragma once

#include "base/error.h"
#include "l6-agent/egress-address.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <systemd/sd-event.h>

struct http;
struct http_transfer;
struct curl_slist;

/* What one more piece of the body did. After HTTP_FULL the same piece comes again on http_resume().
 */
enum http_take { HTTP_TAKEN, HTTP_FULL, HTTP_STOP };

enum http_failure {
	HTTP_OK,
	HTTP_STOPPED, /* by on_body */
	HTTP_RESOLVE,
	HTTP_REFUSED, /* every address was refused by may_connect */
	HTTP_CONNECT,
	HTTP_TLS,
	HTTP_LOST, /* the connection broke before the answer's head */
	HTTP_CUT,  /* or behind it */
	HTTP_PROTOCOL,
};

struct http_end {
	enum http_failure failure;
	const char *reason;                      /* a sentence; borrowed until on_end returns */
	char address[EGRESS_ADDRESS_TEXT_BYTES]; /* the last one refused, "" when none was */
	uint64_t connect_us, first_byte_us;
};

struct http_head {
	int status;
	const char *content_type, *location; /* NULL when absent; borrowed until on_head returns */
	int64_t retry_after_ms;              /* -1 when absent */
};

struct http_sink {
	void (*on_head)(const struct http_head *head, void *userdata);
	enum http_take (*on_body)(const char *bytes, size_t length, void *userdata);
	void (*on_end)(const struct http_end *end, void *userdata);
};

struct http_options {
	const char *method, *url;
	struct curl_slist *headers;
	const void *body;
	size_t length;
	bool plain;          /* http:// is possible */
	bool alone;          /* a connection of its own, closed afterwards */
	const char *codings; /* asked for; gzip and deflate are unpacked in any case */
	const char *ca_file; /* NULL: the system's */
	const char *proxy;   /* NULL: none */
	uint64_t connect_ms;
	/* Is asked about each address before it is connected to; NULL: any. */
	bool (*may_connect)(const struct sockaddr *address, void *userdata);
	void *userdata; /* of may_connect and of the sink */
};

must_check int http_new(sd_event *event, struct http **ret, struct error *err);
void http_free(struct http *http); /* no transfer may be under way */

/* Begins one request; no callback of the sink comes before this returns. */
must_check int http_start(struct http *http, const struct http_options *options,
			  const struct http_sink *sink, struct http_transfer **ret,
			  struct error *err);
/* After HTTP_FULL: the piece that was not taken comes again. */
void http_resume(struct http_transfer *transfer);

/* Ends it without on_end. Not from inside a callback of the sink. */
void http_cancel(struct http_transfer *transfer);
