/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * up-fallback - the keys of the providers that stand in for the configured one (L7).
 *
 * A provider's key comes from its own variable of the environment or from $STATE/NAME.key, and is
 * handed to claw-egressd as "provider-key-NAME". One with an address of its own in
 * provider.fallback gets none: the key was not meant for that address.
 *
 * Ownership  The keys belong to struct up_config and are wiped with it.
 * Errors     -EINVAL for a chain that is none; -EPERM for a file that others may read.
 * Source     spec/providers.md, "Fail-over".
 * Tests      tests/process/test-failover-system.py.
 */
#pragma once

#include "l7-shell/up-config.h"

/* Checks the chain and reads the keys; lookup is getenv, or a test's own. */
must_check int up_fallback_read(struct up_config *config, int state_fd,
				char *(*lookup)(const char *name), struct error *err);
