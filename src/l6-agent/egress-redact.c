/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l6-agent/egress-redact.h"

#include <string.h>

/* The longest end of the bytes that is a beginning of the secret, but not all of it. */
static size_t begun(const char *secret, size_t n, const struct buf *bytes)
{
	size_t k = n - 1 < bytes->length ? n - 1 : bytes->length;

	while (k > 0 && memcmp(bytes->data + bytes->length - k, secret, k) != 0)
		k--;
	return k;
}

int egress_redact(const char *secret, size_t *held, const char *bytes, size_t length,
		  struct buf *out)
{
	size_t n = strlen(secret);
	int r = buf_add(out, secret, *held);
	char *at;

	if (r >= 0)
		r = buf_add(out, bytes, length);
	if (r < 0)
		return r;
	at = out->data;
	while (at && (at = memmem(at, out->length - (size_t)(at - out->data), secret, n)))
		memset(at, '*', n);
	*held = begun(secret, n, out);
	buf_truncate(out, out->length - *held);
	return 0;
}
