/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "base/daemon-options.h"

#include "base/cleanup.h"
#include "base/dir.h"
#include "base/number.h"

#include <assert.h>
#include <fcntl.h>
#include <string.h>

enum { CONF_BYTES_MAX = 256 * 1024 };

static const char **text_target(const struct daemon_option *more, size_t n_more,
				struct daemon_options *options, const char *name)
{
	const struct daemon_option common[] = {
		{ "conf", &options->conf },
		{ "state", &options->state },
		{ "run", &options->run },
		{ "share", &options->share },
	};

	for (size_t i = 0; i < sizeof(common) / sizeof(common[0]); i++)
		if (strcmp(common[i].name, name) == 0)
			return common[i].target;
	for (size_t i = 0; i < n_more; i++)
		if (strcmp(more[i].name, name) == 0)
			return more[i].target;
	return NULL;
}

static int set_uid(const char *name, const char *value, uid_t *target, struct error *err)
{
	uint64_t uid;

	if (number_parse_u64(value, 0, UINT32_MAX - 1, &uid) < 0)
		return FAIL(err, -EINVAL, "--%s \"%s\" is no uid", name, value);
	*target = (uid_t)uid;
	return 0;
}

int daemon_options_parse(char *const argv[], const struct daemon_option *more, size_t n_more,
			 struct daemon_options *options, struct error *err)
{
	assert(options);
	for (size_t i = 1; argv[i]; i += 2) {
		const char *name = strncmp(argv[i], "--", 2) == 0 ? argv[i] + 2 : "",
			   *value = argv[i + 1];
		const char **target = text_target(more, n_more, options, name);
		bool is_owner = strcmp(name, "owner") == 0, is_agent = strcmp(name, "agent") == 0;
		int r = 0;

		if (!target && !is_owner && !is_agent)
			return FAIL(err, -EINVAL, "\"%s\" is no option", argv[i]);
		if (!value)
			return FAIL(err, -EINVAL, "%s needs a value", argv[i]);
		if (target)
			*target = value;
		else
			r = set_uid(name, value, is_owner ? &options->owner : &options->agent, err);
		if (r < 0)
			return r;
	}
	if (options->owner == options->agent)
		return FAIL(err, -EINVAL, "the person and the agent need different uids");
	return 0;
}

int daemon_config_load(const struct config_table *table, const char *path, void *target,
		       struct error *err)
{
	auto_buf struct buf text = BUF(CONF_BYTES_MAX);
	auto_fd int fd = dir_open_configured(path, O_RDONLY, 0);
	int r = fd == -ENOENT ? 0 : fd < 0 ? fd : dir_read_fd(fd, &text);

	if (r < 0)
		return FAIL(err, r, "%s: %s", path, strerror(-r));
	return config_load(table, path, buf_string(&text), target, err);
}
