/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * report - what the daemons answer about threads, turns and tools, as text or JSON
 * (L7).
 *
 * Shared by the verbs of the command line and the slash commands; args may be empty.
 */
#pragma once

#include "l7-shell/shell.h"

#include <stdint.h>
#include <systemd/sd-json.h>

/* Each asks and prints; args[0] of report_history() is the number of turns. */
int report_threads(struct shell *shell, const char *const args[], struct error *err);
int report_history(struct shell *shell, const char *const args[], struct error *err);
int report_tools(struct shell *shell, const char *const args[], struct error *err);

/* Writes a reply as one line of JSON. */
must_check int report_json(struct shell *shell, sd_json_variant *reply, struct error *err);

/* A cell of a table: foreign text, cut or padded to columns. */
void report_cell(struct screen *screen, unsigned style, const char *text, size_t columns);
/* Own text at the right edge of a cell. */
void report_right(struct screen *screen, unsigned style, const char *text, size_t columns);
/* How long ago: "3 min ago", at the right edge of a cell. */
void report_age(struct screen *screen, uint64_t then_us, size_t columns);
