/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * man-page - claw(1), from the tables of verbs, options and commands (L7).
 *
 * claw man prints it in man(7)'s language: claw man | man -l -
 *
 * Source     man(7), groff_man(7). Tests: tests/process/test-claw-completion.py.
 */
#pragma once

#include "base/error.h"

struct shell;

must_check int man_page_print(struct shell *shell, const char *const args[], struct error *err);
