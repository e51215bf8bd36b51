/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "base/ini.h"

#include <stdio.h>
#include <string.h>

struct reader {
	const struct ini_acts *acts;
	char section[INI_LINE_BYTES];
	char where[INI_WHERE_BYTES];
	unsigned line;
};

static char *trim(char *text)
{
	char *end = text + strlen(text);

	while (*text == ' ' || *text == '\t')
		text++;
	while (end > text && (end[-1] == ' ' || end[-1] == '\t' || end[-1] == '\r'))
		end--;
	*end = '\0';
	return text;
}

static int read_section(struct reader *reader, const char *line, struct error *err)
{
	size_t n = strlen(line);

	if (n < 3 || line[n - 1] != ']')
		return FAIL(err, -EINVAL, "%s: a section is written [name]", reader->where);
	memcpy(reader->section, line + 1, n - 2);
	reader->section[n - 2] = '\0';
	return reader->acts->on_section ? reader->acts->on_section(reader->section, reader->where,
								   reader->acts->data, err)
					: 0;
}

static int read_line(struct reader *reader, char *text, struct error *err)
{
	char *line = trim(text), *equals;

	if (*line == '\0' || *line == '#' || *line == ';')
		return 0;
	if (*line == '[')
		return read_section(reader, line, err);
	equals = strchr(line, '=');
	if (!equals || equals == line || reader->section[0] == '\0')
		return FAIL(err, -EINVAL, "%s: expected key = value below a [section]",
			    reader->where);
	*equals = '\0';
	return reader->acts->on_pair(reader->section, trim(line), trim(equals + 1), reader->line,
				     reader->where, reader->acts->data, err);
}

int ini_read(const char *name, const char *text, const struct ini_acts *acts, struct error *err)
{
	struct reader reader = { .acts = acts };

	while (*text) {
		size_t n = strcspn(text, "\n");
		char line[INI_LINE_BYTES];
		int r;

		reader.line++;
		(void)snprintf(reader.where, sizeof(reader.where), "%s:%u", name,
			       reader.line); /* a long name may be cut */
		if (n >= sizeof(line))
			return FAIL(err, -EINVAL, "%s: line longer than %d bytes", reader.where,
				    INI_LINE_BYTES - 1);
		memcpy(line, text, n);
		line[n] = '\0';
		r = read_line(&reader, line, err);
		if (r < 0)
			return r;
		text += n + (text[n] == '\n');
	}
	return 0;
}
