/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l7-shell/up-config.h"

#include "base/ini.h"

#include <stdlib.h>
#include <string.h>

static const char *const sections[] = { "agent", "provider", "egress",  "budget",
					"llm",   "fs",       "sandbox", NULL };

static const struct {
	const char *name, *section, *key, *backend;
} environment[] = {
#include "environment.inc"
};

static bool is_section(const char *name)
{
	for (size_t i = 0; sections[i]; i++)
		if (strcmp(sections[i], name) == 0)
			return true;
	return false;
}

static struct up_config_row *find(struct up_config *config, const char *section, const char *key)
{
	for (unsigned i = 0; i < config->n_rows; i++)
		if (strcmp(config->rows[i].section, section) == 0 &&
		    strcmp(config->rows[i].key, key) == 0)
			return &config->rows[i];
	return NULL;
}

const char *up_config_get(const struct up_config *config, const char *section, const char *key)
{
	for (unsigned i = 0; i < config->n_rows; i++)
		if (strcmp(config->rows[i].section, section) == 0 &&
		    strcmp(config->rows[i].key, key) == 0)
			return config->rows[i].value;
	return NULL;
}

static int set(struct up_config *config, const char *section, const char *key, const char *value,
	       unsigned line)
{
	struct up_config_row *row = find(config, section, key);
	char *copy = strdup(value);

	if (!copy)
		return -ENOMEM;
	if (row) {
		free(row->value);
		row->value = copy;
		row->line = line;
		return 0;
	}
	if (config->n_rows == UP_CONFIG_ROWS_MAX) {
		free(copy);
		return -EMSGSIZE;
	}
	row = &config->rows[config->n_rows];
	*row = (struct up_config_row){ strdup(section), strdup(key), copy, line };
	config->n_rows++;
	return row->section && row->key ? 0 : -ENOMEM;
}

static int on_section(const char *section, const char *where, void *data, struct error *err)
{
	(void)data;
	return is_section(section)
		       ? 0
		       : FAIL(err, -EINVAL, "%s: unknown section [%.40s]", where, section);
}

static int on_pair(const char *section, const char *key, const char *value, unsigned line,
		   const char *where, void *data, struct error *err)
{
	int r;

	if (find(data, section, key))
		return FAIL(err, -EINVAL, "%s: %.60s is given twice", where, key);
	r = set(data, section, key, value, line);
	return r < 0 ? FAIL(err, r, "%s: too many rows or no memory", where) : 0;
}

static int read_file(struct up_config *config, const char *text, struct error *err)
{
	const struct ini_acts acts = { on_section, on_pair, config };

	return ini_read("clawos.conf", text, &acts, err);
}

static int set_key(struct up_config *config, const char *value)
{
	char *copy = strdup(value);

	if (!copy)
		return -ENOMEM;
	if (config->provider_key)
		explicit_bzero(config->provider_key, strlen(config->provider_key));
	free(config->provider_key);
	config->provider_key = copy;
	return 0;
}

/* What is in force when nothing says otherwise: a base URL alone means an OpenAI-compatible server,
 * nothing at all the local model. */
static const char *derived_backend(const struct up_config *config)
{
	const char *backend = up_config_get(config, "provider", "backend");

	if (backend)
		return backend;
	return up_config_get(config, "provider", "base_url") ? "openai_compatible" : "local";
}

static void forget(struct up_config *config, const char *section, const char *key)
{
	struct up_config_row *row = find(config, section, key);

	if (!row)
		return;
	free(row->section);
	free(row->key);
	free(row->value);
	*row = config->rows[--config->n_rows];
}

static bool differs(const char *value, const char *other)
{
	return value && *value && (!other || strcmp(value, other) != 0);
}

/*
 * What the file says of its provider is meant for that one: when the environment names another
 * provider or another address, the file's key and headers are not sent there, and the other's key
 * not to the file's address. Returns whether it is known whose the address is.
 */
static bool keep_apart(struct up_config *config, char *(*lookup)(const char *name))
{
	const char *backend = lookup("LLM_BACKEND");
	const char *address = up_config_get(config, "provider", "base_url");
	bool other = differs(backend, derived_backend(config));
	bool elsewhere = differs(lookup("LLM_BASE_URL"), address);

	if (!address && !up_config_get(config, "provider", "backend"))
		return true;
	if (other || elsewhere) {
		forget(config, "provider", "key_file");
		forget(config, "provider", "extra_headers");
	}
	if (other) {
		forget(config, "provider", "base_url");
		forget(config, "provider", "model");
	}
	return !elsewhere || (backend && *backend);
}

