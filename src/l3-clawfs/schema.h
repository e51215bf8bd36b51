/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * schema - the numbered migrations of the store (L3). schema_steps[n] leads from version n to n
 * + 1.
 *
 * A step that was released is never changed; a change is a new step.
 *
 * Source     spec/clawfs-store.md, "Schema".
 */
#pragma once

#include <stddef.h>

enum { SCHEMA_APPLICATION_ID = 0x436c6177 }; /* "Claw" */

extern const char *const schema_steps[];
extern const size_t schema_version; /* the version this program reads and writes */
