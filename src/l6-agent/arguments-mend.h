/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * arguments-mend - arguments of a call that are no JSON as they came, but can mean one thing only
 * (L6).
 *
 * "{}" in front of the real object, the same object twice, a code fence around it, single quotes,
 * line feeds inside strings and what else printed values hold. What ends too early stays as it is.
 *
 * Errors     -ENOMEM.
 * Tests      tests/data/printed-calls.jsonl
 */
#pragma once

#include "base/error.h"

/* *arguments is on the heap and may be replaced. */
must_check int arguments_mend(char **arguments);