static int read_environment(struct up_config *config, const char *backend,
			    char *(*lookup)(const char *name), struct error *err)
{
	for (size_t i = 0; i < sizeof(environment) / sizeof(environment[0]); i++) {
		const char *value = lookup(environment[i].name);
		bool wanted = backend ? environment[i].backend &&
						strcmp(environment[i].backend, backend) == 0
				      : environment[i].backend == NULL;
		int r;

		if (!wanted || !value || *value == '\0')
			continue;
		if (value[strcspn(value, "\r\n")] != '\0')
			return FAIL(err, -EINVAL, "%s holds a line break", environment[i].name);
		if (strcmp(environment[i].section, "KEY") == 0)
			r = set_key(config, value);
		else
			r = set(config, environment[i].section, environment[i].key, value, 0);
		if (r < 0)
			return FAIL(err, r, "%s: too many rows or no memory", environment[i].name);
		config->from_environment = true;
	}
	return 0;
}

static int derive(struct up_config *config, struct error *err)
{
	if (!up_config_get(config, "provider", "backend") &&
	    set(config, "provider", "backend", derived_backend(config), 0) < 0)
		return FAIL(err, -ENOMEM, "out of memory");
	return 0;
}

int up_config_load(const char *text, char *(*lookup)(const char *name), struct up_config *ret,
		   struct error *err)
{
	bool is_known = true;
	int r;

	*ret = (struct up_config){ 0 };
	r = text ? read_file(ret, text, err) : 0;
	if (r == 0)
		is_known = keep_apart(ret, lookup);
	if (r == 0)
		r = read_environment(ret, NULL, lookup, err);
	if (r == 0)
		r = derive(ret, err);
	if (r == 0 && is_known)
		r = read_environment(ret, up_config_get(ret, "provider", "backend"), lookup, err);
	if (r < 0)
		up_config_free(ret);
	return r;
}

void up_config_wipe_environment(void)
{
	for (size_t i = 0; i < sizeof(environment) / sizeof(environment[0]); i++) {
		char *value = getenv(environment[i].name);

		if (value && strcmp(environment[i].section, "KEY") == 0)
			explicit_bzero(value, strlen(value));
	}
}

void up_config_free(struct up_config *config)
{
	for (unsigned i = 0; i < config->n_rows; i++) {
		free(config->rows[i].section);
		free(config->rows[i].key);
		free(config->rows[i].value);
	}
	if (config->provider_key)
		explicit_bzero(config->provider_key, strlen(config->provider_key));
	free(config->provider_key);
	for (unsigned i = 0; i < config->n_fallbacks; i++) {
		explicit_bzero(config->fallbacks[i].key, strlen(config->fallbacks[i].key));
		free(config->fallbacks[i].key);
	}
	*config = (struct up_config){ 0 };
}

static bool is_withheld(const char *key, bool sends)
{
	return strcmp(key, "key_file") == 0 || (!sends && strcmp(key, "extra_headers") == 0);
}

int up_config_deal(const struct up_config *config, const char *const wanted[], bool sends,
		   struct buf *ret)
{
	for (size_t s = 0; wanted[s]; s++) {
		int r = buf_printf(ret, "[%s]\n", wanted[s]);

		for (unsigned i = 0; i < config->n_rows && r >= 0; i++) {
			const struct up_config_row *row = &config->rows[i];

			if (strcmp(row->section, wanted[s]) != 0 || is_withheld(row->key, sends))
				continue;
			r = buf_printf(ret, "%s = %s\n", row->key, row->value);
		}
		if (r < 0)
			return r;
	}
	return 0;
}

uint64_t up_fingerprint(uint64_t seed, const char *text)
{
	uint64_t hash = seed ^ UINT64_C(14695981039346656037);

	for (; *text; text++)
		hash = (hash ^ (unsigned char)*text) * UINT64_C(1099511628211);
	return (hash ^ 0xff) * UINT64_C(1099511628211); /* so that "ab","c" is not "a","bc" */
}

uint64_t up_config_fingerprint(const struct up_config *config)
{
	uint64_t hash = 0;

	for (unsigned i = 0; i < config->n_rows; i++) {
		hash = up_fingerprint(hash, config->rows[i].section);
		hash = up_fingerprint(hash, config->rows[i].key);
		hash = up_fingerprint(hash, config->rows[i].value);
	}
	for (unsigned i = 0; i < config->n_fallbacks; i++) {
		hash = up_fingerprint(hash, config->fallbacks[i].name);
		hash = up_fingerprint(hash, config->fallbacks[i].key);
	}
	return config->provider_key ? up_fingerprint(hash, config->provider_key) : hash;
}
