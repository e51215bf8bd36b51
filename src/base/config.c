/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "base/config.h"

#include "base/ini.h"
#include "base/number.h"

#include <stdlib.h>
#include <string.h>

enum { CONFIG_KEYS_MAX = 128 };

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

struct reader {
	const struct config_table *table;
	void *target;
	bool foreign;
	bool seen[CONFIG_KEYS_MAX];
};

static int on_section(const char *section, const char *where, void *data, struct error *err)
{
	struct reader *reader = data;

	reader->foreign = is_others(reader->table, section);
	if (!reader->foreign && !has_section(reader->table, section))
		return FAIL(err, -EINVAL, "%s: unknown section [%.40s]", where, section);
	return 0;
}

static int on_pair(const char *section, const char *key, const char *value, unsigned line,
		   const char *where, void *data, struct error *err)
{
	struct reader *reader = data;
	const struct config_item *item;
	size_t index;

	(void)line;
	if (reader->foreign)
		return 0;
	item = find(reader->table, section, key);
	if (!item)
		return FAIL(err, -EINVAL, "%s: unknown key \"%s\" in [%s]", where, key, section);
	index = (size_t)(item - reader->table->items);
	if (index < CONFIG_KEYS_MAX && reader->seen[index])
		return FAIL(err, -EINVAL, "%s: %s is given twice", where, key);
	if (index < CONFIG_KEYS_MAX)
		reader->seen[index] = true;
	return config_set(item, value, where, reader->target, err);
}

static int read_text(struct reader *reader, const char *name, const char *text, struct error *err)
{
	const struct ini_acts acts = { on_section, on_pair, reader };

	return ini_read(name, text, &acts, err);
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
