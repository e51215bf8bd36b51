/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "base/base64.h"

#include <stdint.h>

size_t base64_length(size_t length)
{
	return (length / 3 + (length % 3 > 0)) * 4;
}

int base64_add(struct buf *out, const void *bytes, size_t length)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const uint8_t *from = bytes;
	char *to;
	int r = buf_reserve(out, base64_length(length), &to);

	if (r < 0)
		return r;
	for (size_t i = 0; i < length; i += 3, to += 4) {
		size_t left = length - i;
		uint32_t group = (uint32_t)from[i] << 16;

		if (left > 1)
			group |= (uint32_t)from[i + 1] << 8;
		if (left > 2)
			group |= from[i + 2];
		to[0] = digits[group >> 18];
		to[1] = digits[group >> 12 & 63];
		to[2] = left > 1 ? digits[group >> 6 & 63] : '=';
		to[3] = left > 2 ? digits[group & 63] : '=';
	}
	buf_commit(out, base64_length(length));
	return 0;
}
