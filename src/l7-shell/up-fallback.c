/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l7-shell/up-fallback.h"

#include "base/cleanup.h"
#include "base/dir.h"
#include "l6-agent/provider-chain.h"

#include <assert.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { KEY_BYTES_MAX = 4096, PATH_BYTES = 128 };

static_assert((int)UP_FALLBACK_MAX == (int)PROVIDER_CHAIN_MAX - 1, "a place for each key");

static int read_file(const char *name, int state_fd, char **ret, struct error *err)
{
	struct buf text = BUF(KEY_BYTES_MAX);
	char path[PATH_BYTES];
	auto_fd int fd = -1;
	struct stat st;
	int r;

	(void)snprintf(path, sizeof(path), "%s.key", name); /* names are short */
	fd = dir_open_nolink(state_fd, path, O_RDONLY, 0);
	if (fd == -ENOENT)
		return 0; /* a server of one's own needs none; another one says so itself */
	if (fd < 0 || fstat(fd, &st) < 0)
		return FAIL(err, fd < 0 ? fd : -errno, "%s: %s", path,
			    strerror(fd < 0 ? -fd : errno));
	if (st.st_mode & (S_IRWXG | S_IRWXO))
		return FAIL(err, -EPERM, "%s may be read by others: chmod 600 it", path);
	r = dir_read_fd(fd, &text);
	if (r < 0) {
		buf_free(&text);
		return FAIL(err, r, "%s: %s", path, strerror(-r));
	}
	if (text.length > 0)
		buf_truncate(&text, strcspn(text.data, "\r\n"));
	*ret = buf_take(&text);
	return 0;
}

static int read_key(struct up_config *config, const struct provider_row *row, int state_fd,
		    char *(*lookup)(const char *name), struct error *err)
{
	struct up_fallback *fallback = &config->fallbacks[config->n_fallbacks];
	const char *value = row->key_variable ? lookup(row->key_variable) : NULL;
	int r = 0;

	*fallback = (struct up_fallback){ .name = row->name };
	if (value && *value) {
		fallback->key = strdup(value);
		r = fallback->key ? 0 : FAIL(err, -ENOMEM, "out of memory");
	} else {
		r = read_file(row->name, state_fd, &fallback->key, err);
	}
	config->n_fallbacks += fallback->key != NULL;
	return r;
}

/* The strings are borrowed: the chain's first is not written to. */
static int first_of(const struct up_config *config, char *fallback, struct provider_config *ret)
{
	const char *backend = up_config_get(config, "provider", "backend");

	*ret = (struct provider_config){ .fallback = fallback };
	for (unsigned i = 0; i < provider_count; i++)
		if (strcmp(provider_table[i].name, backend) == 0) {
			ret->backend = i;
			return 0;
		}
	return -EINVAL;
}

int up_fallback_read(struct up_config *config, int state_fd, char *(*lookup)(const char *name),
		     struct error *err)
{
	CLEANUP(provider_chain_free) struct provider_chain chain = { 0 };
	const char *text = up_config_get(config, "provider", "fallback");
	auto_free char *copy = text ? strdup(text) : NULL;
	struct provider_config first;
	int r;

	if (!text)
		return 0; /* claw-egressd judges the rest of the section */
	if (!copy)
		return FAIL(err, -ENOMEM, "out of memory");
	if (first_of(config, copy, &first) < 0)
		return FAIL(err, -EINVAL, "the backend is no provider");
	r = provider_chain_open(&first, &chain, err);
	for (unsigned i = 1; r >= 0 && i < chain.n; i++)
		if (!chain.list[i].base_url)
			r = read_key(config, provider_row(&chain.list[i]), state_fd, lookup, err);
	return r;
}
