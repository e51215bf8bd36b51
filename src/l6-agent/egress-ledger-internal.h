/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* egress-ledger-internal - the ledger as its two files see it (L6). */
#pragma once

#include "l6-agent/egress-ledger.h"

#include <stddef.h>

#define EGRESS_LEDGER_FILE "spending"
#define EGRESS_LEDGER_FIRST_LINE "clawos-spending 1"

enum { EGRESS_LEDGER_BYTES_MAX = 1024 * 1024 }; /* all accounts, and what is held */

struct accounts {
	struct egress_account **list;
	size_t n, capacity;
};

struct egress_ledger {
	int folder_fd, fd;
	uint64_t size, base_size;
	uint64_t day; /* since 1970 */
	struct egress_account today;
	struct accounts threads, turns;
	struct egress_hold *holds; /* under way */
	uint64_t last_id, touched;
};

/* In memory: the accounts hold it, and until when. */
void egress_ledger_begin_hold(struct egress_ledger *ledger, struct egress_hold *hold);
/* What it cost takes its place; hold->id becomes 0. */
void egress_ledger_end_hold(struct egress_ledger *ledger, struct egress_hold *hold,
			    const struct egress_spent *spent);

/* Writes the file anew. */
must_check int egress_ledger_save(struct egress_ledger *ledger);

/* Takes what the file says; what calls of a former process held counts as spent. */
must_check int egress_ledger_read(struct egress_ledger *ledger, struct error *err);
