/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l6-agent/egress-end-mark.h"

#include <string.h>

void end_mark_add(struct end_mark *mark, const char *bytes, size_t length)
{
	size_t more = length < END_MARK_BYTES ? length : END_MARK_BYTES;
	size_t kept = END_MARK_BYTES - more < mark->n ? END_MARK_BYTES - more : mark->n;

	memmove(mark->tail, mark->tail + mark->n - kept, kept);
	memcpy(mark->tail + kept, bytes + length - more, more);
	mark->n = kept + more;
}

/* The last line is this one, with or without its blank, and has ended. */
static bool ends_with_line(const char *text, size_t length, const char *name, const char *value)
{
	size_t n = length, value_length = strlen(value), name_length = strlen(name);

	while (n > 0 && strchr("\r\n", text[n - 1]) && text[n - 1])
		n--;
	if (n == length || n < value_length ||
	    memcmp(text + n - value_length, value, value_length) != 0)
		return false;
	n -= value_length;
	if (n > 0 && text[n - 1] == ' ')
		n--;
	return n > name_length && memcmp(text + n - name_length, name, name_length) == 0 &&
	       (text[n - name_length - 1] == '\n' || text[n - name_length - 1] == '\r');
}

bool end_mark_is_seen(const struct end_mark *mark)
{
	static const char stop[] = "\nevent: message_stop";
	const char *at;

	if (ends_with_line(mark->tail, mark->n, "data:", "[DONE]"))
		return true;
	at = memmem(mark->tail, mark->n, stop, sizeof(stop) - 1);
	return at && mark->n >= 2 && memcmp(mark->tail + mark->n - 2, "\n\n", 2) == 0 &&
	       memmem(at, (size_t)(mark->tail + mark->n - at), "\ndata:", 6);
}
