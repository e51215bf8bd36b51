/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "base/config.h"

#include "base/number.h"

#include <stdlib.h>
#include <string.h>

enum { CONFIG_LINE_BYTES = 4096, CONFIG_WHERE_BYTES = 160, CONFIG_KEYS_MAX = 128 };

static void *field(const struct config_item *item, void *target)
{
	return (char *)target + item->offset;
}

static int set_string(const char *value, char **target)
{
	char *copy = strdup(value);

	if (!copy)
		return -ENOMEM;
	free(*target);
	*target = copy;
	return 0;
}

static int parse_bool(const char *value, bool *ret)
{
	bool yes = strcmp(value, "yes") == 0 || strcmp(value, "true") == 0;

	if (!yes && strcmp(value, "no") != 0 && strcmp(value, "false") != 0)
		return -EINVAL;
	*ret = yes;
	return 0;
}

static int parse_choice(const struct config_item *item, const char *value, unsigned *ret)
{
	for (unsigned i = 0; item->choices[i]; i++) {
		if (strcmp(item->choices[i], value) == 0) {
			*ret = i;
			return 0;
		}
	}
	return -EINVAL;
}

int config_set(const struct config_item *item, const char *value, const char *where, void *target,
	       struct error *err)
{
	int r = -EINVAL;

	switch (item->type) {
	case CONFIG_STRING:
		r = set_string(value, field(item, target));
		break;
	case CONFIG_NUMBER:
		r = number_parse_u64(value, item->min, item->max, field(item, target));
		break;
	case CONFIG_BOOL:
		r = parse_bool(value, field(item, target));
		break;
	case CONFIG_CHOICE:
		r = parse_choice(item, value, field(item, target));
		break;
	}
	if (r == -ERANGE)
		return FAIL(err, -EINVAL, "%s: %s = %s is outside %llu to %llu", where, item->key,
			    value, (unsigned long long)item->min, (unsigned long long)item->max);
	if (r < 0)
		return FAIL(err, r, "%s: %s = \"%s\" is not a value of this key (%s)", where,
			    item->key, value, item->help);
	return 0;
}

static const struct config_item *find(const struct config_table *table, const char *section,
				      const char *key)
{
	for (size_t i = 0; i < table->n_items; i++)
		if (strcmp(table->items[i].section, section) == 0 &&
		    strcmp(table->items[i].key, key) == 0)
			return &table->items[i];
	return NULL;
}

static bool has_section(const struct config_table *table, const char *section)
{
	for (size_t i = 0; i < table->n_items; i++)
		if (strcmp(table->items[i].section, section) == 0)
			return true;
	return false;
}

static bool is_others(const struct config_table *table, const char *section)
{
	for (size_t i = 0; table->others && table->others[i]; i++)
		if (strcmp(table->others[i], section) == 0)
			return true;
	return false;
}

char *config_trim(char *text)
{
	char *end = text + strlen(text);

	while (*text == ' ' || *text == '\t')
		text++;
	while (end > text && (end[-1] == ' ' || end[-1] == '\t' || end[-1] == '\r'))
		end--;
	*end = '\0';
	return text;
}

struct reader {
	const struct config_table *table;
	void *target;
	char section[CONFIG_WHERE_BYTES];
	bool foreign;
	bool seen[CONFIG_KEYS_MAX];
};

static int read_section(struct reader *reader, char *line, const char *where, struct error *err)
{
	size_t n = strlen(line);

	if (line[n - 1] != ']' || n - 2 >= sizeof(reader->section) || n < 3)
		return FAIL(err, -EINVAL, "%s: a section is written [name]", where);
	memcpy(reader->section, line + 1, n - 2);
	reader->section[n - 2] = '\0';
	reader->foreign = is_others(reader->table, reader->section);
	if (!reader->foreign && !has_section(reader->table, reader->section))
		return FAIL(err, -EINVAL, "%s: unknown section [%s]", where, reader->section);
	return 0;
}

static int read_line(struct reader *reader, char *text, const char *where, struct error *err)
{
	char *line = config_trim(text), *equals;
	const struct config_item *item;
	size_t index;

	if (*line == '\0' || *line == '#' || *line == ';')
		return 0;
	if (*line == '[')
		return read_section(reader, line, where, err);
	if (reader->foreign)
		return 0;
	equals = strchr(line, '=');
	if (!equals)
		return FAIL(err, -EINVAL, "%s: expected key = value", where);
	*equals = '\0';
	line = config_trim(line);
	item = find(reader->table, reader->section, line);
	if (!item)
		return FAIL(err, -EINVAL, "%s: unknown key \"%s\" in [%s]", where, line,
			    reader->section);
	index = (size_t)(item - reader->table->items);
	if (index < CONFIG_KEYS_MAX && reader->seen[index])
		return FAIL(err, -EINVAL, "%s: %s is given twice", where, line);
	if (index < CONFIG_KEYS_MAX)
		reader->seen[index] = true;
	return config_set(item, config_trim(equals + 1), where, reader->target, err);
}

static int read_text(struct reader *reader, const char *name, const char *text, struct error *err)
{
	unsigned number = 1;

	for (const char *at = text; *at; number++) {
		size_t n = strcspn(at, "\n");
		char line[CONFIG_LINE_BYTES], where[CONFIG_WHERE_BYTES];
		int r;

		(void)snprintf(where, sizeof(where), "%s:%u", name,
			       number); /* a long name may be cut */
		if (n >= sizeof(line))
			return FAIL(err, -EINVAL, "%s: line longer than %zu bytes", where,
				    sizeof(line) - 1);
		memcpy(line, at, n);
		line[n] = '\0';
		r = read_line(reader, line, where, err);
		if (r < 0)
			return r;
		at += n + (at[n] == '\n');
	}
	return 0;
}

int config_load(const struct config_table *table, const char *name, const char *text, void *target,
		struct error *err)
{
	struct reader reader = { .table = table, .target = target };
	int r;

	for (size_t i = 0; i < table->n_items; i++) {
		const struct config_item *item = &table->items[i];

		if (!item->fallback)
			continue;
		r = config_set(item, item->fallback, "default", target, err);
		if (r < 0)
			return r;
	}
	r = text ? read_text(&reader, name, text, err) : 0;
	if (r < 0)
		return r;
	for (size_t i = 0; i < table->n_items; i++) {
		const struct config_item *item = &table->items[i];
		const char *value = item->env ? getenv(item->env) : NULL;

		if (!value || *value == '\0')
			continue;
		r = config_set(item, value, item->env, target, err);
		if (r < 0)
			return r;
	}
	return 0;
}

void config_free(const struct config_table *table, void *target)
{
	for (size_t i = 0; i < table->n_items; i++) {
		if (table->items[i].type != CONFIG_STRING)
			continue;
		free(*(char **)field(&table->items[i], target));
		*(char **)field(&table->items[i], target) = NULL;
	}
}
