/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l3-clawfs/identity.h"

#include "base/cleanup.h"
#include "l3-clawfs/content.h"

#include <string.h>

static const char *const names[] = { "AGENTS.md", "SOUL.md", "USER.md", "IDENTITY.md",
				     "MEMORY.md" };
static const char memory_name[] = "MEMORY.md", separator[] = "\n---\n";

static bool is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

bool identity_is_empty(const char *text, size_t length)
{
	const char *at = text, *end = text + length;

	while (at < end) {
		const char *close;

		if (is_space(*at)) {
			at++;
			continue;
		}
		if (*at == '#') { /* a heading, to the end of its line */
			close = memchr(at, '\n', (size_t)(end - at));
			at = close ? close : end;
			continue;
		}
		if (end - at < 4 || memcmp(at, "<!--", 4) != 0)
			return false;
		close = memmem(at, (size_t)(end - at), "-->", 3);
		at = close ? close + 3 : end;
	}
	return true;
}

/* Cuts a text at the last line end before max, and says how much is missing. */
static int cut(struct buf *text, uint64_t max, const char *path, struct error *err)
{
	size_t whole = text->length, at = max;

	if (whole <= max)
		return 0;
	while (at > 0 && text->data[at - 1] != '\n')
		at--;
	if (at == 0) /* one long line: at a character boundary */
		for (at = max; at > 0 && (text->data[at] & 0xc0) == 0x80; at--)
			;
	buf_truncate(text, at);
	if (buf_printf(text, "[%s: %zu of %zu bytes are not shown; memory_search finds them]", path,
		       whole - at, whole) < 0)
		return FAIL(err, -ENOMEM, "out of memory");
	return 0;
}

static int add(struct store *store, const struct document *document, struct buf *out,
	       document_fn on_document, void *data, struct error *err)
{
	enum { NOTICE_BYTES = 128 };
	auto_buf struct buf text = BUF(document->bytes + NOTICE_BYTES);
	int r = content_range(store, document->id, document->version, 0, document->bytes, &text,
			      err);

	if (r < 0)
		return r;
	if (identity_is_empty(buf_string(&text), text.length))
		return 0;
	if (strcmp(document->path, memory_name) == 0)
		r = cut(&text, store_quotas(store)->memory_prompt_bytes, document->path, err);
	if (r < 0)
		return r;
	while (text.length > 0 && is_space(text.data[text.length - 1]))
		buf_truncate(&text, text.length - 1);
	r = out->length > 0 ? buf_add_string(out, separator) : 0;
	if (r >= 0)
		r = buf_add(out, text.data, text.length);
	if (r < 0)
		return FAIL(err, r, "the identity documents do not fit");
	return on_document(document, data, err);
}

int identity_read(struct store *store, int64_t owner, struct buf *out, int64_t *ret_generation,
		  document_fn on_document, void *data, struct error *err)
{
	int64_t generation = 0;
	int r = 0;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) && r >= 0; i++) {
		auto_document struct document document = { 0 };

		r = document_find(store, names[i], owner, 0, &document, err);
		if (r != 1)
			continue;
		generation += document.version; /* versions only grow, so the sum does too */
		r = add(store, &document, out, on_document, data, err);
	}
	if (r >= 0 && out->length > 0 && buf_add_char(out, '\n') < 0)
		r = FAIL(err, -ENOMEM, "out of memory");
	if (r >= 0)
		*ret_generation = generation;
	return r < 0 ? r : 0;
}
