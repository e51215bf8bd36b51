/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l3-clawfs/seeds.h"

#include "base/cleanup.h"
#include "base/dir.h"
#include "l3-clawfs/path.h"

#include <fcntl.h>
#include <string.h>

static const char *const names[] = { "README.md", "MEMORY.md", "IDENTITY.md", "SOUL.md",
				     "AGENTS.md", "USER.md",   "HEARTBEAT.md" };

static int read_seed(int seeds_fd, const char *name, struct buf *text, struct error *err)
{
	int r = dir_read(seeds_fd, name, text);

	if (r < 0)
		return FAIL(err, r, "seed %s cannot be read: %s", name, strerror(-r));
	if (!path_is_text(buf_string(text), text->length))
		return FAIL(err, -EINVAL, "seed %s is not UTF-8 text", name);
	return 0;
}

static int plant(struct store *store, int seeds_fd, const char *name, int64_t owner,
		 uint64_t now_us, struct error *err)
{
	auto_buf struct buf text = BUF(store_quotas(store)->identity_bytes);
	struct write_result result = { 0 };
	int64_t version = 0;
	int r = document_version(store, name, owner, &version, err);

	if (r < 0 || version > 0)
		return r;
	r = read_seed(seeds_fd, name, &text, err);
	if (r < 0)
		return r;
	r = document_write(store,
			   &(struct document_write){ .path = name,
						     .owner = owner,
						     .text = buf_string(&text),
						     .length = text.length,
						     .labels = "[]",
						     .author = "seed",
						     .now_us = now_us },
			   &result, err);
	if (r >= 0 && result.outcome == WRITE_OVER_LIMIT)
		r = FAIL(err, -EDQUOT, "seed %s does not fit: %s is %llu", name, result.limit,
			 (unsigned long long)result.limit_value);
	document_fini(&result.document);
	return r;
}

int seeds_plant(struct store *store, const char *share_dir, int64_t owner, uint64_t now_us,
		struct error *err)
{
	auto_fd int share_fd = dir_open_configured(share_dir, O_PATH | O_DIRECTORY, 0);
	auto_fd int seeds_fd =
		share_fd < 0 ? share_fd : dir_open(share_fd, "seeds", O_PATH | O_DIRECTORY, 0);
	int r;

	if (seeds_fd < 0)
		return FAIL(err, seeds_fd, "%s/seeds: %s", share_dir, strerror(-seeds_fd));
	r = store_begin(store, err);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) && r >= 0; i++)
		r = plant(store, seeds_fd, names[i], owner, now_us, err);
	if (r >= 0)
		r = store_commit(store, err);
	if (r < 0)
		store_rollback(store);
	return r;
}
