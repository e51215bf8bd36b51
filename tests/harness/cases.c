/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "harness/cases.h"

#include "harness/tap.h"

#include <stdio.h>
#include <stdlib.h>

void cases_run(const char *name, size_t n_fields, unsigned n_min,
	       void (*run)(const struct test_case *c))
{
	const char *folder = getenv("CLAW_DATA");
	char path[4096], line[CASES_LINE_BYTES];
	struct test_case c = { .file = path };
	unsigned n_cases = 0;
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s/%s.cases", folder ? folder : "tests/data", name);
	file = fopen(path, "re");
	if (!file)
		tap_fail(__FILE__, __LINE__, "cannot read %s", path);
	while (fgets(line, sizeof(line), file)) {
		char *rest = line;
		size_t n = 0;

		c.line++;
		if (line[0] == '#' || line[0] == '\n')
			continue;
		line[strcspn(line, "\n")] = '\0';
		while (rest && n < CASES_FIELDS_MAX)
			c.fields[n++] = strsep(&rest, "\t");
		if (n != n_fields || rest)
			tap_fail(path, c.line, "%zu fields, wanted %zu", n, n_fields);
		run(&c);
		n_cases++;
	}
	(void)fclose(file);
	if (n_cases < n_min)
		tap_fail(path, c.line, "%u cases, wanted at least %u", n_cases, n_min);
}

static int hex(char c)
{
	const char *digits = "0123456789abcdef", *at = strchr(digits, c);

	return c != '\0' && at ? (int)(at - digits) : -1;
}

size_t cases_unescape(char *field)
{
	static const char from[] = "ntr0\\", to[] = "\n\t\r\0\\";
	char *out = field;

	for (const char *in = field; *in != '\0'; in++) {
		const char *known;

		if (*in != '\\' || in[1] == '\0') {
			*out++ = *in;
			continue;
		}
		in++;
		known = strchr(from, *in);
		if (known) {
			*out++ = to[known - from];
		} else if (*in == 'x' && hex(in[1]) >= 0 && hex(in[2]) >= 0) {
			*out++ = (char)(hex(in[1]) * 16 + hex(in[2]));
			in += 2;
		} else {
			*out++ = '\\';
			*out++ = *in;
		}
	}
	*out = '\0';
	return (size_t)(out - field);
}
