/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * status-report - the system, its daemons and the model that answers, for a person (L7).
 *
 * Programs take --json, which keeps its form (spec/shell-json.md).
 */
#pragma once

#include "base/buf.h"
#include "l7-shell/flow.h"
#include "l7-shell/shell.h"

#include <systemd/sd-json.h>

int status_report(struct shell *shell, const char *const args[], struct error *err);

/*
 * What answers, in words a person knows, of the agent's status: name and where it runs, e.g.
 * "Qwen2.5-Coder 1.5B" and "local model". Foreign text, to be shown sanitised.
 */
must_check int status_model(const struct shell *shell, sd_json_variant *status,
			    struct buf *ret_name, const char **ret_where);

/* The same as a part of a line: "Qwen2.5-Coder 1.5B (local model)". */
void status_tell_model(struct shell *shell, sd_json_variant *status, struct flow *flow);
