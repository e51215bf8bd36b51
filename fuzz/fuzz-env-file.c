/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * Target   env_file_read() and conf_edit_set(): an .env file becomes keys of clawos.conf.
 * Property names are names; values hold no control character but newline and tab; what
 * conf_edit_set() accepts adds exactly one key and no section of its own. Corpus
 * fuzz/corpus/env-file/.
 */
#include "l7-shell/conf-edit.h"
#include "l7-shell/env-file.h"

#include <ctype.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { CONF_BYTES_MAX = 16 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned count(const char *text, char c)
{
	unsigned n = 0;

	for (; (text = strchr(text, c)); text++)
		n++;
	return n;
}

static int on_pair(const char *name, const char *value, unsigned line, void *data)
{
	struct buf conf = BUF(CONF_BYTES_MAX);

	(void)line;
	(void)data;
	if (!*name || isdigit((unsigned char)*name))
		abort();
	for (const char *at = name; *at; at++)
		if (!isalnum((unsigned char)*at) && *at != '_')
			abort();
	for (const char *at = value; *at; at++)
		if (((unsigned char)*at < ' ' && *at != '\n' && *at != '\t') || *at == 0x7F)
			abort();
	if (conf_edit_set(&conf, "provider", "model", value) == 0 &&
	    (strncmp(conf.data, "[provider]\nmodel = ", 19) != 0 || count(conf.data, '\n') != 2))
		abort();
	buf_free(&conf);
	return 0;
}

static int on_problem(const char *reason, unsigned line, void *data)
{
	(void)data;
	if (!reason || line == 0)
		abort();
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct env_file_acts acts = { on_pair, on_problem, NULL };

	if (env_file_read((const char *)data, size, &acts) < 0 && size < ENV_FILE_LINE_MAX)
		abort();
	return 0;
}
