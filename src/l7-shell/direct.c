/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l7-shell/direct.h"

#include "base/cleanup.h"
#include "l7-shell/command.h"

#include <string.h>

const struct direct_form direct_forms[] = {
	{ "read", "FILE", "read_file", "path", NULL, NULL },
	{ "run", "COMMAND", "shell", "command", NULL, NULL },
	{ "remember", "TEXT", "memory_write", "content", NULL, NULL },
	{ "recall", "TEXT", "memory_search", "query", NULL, NULL },
	{ "time", "[ZONE]", "time", "timezone", "operation", "now" },
};
const size_t direct_forms_count = sizeof(direct_forms) / sizeof(direct_forms[0]);

const struct direct_form *direct_find(const char *text)
{
	size_t length = strcspn(text, " \t\n");

	for (size_t i = 0; text[0] == '/' && i < direct_forms_count; i++)
		if (strlen(direct_forms[i].name) == length - 1 &&
		    memcmp(direct_forms[i].name, text + 1, length - 1) == 0)
			return &direct_forms[i];
	return NULL;
}

static size_t trimmed(const char *text)
{
	size_t length = strlen(text);

	while (length > 0 && strchr(" \t\n", text[length - 1]))
		length--;
	return length;
}

int direct_parse(const char *text, const struct direct_form **ret, sd_json_variant **ret_arguments,
		 struct error *err)
{
	size_t length = strcspn(text, " \t\n"), rest;
	const struct direct_form *form;
	auto_free char *argument = NULL;
	const char *at;
	int r;

	*ret = NULL;
	form = direct_find(text);
	if (!form)
		return 0;
	at = text + length;
	at += strspn(at, " \t\n");
	rest = trimmed(at);
	if (rest == 0 && form->usage[0] != '[')
		return FAIL(err, COMMAND_USAGE, "usage: /%s %s", form->name, form->usage);
	argument = strndup(at, rest);
	if (!argument)
		return FAIL(err, -ENOMEM, "out of memory");
	r = sd_json_buildo(ret_arguments,
			   SD_JSON_BUILD_PAIR_CONDITION(form->fixed != NULL, form->fixed,
							SD_JSON_BUILD_STRING(form->value)),
			   SD_JSON_BUILD_PAIR_CONDITION(rest > 0, form->argument,
							SD_JSON_BUILD_STRING(argument)));
	if (r < 0)
		return FAIL(err, r, "/%s: %s", form->name, strerror(-r));
	*ret = form;
	return 0;
}
