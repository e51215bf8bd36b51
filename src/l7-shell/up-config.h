/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * up-config - $STATE/clawos.conf and the environment's LLM_* names, merged and dealt out by section
 * (L7).
 *
 * The supervisor knows sections and environment names; each daemon checks its own keys against its
 * own table and refuses to start on an unknown one. The environment chooses models and addresses;
 * no name in it loosens a security rule. A key, headers and an address belong together: those of
 * the file are left out when the environment names another provider or address, and a provider's
 * own names when LLM_BASE_URL comes without LLM_BACKEND and is not the file's address.
 *
 * Errors  -EINVAL "clawos.conf:LINE: reason"; -EMSGSIZE over UP_CONFIG_MAX bytes or rows.
 * Source  spec/tables/environment (names).
 */
#pragma once

#include "base/buf.h"
#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

enum { UP_CONFIG_MAX = 64 * 1024, UP_CONFIG_ROWS_MAX = 256, UP_FALLBACK_MAX = 4 };

struct up_config_row {
	char *section, *key, *value;
	unsigned line; /* 0: from the environment or derived */
};

/* A provider that stands in, with its key. */
struct up_fallback {
	const char *name; /* static */
	char *key;
};

struct up_config {
	struct up_config_row rows[UP_CONFIG_ROWS_MAX];
	unsigned n_rows;
	bool from_environment;                         /* at least one value came from there */
	struct up_fallback fallbacks[UP_FALLBACK_MAX]; /* those that have a key */
	unsigned n_fallbacks;
	char *provider_key; /* LLM_API_KEY and its kin; NULL. Wiped by up_config_free */
};

/* text may be NULL. lookup is getenv, or a test's own. */
must_check int up_config_load(const char *text, char *(*lookup)(const char *name),
			      struct up_config *ret, struct error *err);
/* The key goes out of the environment that the kernel shows of this process: it has been read. */
void up_config_wipe_environment(void);
void up_config_free(struct up_config *config);

/* The value of a key, NULL when it is not set. Borrowed. */
const char *up_config_get(const struct up_config *config, const char *section, const char *key);

/*
 * Writes the given sections (NULL-terminated) in file form. provider.key_file is left out, and
 * provider.extra_headers, which may hold credentials too, unless the daemon is the one that sends.
 */
must_check int up_config_deal(const struct up_config *config, const char *const sections[],
			      bool sends, struct buf *ret);

/* A fingerprint of everything, the key included (FNV-1a; to notice a change, not for security). */
uint64_t up_config_fingerprint(const struct up_config *config);
uint64_t up_fingerprint(uint64_t seed, const char *text);
