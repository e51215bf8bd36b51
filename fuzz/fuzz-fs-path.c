/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * Target   path_document() and path_folder(), names from callers.
 * Property what is accepted is relative, has no "..", no empty name, no control character, names of
 *          at most 255 bytes, and normalises to itself; nothing is written on refusal.
 * Corpus   fuzz/corpus/fs-path/
 */
#include "l3-clawfs/path.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const char *path)
{
	char again[PATH_BYTES + 1];
	size_t length = strlen(path);

	if (length > PATH_BYTES || path[0] == '/' || (length > 0 && path[length - 1] == '/'))
		abort();
	if (strstr(path, "//") || !path_is_text(path, length))
		abort();
	for (const char *name = path; length > 0;) {
		size_t n = strcspn(name, "/");

		if (n == 0 || n > PATH_NAME_BYTES || (n <= 2 && strspn(name, ".") >= n))
			abort();
		for (size_t i = 0; i < n; i++)
			if ((unsigned char)name[i] < 0x20 || name[i] == 0x7f)
				abort();
		if (name[n] == '\0')
			break;
		name += n + 1;
	}
	if (path_folder(path, again, NULL) < 0 || strcmp(path, again) != 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1), out[PATH_BYTES + 1] = "untouched";

	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	if (path_document(text, out, NULL) >= 0) {
		if (out[0] == '\0')
			abort();
		check(out);
	} else if (strcmp(out, "untouched") != 0) {
		abort();
	}
	if (path_folder(text, out, NULL) >= 0)
		check(out);
	free(text);
	return 0;
}
