/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* egress-ledger-read - the file of what was spent, read at the start (L6). */
#include "base/buf.h"
#include "base/dir.h"
#include "l6-agent/egress-ledger-internal.h"
#include "l6-agent/egress-ledger-line.h"

#include <stdlib.h>
#include <string.h>

enum { HOLDS_MAX = 2048 }; /* left by a process that died; more than may be under way */

/* The holds of a former process, while its file is read. */
struct reading {
	struct egress_ledger *ledger;
	struct egress_hold *holds[HOLDS_MAX];
	size_t n_holds;
};

static int read_account(struct egress_ledger *ledger, const struct egress_ledger_line *line)
{
	struct egress_account *account = &ledger->today;
	int r = 0;

	if (line->kind == LEDGER_DAY)
		ledger->day = line->id;
	else if (line->kind == LEDGER_THREAD)
		r = egress_ledger_thread(ledger, line->thread, &account);
	else
		r = egress_ledger_turn(ledger, line->turn, &account);
	if (r < 0)
		return r;
	account->spent = line->spent;
	account->turn = line->turn;
	account->warned = (unsigned)line->warned;
	return 0;
}

static int read_hold(struct reading *reading, const struct egress_ledger_line *line)
{
	struct egress_hold *hold;
	int r;

	if (reading->n_holds == HOLDS_MAX || line->id == 0)
		return -EINVAL;
	hold = calloc(1, sizeof(*hold));
	if (!hold)
		return -ENOMEM;
	hold->id = line->id;
	hold->bound = line->spent;
	r = egress_ledger_thread(reading->ledger, line->thread, &hold->thread);
	if (r >= 0)
		r = egress_ledger_turn(reading->ledger, line->turn, &hold->turn);
	if (r < 0) {
		free(hold);
		return r;
	}
	reading->holds[reading->n_holds++] = hold;
	egress_ledger_begin_hold(reading->ledger, hold);
	return 0;
}

static void end_read(struct reading *reading, size_t at, const struct egress_spent *spent)
{
	struct egress_hold *hold = reading->holds[at];

	egress_ledger_end_hold(reading->ledger, hold, spent);
	free(hold);
	reading->holds[at] = reading->holds[--reading->n_holds];
}

static int read_done(struct reading *reading, const struct egress_ledger_line *line)
{
	for (size_t i = 0; i < reading->n_holds; i++)
		if (reading->holds[i]->id == line->id) {
			end_read(reading, i, &line->spent);
			return 0;
		}
	return -EINVAL;
}

static int read_line(struct reading *reading, char *text)
{
	struct egress_ledger_line line = { 0 };
	int r = egress_ledger_line_parse(text, &line);

	if (r < 0)
		return r;
	switch (line.kind) {
	case LEDGER_DAY:
	case LEDGER_THREAD:
	case LEDGER_TURN:
		return read_account(reading->ledger, &line);
	case LEDGER_HOLD:
		return read_hold(reading, &line);
	case LEDGER_DONE:
		return read_done(reading, &line);
	}
	return -EINVAL;
}

/* The last line may be cut off: it was not whole when the machine went down, and nobody was told
 * that it counts. */
static int read_text(struct reading *reading, char *text, struct error *err)
{
	unsigned number = 1;

	for (char *line = text, *end; (end = strchr(line, '\n')); line = end + 1, number++) {
		int r;

		*end = '\0';
		r = number == 1 ? (strcmp(line, EGRESS_LEDGER_FIRST_LINE) == 0 ? 0 : -EINVAL)
				: read_line(reading, line);
		if (r < 0)
			return FAIL(err, r, "%s:%u: this is no line of what was spent%s%s",
				    EGRESS_LEDGER_FILE, number, r == -EINVAL ? "" : ": ",
				    r == -EINVAL ? "; move the file away to begin anew"
						 : strerror(-r));
	}
	return number > 1 ? 0
			  : FAIL(err, -EINVAL, "%s:1: this is no file of what was spent",
				 EGRESS_LEDGER_FILE);
}

int egress_ledger_read(struct egress_ledger *ledger, struct error *err)
{
	auto_buf struct buf text = BUF(2 * EGRESS_LEDGER_BYTES_MAX);
	struct reading *reading;
	int r = dir_read(ledger->folder_fd, EGRESS_LEDGER_FILE, &text);

	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return FAIL(err, r, "%s: %s", EGRESS_LEDGER_FILE, strerror(-r));
	if (text.length == 0 || strlen(text.data) != text.length)
		return FAIL(err, -EINVAL, "%s: the file is empty, or holds a NUL",
			    EGRESS_LEDGER_FILE);
	reading = calloc(1, sizeof(*reading));
	if (!reading)
		return FAIL(err, -ENOMEM, "out of memory");
	reading->ledger = ledger;
	r = read_text(reading, text.data, err);
	while (reading->n_holds > 0) /* nobody knows any more what they cost */
		end_read(reading, 0, &reading->holds[0]->bound);
	free(reading);
	return r;
}
