/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * egress-ledger - what was spent at providers: today, by thread, by turn; kept on disk (L6).
 *
 * A call holds its bound before it leaves and is settled with what it cost. The hold is written
 * before it counts, so a process that dies in between finds it again and counts the bound.
 *
 * The day is UTC's. A clock that goes back does not give anything back: the day is renamed and
 * what was spent stays.
 *
 * Ownership  folder_fd is borrowed until egress_ledger_close(). Accounts belong to the ledger; one
 *            that a call holds stays where it is.
 * Units      Money in nanodollars.
 * Errors     -EINVAL "spending:LINE: …" for a file that is not ours; errno of the disk: what cannot
 *            be written does not count, and the call must not be made.
 * Source     spec/egress.md, "Budgets".
 * Tests      tests/unit/l6-agent/test-egress-budget.c.
 */
#pragma once

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

enum {
	EGRESS_ACCOUNTS_MAX =
		1024, /* of threads and of turns; the one not used longest is dropped */
};

struct egress_spent {
	uint64_t requests, tokens, nano;
};

struct egress_account {
	struct egress_spent spent, held; /* held: by calls under way */
	unsigned warned;                 /* bits: what the person was warned about */
	unsigned calls;                  /* under way */
	uint64_t touched;                /* rises with each use */
	uint64_t turn;                   /* of a thread: its last one */
	char *thread;                    /* NULL: of a turn, or of the day */
};

struct egress_ledger;

/* What one call holds. Zeroed: nothing. */
struct egress_hold {
	uint64_t id; /* 0: none */
	struct egress_spent bound;
	struct egress_account *thread, *turn; /* NULL: not named */
	struct egress_hold *next, *previous;  /* of the ledger */
};

/* Reads the file, or begins one. */
must_check int egress_ledger_open(int folder_fd, struct egress_ledger **ret, struct error *err);
void egress_ledger_close(struct egress_ledger *ledger);

/* Accounts of now; the thread's and the turn's are made. thread NULL, turn 0: none, *ret NULL. */
struct egress_account *egress_ledger_today(struct egress_ledger *ledger);
must_check int egress_ledger_thread(struct egress_ledger *ledger, const char *thread,
				    struct egress_account **ret);
must_check int egress_ledger_turn(struct egress_ledger *ledger, uint64_t turn,
				  struct egress_account **ret);

/* The account as it stands; NULL: nothing was spent there. thread NULL and turn 0: NULL. */
const struct egress_account *egress_ledger_find(const struct egress_ledger *ledger,
						const char *thread, uint64_t turn);

/* Seconds since 1970 at which the day ends. */
uint64_t egress_ledger_day_ends(const struct egress_ledger *ledger);

/* hold->bound, thread and turn are set; gets its id and stays where it is until it is settled. */
must_check int egress_ledger_hold(struct egress_ledger *ledger, struct egress_hold *hold,
				  struct error *err);

/* What it cost takes the place of what was held. On an error the bound counts. */
int egress_ledger_settle(struct egress_ledger *ledger, struct egress_hold *hold,
			 const struct egress_spent *spent);

/* Keeps account->warned. */
void egress_ledger_keep_warned(struct egress_ledger *ledger, const struct egress_account *account);

/* The sum, as large as it can be. */
struct egress_spent egress_spent_sum(const struct egress_spent *a, const struct egress_spent *b);
