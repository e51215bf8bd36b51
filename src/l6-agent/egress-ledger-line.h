/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * egress-ledger-line - a line of the file of what was spent (L6).
 *
 *   KIND ID REQUESTS TOKENS NANO WARNED TURN THREAD
 *
 * All of them in each line; what does not belong to the kind is 0, and THREAD, which may hold
 * blanks, is empty.
 *
 * Errors     -EINVAL for a line that is not exactly this.
 * Source     spec/egress.md, "Budgets".
 */
#pragma once

#include "base/buf.h"
#include "l6-agent/egress-ledger.h"

enum { EGRESS_LEDGER_LINE_MAX = 512 };

enum egress_ledger_kind {
	LEDGER_DAY,    /* id: days since 1970. This is what was spent up to here */
	LEDGER_THREAD, /* the same of a thread */
	LEDGER_TURN,   /* and of a turn */
	LEDGER_HOLD,   /* a call begins and may cost this */
	LEDGER_DONE,   /* it cost this */
};

struct egress_ledger_line {
	enum egress_ledger_kind kind;
	uint64_t id, warned, turn;
	struct egress_spent spent;
	const char *thread; /* NULL: none */
};

must_check int egress_ledger_line_write(struct buf *text, const struct egress_ledger_line *line);

/* text is changed, and borrowed by *ret. */
must_check int egress_ledger_line_parse(char *text, struct egress_ledger_line *ret);
