/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * Target   glob_compile() and glob_match(): the first line is the pattern, the rest a path.
 * Property a path without special characters matches itself; what matches as a file matches as a
 *          directory.
 * Corpus   fuzz/corpus/glob/
 */
#include "l5-wasm/glob.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const char *pattern, const char *path)
{
	struct glob *glob = NULL;

	if (glob_compile(pattern, &glob, NULL) < 0)
		return;
	if (glob_match(glob, path, false) && !glob_match(glob, path, true))
		abort();
	if (strcmp(pattern, path) == 0 && !strpbrk(path, "*?[{}\\/") && strcmp(path, ".") != 0 &&
	    !glob_match(glob, path, false))
		abort();
	glob_free(glob);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1), *newline;

	if (!text)
		abort();
	memcpy(text, data, size);
	text[size] = '\0';
	newline = strchr(text, '\n');
	if (newline) {
		*newline = '\0';
		check(text, newline + 1);
		check(newline + 1, newline + 1);
	}
	free(text);
	return 0;
}
