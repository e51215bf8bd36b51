/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l7-shell/history.h"

#include "base/array.h"
#include "base/buf.h"
#include "l7-shell/history-file.h"
#include "l7-shell/sanitise.h"

#include <stdlib.h>
#include <string.h>

enum { ENTRIES_MAX = HISTORY_FILE_ENTRIES * 4, ENTRY_BYTES_MAX = 16 * 1024 * 1024 };

struct history {
	int state_fd;
	char **entries;
	size_t n, capacity;
	size_t at;   /* the one that is shown; n: none */
	char *draft; /* what was typed before the going began */
};

static int keep(struct history *history, const char *text)
{
	int r = ARRAY_ROOM(history->entries, history->n, history->capacity, ENTRIES_MAX);
	char *copy = r < 0 ? NULL : strdup(text);

	if (!copy)
		return r == -EMSGSIZE ? 0
				      : -ENOMEM; /* a shell that runs for years: enough is kept */
	history->entries[history->n++] = copy;
	history->at = history->n;
	return 0;
}

/* The file is the person's own; what gets into the line is harmless all the same. */
static int on_entry(const char *text, void *data)
{
	auto_buf struct buf harmless = BUF(ENTRY_BYTES_MAX);
	int r = sanitise_text(text, strlen(text), 0, &harmless);

	return r < 0 ? r : keep(data, buf_string(&harmless));
}

int history_open(int state_fd, struct history **ret)
{
	struct history *history = calloc(1, sizeof(*history));
	int r;

	if (!history)
		return -ENOMEM;
	history->state_fd = state_fd;
	r = history_file_load(state_fd, on_entry, history);
	if (r < 0) {
		history_close(history);
		return r;
	}
	*ret = history;
	return 0;
}

void history_close(struct history *history)
{
	if (!history)
		return;
	for (size_t i = 0; i < history->n; i++)
		free(history->entries[i]);
	free(history->entries);
	free(history->draft);
	free(history);
}

int history_add(struct history *history, const char *text)
{
	int r;

	history_rest(history);
	if (text[strspn(text, " \t\n")] == '\0' ||
	    (history->n > 0 && strcmp(history->entries[history->n - 1], text) == 0))
		return 0;
	r = keep(history, text);
	return r < 0 ? r : history_file_add(history->state_fd, text);
}

int history_older(struct history *history, const char *draft, const char **ret)
{
	*ret = NULL;
	if (history->at == 0)
		return 0;
	if (history->at == history->n) {
		char *copy = strdup(draft);

		if (!copy)
			return -ENOMEM;
		free(history->draft);
		history->draft = copy;
	}
	*ret = history->entries[--history->at];
	return 0;
}

bool history_is_draft(const struct history *history)
{
	return history->at == history->n;
}

const char *history_newer(struct history *history)
{
	if (history->at == history->n)
		return NULL;
	history->at++;
	return history->at < history->n ? history->entries[history->at]
	       : history->draft         ? history->draft
					: "";
}

void history_rest(struct history *history)
{
	history->at = history->n;
}

size_t history_end(const struct history *history)
{
	return history->n;
}

const char *history_find(const struct history *history, const char *words, size_t *at)
{
	for (size_t i = *at; i > 0; i--) {
		if (!strstr(history->entries[i - 1], words))
			continue;
		*at = i - 1;
		return history->entries[i - 1];
	}
	return NULL;
}
