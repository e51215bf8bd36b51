/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * config-verbs - claw config show, check, import FILE (L7).
 *
 * import takes an .env file by its path (never one that happens to lie about), puts what it
 * understands into $STATE/clawos.conf and the provider's key into $STATE/provider.key (both 0600),
 * and lists the rest. It understands the names of spec/tables/environment; none of them loosens a
 * security rule.
 */
#pragma once

#include "l7-shell/shell.h"

/* args[0] names what is done; the result is an exit status or -errno. */
/* args[0] is an .env file: what is understood of it goes into clawos.conf and provider.key. */
int config_import(struct shell *shell, const char *const args[], struct error *err);
int config_verb(struct shell *shell, const char *const args[], struct error *err);
