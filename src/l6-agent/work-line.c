/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l6-agent/work-line.h"

#include "base/clock.h"

#include <assert.h>
#include <stdlib.h>

enum { LINE_PRIORITY = SD_EVENT_PRIORITY_NORMAL + 110 }; /* behind the journal's commit */

struct work_line {
	struct work_item *first, **end;
	sd_event_source *turn; /* on while somebody is in line */
};

static void append(struct work_line *line, struct work_item *item)
{
	item->line = line;
	item->next = NULL;
	item->self = line->end;
	*line->end = item;
	line->end = &item->next;
}

static void do_first(struct work_line *line)
{
	struct work_item *item = line->first;
	work_fn work = item->work;
	void *data = item->data;

	work_leave(item);
	if (work(data))
		append(line, item);
}

static int on_turn(sd_event_source *source, void *data)
{
	uint64_t began = clock_monotonic_us();
	struct work_line *line = data;

	do
		do_first(line);
	while (line->first && clock_monotonic_us() - began < WORK_SLICE_US);
	return sd_event_source_set_enabled(source, line->first ? SD_EVENT_ON : SD_EVENT_OFF);
}

int work_line_new(sd_event *event, struct work_line **ret)
{
	struct work_line *line = calloc(1, sizeof(*line));
	int r;

	if (!line)
		return -ENOMEM;
	line->end = &line->first;
	r = sd_event_add_defer(event, &line->turn, on_turn, line);
	if (r >= 0)
		r = sd_event_source_set_priority(line->turn, LINE_PRIORITY);
	if (r >= 0)
		r = sd_event_source_set_enabled(line->turn, SD_EVENT_OFF);
	if (r < 0) {
		work_line_free(line);
		return r;
	}
	*ret = line;
	return 0;
}

void work_line_free(struct work_line *line)
{
	if (!line)
		return;
	assert(!line->first);
	sd_event_source_disable_unref(line->turn);
	free(line);
}

void work_enter(struct work_line *line, struct work_item *item, work_fn work, void *data)
{
	assert(!item->line);
	item->work = work;
	item->data = data;
	append(line, item);
	(void)sd_event_source_set_enabled(line->turn,
					  SD_EVENT_ON); /* cannot fail: a defer source */
}

void work_leave(struct work_item *item)
{
	struct work_line *line = item->line;

	if (!line)
		return;
	*item->self = item->next;
	if (item->next)
		item->next->self = item->self;
	else
		line->end = item->self;
	item->line = NULL;
	if (!line->first)
		(void)sd_event_source_set_enabled(line->turn, SD_EVENT_OFF); /* as above */
}
