/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l5-wasm/text-kind.h"

#include "base/utf8.h"

#include <string.h>

/* One byte in so many may be a control character or no UTF-8 before a file counts as binary. */
enum { STRANGE_SHARE = 3 };

static const struct {
	size_t offset, length;
	const char *magic, *name;
} kinds[] = {
	{ 0, 8, "\x89PNG\r\n\x1a\n", "a PNG image" },
	{ 0, 3, "\xFF\xD8\xFF", "a JPEG image" },
	{ 0, 4, "GIF8", "a GIF image" },
	{ 8, 4, "WEBP", "a WebP image" },
	{ 0, 5, "%PDF-", "a PDF document" },
	{ 0, 4, "PK\x03\x04", "a ZIP archive or an office document" },
	{ 0, 2, "\x1f\x8b", "gzip-compressed data" },
	{ 0, 6,
	  "\xFD"
	  "7zXZ\0",
	  "xz-compressed data" },
	{ 0, 4, "\x28\xB5\x2F\xFD", "zstd-compressed data" },
	{ 0, 3, "BZh", "bzip2-compressed data" },
	{ 0, 6, "7z\xBC\xAF\x27\x1C", "a 7z archive" },
	{ 257, 5, "ustar", "a tar archive" },
	{ 0, 4,
	  "\x7f"
	  "ELF",
	  "an ELF program or library" },
	{ 0, 4, "\0asm", "a WebAssembly module" },
	{ 0, 16, "SQLite format 3\0", "an SQLite database" },
	{ 0, 3, "ID3", "an MP3 sound" },
	{ 0, 4, "OggS", "an Ogg file" },
	{ 0, 4, "fLaC", "a FLAC sound" },
	{ 0, 4, "RIFF", "a RIFF file (sound or video)" },
	{ 4, 4, "ftyp", "an MP4 or HEIC file" },
	{ 0, 4, "GGUF", "a GGUF model" },
	{ 0, 2, "\xFF\xFE", "UTF-16 text (iconv -f UTF-16 turns it into UTF-8)" },
	{ 0, 2, "\xFE\xFF", "UTF-16 text (iconv -f UTF-16 turns it into UTF-8)" },
};

static bool is_strange(unsigned char c)
{
	return c < ' ' && !strchr("\t\n\r\f\b\x1b", c);
}

static bool looks_like_text(const char *start, size_t length)
{
	size_t n_strange = 0;

	if (memchr(start, '\0', length))
		return false;
	for (size_t at = 0; at < length;) {
		size_t n = utf8_next(start + at, length - at);

		if (n == 0 && utf8_is_cut(start + at, length - at))
			break;
		n_strange += n == 0 || is_strange((unsigned char)start[at]);
		at += n == 0 ? 1 : n;
	}
	return n_strange <= length / STRANGE_SHARE;
}

const char *text_kind_other(const char *start, size_t length)
{
	if (looks_like_text(start, length) && !(length >= 5 && memcmp(start, "%PDF-", 5) == 0))
		return NULL;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (kinds[i].offset + kinds[i].length <= length &&
		    memcmp(start + kinds[i].offset, kinds[i].magic, kinds[i].length) == 0)
			return kinds[i].name;
	return "binary data";
}
