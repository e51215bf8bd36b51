/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l6-agent/llm-out.h"

#include "base/utf8.h"

#include <string.h>

/* Where the first stop string begins in the held bytes, or their length. */
static size_t find_stop(const struct llm_out *out)
{
	size_t first = out->held.length;

	for (size_t i = 0; i < out->n_stops; i++) {
		size_t n = strlen(out->stops[i]);
		const char *at =
			n == 0 ? NULL : memmem(out->held.data, out->held.length, out->stops[i], n);

		if (at && (size_t)(at - out->held.data) < first)
			first = (size_t)(at - out->held.data);
	}
	return first;
}

/* How many bytes at the end could be the beginning of a stop string. */
static size_t maybe_stop(const struct llm_out *out)
{
	size_t most = 0;

	for (size_t i = 0; i < out->n_stops; i++) {
		size_t n = strlen(out->stops[i]);

		for (n = n > out->held.length ? out->held.length : n - (n > 0); n > most; n--)
			if (memcmp(out->held.data + out->held.length - n, out->stops[i], n) == 0)
				most = n;
	}
	return most;
}

/* Passes on the characters among the first n held bytes; a cut one at the end stays. */
static int pass(struct llm_out *out, size_t n, struct buf *text)
{
	size_t sure = n;
	int r;

	for (size_t back = 1; back < 4 && back <= n; back++)
		if (utf8_is_cut(out->held.data + n - back, back))
			sure = n - back;
	r = utf8_add_repaired(text, out->held.data, sure);
	if (r >= 0)
		buf_consume(&out->held, sure);
	return r;
}

int llm_out_add(struct llm_out *out, const char *bytes, size_t length, struct buf *text)
{
	size_t stop;
	int r;

	if (out->stopped || length == 0)
		return 0;
	r = buf_add(&out->held, bytes, length);
	if (r < 0)
		return r;
	stop = find_stop(out);
	if (stop < out->held.length) {
		out->stopped = true;
		buf_truncate(&out->held, stop);
		return pass(out, stop, text);
	}
	return pass(out, out->held.length - maybe_stop(out), text);
}

int llm_out_end(struct llm_out *out, struct buf *text)
{
	int r = out->held.length == 0 ? 0 : pass(out, out->held.length, text);

	buf_free(&out->held);
	return r;
}
