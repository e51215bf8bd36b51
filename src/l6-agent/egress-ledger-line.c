/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l6-agent/egress-ledger-line.h"
#include "l6-agent/egress-limits.h"

#include "base/number.h"

#include <string.h>

enum { N_NUMBERS = 6 };

static const char *const kinds[] = { "day", "thread", "turn", "hold", "done" };

int egress_ledger_line_write(struct buf *text, const struct egress_ledger_line *line)
{
	return buf_printf(text, "%s %llu %llu %llu %llu %llu %llu %s\n", kinds[line->kind],
			  (unsigned long long)line->id, (unsigned long long)line->spent.requests,
			  (unsigned long long)line->spent.tokens,
			  (unsigned long long)line->spent.nano, (unsigned long long)line->warned,
			  (unsigned long long)line->turn, line->thread ? line->thread : "");
}

static int parse_kind(const char *word, enum egress_ledger_kind *ret)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcmp(kinds[i], word) == 0) {
			*ret = (enum egress_ledger_kind)i;
			return 0;
		}
	return -EINVAL;
}

int egress_ledger_line_parse(char *text, struct egress_ledger_line *ret)
{
	struct egress_ledger_line line = { 0 };
	uint64_t *const numbers[N_NUMBERS] = { &line.id,           &line.spent.requests,
					       &line.spent.tokens, &line.spent.nano,
					       &line.warned,       &line.turn };
	char *at = text;

	for (size_t i = 0; i <= N_NUMBERS; i++) {
		char *end = strchr(at, ' ');
		int r;

		if (!end)
			return -EINVAL;
		*end = '\0';
		r = i == 0 ? parse_kind(at, &line.kind)
			   : number_parse_u64(at, 0, UINT64_MAX, numbers[i - 1]);
		if (r < 0)
			return -EINVAL;
		at = end + 1;
	}
	line.thread = *at ? at : NULL;
	if (strlen(at) > EGRESS_THREAD_BYTES_MAX ||
	    (line.kind == LEDGER_THREAD) > (line.thread != NULL) ||
	    (line.kind == LEDGER_TURN && line.turn == 0))
		return -EINVAL;
	*ret = line;
	return 0;
}
