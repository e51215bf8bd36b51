/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* What decides whether a running system is the one that is asked for (L7). */
#include "base/cleanup.h"
#include "base/dir.h"
#include "l7-shell/up-fallback.h"
#include "l7-shell/up-internal.h"
#include "l7-shell/up-provider.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { KEY_MAX = 4096 };

/* A base made anew at the same place is another: the daemons hold on to the one they started in. */
static int add_base(const char *base, uint64_t *hash, struct error *err)
{
	auto_fd int base_fd = dir_open_configured(base, O_PATH | O_DIRECTORY, 0);
	struct stat st;
	char text[128];

	if (base_fd < 0 || fstatat(base_fd, "usr", &st, 0) < 0)
		return FAIL(err, base_fd < 0 ? base_fd : -errno,
			    "the base %s is gone: ./clawos run makes it again", base);
	(void)snprintf(text, sizeof(text), "%ju %ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
	*hash = up_fingerprint(*hash, text);
	return 0;
}

static int programs(const struct up_paths *paths, uint64_t *ret, struct error *err)
{
	const char *model = paths->model ? paths->model : "";
	uint64_t hash =
		up_fingerprint(up_fingerprint(up_fingerprint(0, paths->base), paths->share), model);
	auto_fd int bin_fd = dir_open_configured(paths->bin, O_RDONLY | O_DIRECTORY, 0);

	if (bin_fd < 0)
		return FAIL(err, bin_fd, "%s: %s", paths->bin, strerror(-bin_fd));
	for (size_t i = 0; i < up_rows_count; i++) {
		struct stat st;
		char text[128];

		if (fstatat(bin_fd, up_rows[i].name, &st, 0) < 0)
			continue; /* a daemon that was not built is named when it is to be started
				   */
		(void)snprintf(text, sizeof(text), "%s %ju %ju %jd.%09ld", up_rows[i].name,
			       (uintmax_t)st.st_ino, (uintmax_t)st.st_size,
			       (intmax_t)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
		hash = up_fingerprint(hash, text);
	}
	*ret = hash;
	return add_base(paths->base, ret, err);
}

/* The key file is the person's: a file others may read is refused, not used. */
static int read_key_file(struct up_config *config, int state_fd, struct error *err)
{
	const char *path = up_config_get(config, "provider", "key_file");
	struct buf text = BUF(KEY_MAX);
	auto_fd int fd = -1;
	struct stat st;
	int r;

	if (!path || config->provider_key)
		return 0;
	fd = *path == '/' ? dir_open_configured(path, O_RDONLY, 0)
			  : dir_open(state_fd, path, O_RDONLY, 0);
	if (fd < 0)
		return FAIL(err, fd, "provider.key_file %s: %s", path, strerror(-fd));
	if (fstat(fd, &st) < 0)
		return FAIL(err, -errno, "provider.key_file %s: %m", path);
	if (st.st_mode & (S_IRWXG | S_IRWXO))
		return FAIL(err, -EPERM, "provider.key_file %s may be read by others: chmod 600 it",
			    path);
	r = dir_read_fd(fd, &text);
	if (r < 0) {
		buf_free(&text);
		return FAIL(err, r, "provider.key_file %s: %s", path, strerror(-r));
	}
	if (text.length > 0)
		buf_truncate(&text, strcspn(text.data, "\r\n"));
	config->provider_key = buf_take(&text);
	return 0;
}

int up_identity(const struct up_paths *paths, int state_fd, struct up_config *ret_config,
		char ret[static 64], struct error *err)
{
	auto_buf struct buf text = BUF(UP_CONFIG_MAX);
	uint64_t hash = 0;
	int r = dir_read(state_fd, "clawos.conf", &text);

	if (r < 0 && r != -ENOENT)
		return FAIL(err, r, "%s/clawos.conf: %s", paths->state, strerror(-r));
	r = programs(paths, &hash, err);
	if (r < 0)
		return r;
	r = up_config_load(buf_string(&text), getenv, ret_config, err);
	if (r < 0)
		return r;
	r = up_provider_check(ret_config, err);
	if (r == 0)
		r = read_key_file(ret_config, state_fd, err);
	if (r == 0)
		r = up_fallback_read(ret_config, state_fd, getenv, err);
	if (r < 0) {
		up_config_free(ret_config);
		return r;
	}
	(void)snprintf(ret, 64, "%016" PRIx64 ":%016" PRIx64 ":%016" PRIx64,
		       up_fingerprint(0, buf_string(&text)), up_config_fingerprint(ret_config),
		       hash);
	return 0;
}
