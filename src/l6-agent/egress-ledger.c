/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l6-agent/egress-ledger.h"

#include "base/array.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/dir.h"
#include "l6-agent/egress-ledger-internal.h"
#include "l6-agent/egress-ledger-line.h"

#include <assert.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	GROWTH_BYTES_MAX = 256 * 1024,
	FILE_MODE = 0600,
	DAY_SECONDS = 86400,
};

static uint64_t add(uint64_t a, uint64_t b)
{
	return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

static uint64_t less(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

struct egress_spent egress_spent_sum(const struct egress_spent *a, const struct egress_spent *b)
{
	return (struct egress_spent){ add(a->requests, b->requests), add(a->tokens, b->tokens),
				      add(a->nano, b->nano) };
}

static void take_off(struct egress_spent *from, const struct egress_spent *what)
{
	from->requests = less(from->requests, what->requests);
	from->tokens = less(from->tokens, what->tokens);
	from->nano = less(from->nano, what->nano);
}

static void free_account(struct egress_account *account)
{
	free(account->thread);
	free(account);
}

static void free_accounts(struct accounts *accounts)
{
	for (size_t i = 0; i < accounts->n; i++)
		free_account(accounts->list[i]);
	free(accounts->list);
}

void egress_ledger_close(struct egress_ledger *ledger)
{
	if (!ledger)
		return;
	close_fd(&ledger->fd);
	free_accounts(&ledger->threads);
	free_accounts(&ledger->turns);
	free(ledger);
}

static struct egress_account *find(const struct accounts *accounts, const char *thread,
				   uint64_t turn)
{
	for (size_t i = 0; i < accounts->n; i++) {
		struct egress_account *account = accounts->list[i];

		if (thread ? strcmp(account->thread, thread) == 0 : account->turn == turn)
			return account;
	}
	return NULL;
}

/* The one that was not used for longest and that no call holds. */
static void drop_oldest(struct accounts *accounts)
{
	size_t oldest = accounts->n;

	for (size_t i = 0; i < accounts->n; i++)
		if (accounts->list[i]->calls == 0 &&
		    (oldest == accounts->n ||
		     accounts->list[i]->touched < accounts->list[oldest]->touched))
			oldest = i;
	if (oldest == accounts->n)
		return;
	free_account(accounts->list[oldest]);
	accounts->list[oldest] = accounts->list[--accounts->n];
}

static int account_of(struct egress_ledger *ledger, struct accounts *accounts, const char *thread,
		      uint64_t turn, struct egress_account **ret)
{
	struct egress_account *account = find(accounts, thread, turn);
	int r;

	if (!account) {
		if (accounts->n == EGRESS_ACCOUNTS_MAX)
			drop_oldest(accounts);
		r = ARRAY_ROOM(accounts->list, accounts->n, accounts->capacity,
			       EGRESS_ACCOUNTS_MAX);
		account = r < 0 ? NULL : calloc(1, sizeof(*account));
		if (!account)
			return r < 0 ? r : -ENOMEM;
		account->turn = turn;
		account->thread = thread ? strdup(thread) : NULL;
		if (thread && !account->thread) {
			free(account);
			return -ENOMEM;
		}
		accounts->list[accounts->n++] = account;
	}
	account->touched = ++ledger->touched;
	*ret = account;
	return 0;
}

int egress_ledger_thread(struct egress_ledger *ledger, const char *thread,
			 struct egress_account **ret)
{
	*ret = NULL;
	return thread ? account_of(ledger, &ledger->threads, thread, 0, ret) : 0;
}

int egress_ledger_turn(struct egress_ledger *ledger, uint64_t turn, struct egress_account **ret)
{
	*ret = NULL;
	return turn > 0 ? account_of(ledger, &ledger->turns, NULL, turn, ret) : 0;
}

const struct egress_account *egress_ledger_find(const struct egress_ledger *ledger,
						const char *thread, uint64_t turn)
{
	if (!thread && turn == 0)
		return NULL;
	return find(thread ? &ledger->threads : &ledger->turns, thread, turn);
}

static int write_account(struct buf *text, enum egress_ledger_kind kind, uint64_t id,
			 const struct egress_account *account)
{
	const struct egress_ledger_line line = {
		kind, id, account->warned, account->turn, account->spent, account->thread
	};

	return egress_ledger_line_write(text, &line);
}

static int write_accounts(const struct accounts *accounts, enum egress_ledger_kind kind,
			  struct buf *text)
{
	int r = 0;

	for (size_t i = 0; i < accounts->n && r >= 0; i++)
		r = write_account(text, kind, 0, accounts->list[i]);
	return r;
}

static int write_hold(struct buf *text, const struct egress_hold *hold)
{
	const struct egress_ledger_line line = {
		.kind = LEDGER_HOLD,
		.id = hold->id,
		.turn = hold->turn ? hold->turn->turn : 0,
		.spent = hold->bound,
		.thread = hold->thread ? hold->thread->thread : NULL,
	};

	return egress_ledger_line_write(text, &line);
}

static int write_whole(const struct egress_ledger *ledger, struct buf *text)
{
	int r = buf_printf(text, "%s\n", EGRESS_LEDGER_FIRST_LINE);

	if (r >= 0)
		r = write_account(text, LEDGER_DAY, ledger->day, &ledger->today);
	if (r >= 0)
		r = write_accounts(&ledger->threads, LEDGER_THREAD, text);
	if (r >= 0)
		r = write_accounts(&ledger->turns, LEDGER_TURN, text);
	for (const struct egress_hold *hold = ledger->holds; hold && r >= 0; hold = hold->next)
		r = write_hold(text, hold);
	return r;
}

static int open_file(struct egress_ledger *ledger)
{
	off_t end;

	close_fd(&ledger->fd);
	ledger->fd = dir_open_nolink(ledger->folder_fd, EGRESS_LEDGER_FILE, O_WRONLY | O_APPEND, 0);
	end = ledger->fd < 0 ? -1 : lseek(ledger->fd, 0, SEEK_END);
	if (end < 0)
		return ledger->fd < 0 ? ledger->fd : -errno;
	ledger->size = ledger->base_size = (uint64_t)end;
	return 0;
}

int egress_ledger_save(struct egress_ledger *ledger)
{
	auto_buf struct buf text = BUF(EGRESS_LEDGER_BYTES_MAX);
	int r = write_whole(ledger, &text);

	if (r >= 0)
		r = dir_replace(ledger->folder_fd, EGRESS_LEDGER_FILE, buf_string(&text),
				text.length, FILE_MODE);
	return r < 0 ? r : open_file(ledger);
}

/* It is written anew before the next line. */
static void forget_file(struct egress_ledger *ledger)
{
	close_fd(&ledger->fd);
	ledger->fd = -1;
}

/* A line, whole or not at all. */
static int append(struct egress_ledger *ledger, const struct buf *line)
{
	int r = ledger->fd < 0 || ledger->size - ledger->base_size > GROWTH_BYTES_MAX
			? egress_ledger_save(ledger)
			: 0;

	if (r >= 0)
		r = dir_write_all(ledger->fd, line->data, line->length);
	if (r >= 0)
		ledger->size += line->length;
	else if (ledger->fd >= 0 && ftruncate(ledger->fd, (off_t)ledger->size) < 0)
		forget_file(ledger);
	return r;
}

static uint64_t day_now(void)
{
	return clock_realtime_us() / CLOCK_SECOND_US / DAY_SECONDS;
}

/* A later day begins with nothing; an earlier one is the same day under its right name. */
static void roll(struct egress_ledger *ledger)
{
	uint64_t day = day_now();

	if (day == ledger->day)
		return;
	if (day > ledger->day) {
		ledger->today.spent = (struct egress_spent){ 0 };
		ledger->today.warned = 0;
	}
	ledger->day = day;
	if (egress_ledger_save(ledger) < 0)
		forget_file(ledger);
}

struct egress_account *egress_ledger_today(struct egress_ledger *ledger)
{
	roll(ledger);
	return &ledger->today;
}

uint64_t egress_ledger_day_ends(const struct egress_ledger *ledger)
{
	return (ledger->day + 1) * DAY_SECONDS;
}

static void hold_one(struct egress_account *account, const struct egress_spent *bound)
{
	if (!account)
		return;
	account->held = egress_spent_sum(&account->held, bound);
	account->calls++;
}

static void settle_one(struct egress_account *account, const struct egress_spent *bound,
		       const struct egress_spent *spent)
{
	if (!account)
		return;
	take_off(&account->held, bound);
	account->spent = egress_spent_sum(&account->spent, spent);
	account->calls--;
}

void egress_ledger_begin_hold(struct egress_ledger *ledger, struct egress_hold *hold)
{
	hold->previous = NULL;
	hold->next = ledger->holds;
	if (hold->next)
		hold->next->previous = hold;
	ledger->holds = hold;
	if (hold->thread && hold->turn)
		hold->thread->turn = hold->turn->turn;
	hold_one(&ledger->today, &hold->bound);
	hold_one(hold->thread, &hold->bound);
	hold_one(hold->turn, &hold->bound);
}

void egress_ledger_end_hold(struct egress_ledger *ledger, struct egress_hold *hold,
			    const struct egress_spent *spent)
{
	if (hold->previous)
		hold->previous->next = hold->next;
	else
		ledger->holds = hold->next;
	if (hold->next)
		hold->next->previous = hold->previous;
	settle_one(&ledger->today, &hold->bound, spent);
	settle_one(hold->thread, &hold->bound, spent);
	settle_one(hold->turn, &hold->bound, spent);
	hold->id = 0;
}

int egress_ledger_hold(struct egress_ledger *ledger, struct egress_hold *hold, struct error *err)
{
	auto_buf struct buf line = BUF(EGRESS_LEDGER_LINE_MAX);
	int r;

	roll(ledger);
	hold->id = ledger->last_id + 1;
	r = write_hold(&line, hold);
	if (r >= 0)
		r = append(ledger, &line);
	if (r < 0) {
		hold->id = 0;
		return FAIL(err, r, "what is spent cannot be written down: %s", strerror(-r));
	}
	ledger->last_id++;
	egress_ledger_begin_hold(ledger, hold);
	return 0;
}

int egress_ledger_settle(struct egress_ledger *ledger, struct egress_hold *hold,
			 const struct egress_spent *spent)
{
	auto_buf struct buf text = BUF(EGRESS_LEDGER_LINE_MAX);
	const struct egress_ledger_line line = { .kind = LEDGER_DONE,
						 .id = hold->id,
						 .spent = *spent };
	int r;

	assert(hold->id > 0);
	roll(ledger);
	r = egress_ledger_line_write(&text, &line);
	if (r >= 0)
		r = append(ledger, &text);
	egress_ledger_end_hold(ledger, hold,
			       r < 0 ? &hold->bound : spent); /* as it stands on the disk */
	return r;
}

void egress_ledger_keep_warned(struct egress_ledger *ledger, const struct egress_account *account)
{
	auto_buf struct buf line = BUF(EGRESS_LEDGER_LINE_MAX);
	bool is_today = account == &ledger->today;
	enum egress_ledger_kind kind = is_today          ? LEDGER_DAY
				       : account->thread ? LEDGER_THREAD
							 : LEDGER_TURN;

	if (write_account(&line, kind, is_today ? ledger->day : 0, account) >= 0)
		(void)append(ledger, &line); /* at worst the person is warned once more */
}

int egress_ledger_open(int folder_fd, struct egress_ledger **ret, struct error *err)
{
	struct egress_ledger *ledger = calloc(1, sizeof(*ledger));
	int r;

	if (!ledger)
		return FAIL(err, -ENOMEM, "out of memory");
	ledger->folder_fd = folder_fd;
	ledger->fd = -1;
	ledger->day = day_now();
	r = egress_ledger_read(ledger, err);
	if (r >= 0) {
		(void)egress_ledger_today(ledger); /* may be another day */
		r = egress_ledger_save(ledger);
		if (r < 0)
			(void)FAIL(err, r, "%s: %s", EGRESS_LEDGER_FILE, strerror(-r));
	}
	if (r < 0) {
		egress_ledger_close(ledger);
		return r;
	}
	*ret = ledger;
	return 0;
}
