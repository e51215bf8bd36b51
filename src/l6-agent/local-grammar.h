/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * local-grammar - the GBNF that keeps every reply of a local model one well-formed call (L6).
 *
 * Made from the argument types in the tools' schemas: one alternative per tool, all beginning with
 * the same bytes; the model chooses the tool by its name.
 *
 * Errors     -ENOENT when the set names a tool that does not exist, -EINVAL for a schema it cannot
 *            express, -ENOMEM, -EMSGSIZE.
 * Source     spec/local-model.md section 2; llama.cpp grammars/README.md.
 */
#pragma once

#include "base/buf.h"
#include "base/error.h"
#include "l6-agent/local-toolset.h"

#include <stdint.h>

/* offered: bit i for tool i of the set; without any, only the answer is left. */
must_check int local_grammar_add(const struct local_toolset *set, uint32_t offered,
				 struct buf *grammar, struct error *err);
