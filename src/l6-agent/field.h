/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * field - fields of an object that another process sent: what is absent or of another type is
 * replaced (L6).
 *
 * Ownership  Strings are borrowed from the object.
 * Tests      tests/unit/l6-agent/test-field.c
 */
#pragma once

#include <stdbool.h>
#include <systemd/sd-json.h>

/* otherwise may be NULL. */
const char *field_text(sd_json_variant *object, const char *key, const char *otherwise);
/* A number that does not fit counts as absent. */
long long field_number(sd_json_variant *object, const char *key, long long otherwise);
bool field_flag(sd_json_variant *object, const char *key, bool otherwise);
