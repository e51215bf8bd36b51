/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l7-shell/memory-report.h"

#include "base/cleanup.h"
#include "base/dir.h"
#include "l7-shell/link.h"
#include "l7-shell/report.h"
#include "l7-shell/tool-line.h"

#include <string.h>

enum { LIST_DEPTH = 16, PATH_COLUMNS = 36, DOCUMENT_BYTES_MAX = 16 * 1024 * 1024 };

static int list(struct shell *shell, struct error *err)
{
	auto_json sd_json_variant *parameters = NULL, *reply = NULL;
	sd_json_variant *documents;
	int r = sd_json_buildo(&parameters, SD_JSON_BUILD_PAIR_STRING("path", ""),
			       SD_JSON_BUILD_PAIR_INTEGER("depth", LIST_DEPTH));

	if (r < 0)
		return FAIL(err, r, "memory: %s", strerror(-r));
	r = link_ask(shell->run_fd, "fs", "io.clawos.Fs.List", parameters, &reply, err);
	if (r < 0)
		return r;
	documents = link_field(reply, "documents");
	for (size_t i = 0; documents && i < sd_json_variant_elements(documents); i++) {
		sd_json_variant *document = sd_json_variant_by_index(documents, i);
		char size[TOOL_LINE_SPAN_BYTES];

		tool_line_size((uint64_t)link_integer(document, "bytes"), size);
		report_cell(&shell->out, STYLE_BOLD, link_string(document, "path"), PATH_COLUMNS);
		screen_own(&shell->out, STYLE_PLAIN, "%8s  version %lld  ", size,
			   (long long)link_integer(document, "version"));
		screen_foreign(&shell->out, STYLE_DIM, link_string(document, "author"), 0);
		screen_own(&shell->out, STYLE_PLAIN, "\n");
	}
	return 0;
}

static int show(struct shell *shell, const char *path, struct error *err)
{
	auto_json sd_json_variant *parameters = NULL, *reply = NULL;
	auto_link sd_varlink *link = NULL;
	auto_buf struct buf text = BUF(DOCUMENT_BYTES_MAX);
	auto_fd int fd = -1;
	int r = sd_json_buildo(&parameters, SD_JSON_BUILD_PAIR_STRING("path", path));

	if (r < 0)
		return FAIL(err, r, "memory: %s", strerror(-r));
	r = link_open(shell->run_fd, "fs", &link, err);
	if (r == 0)
		r = link_call(link, "io.clawos.Fs.Read", parameters, &reply, err);
	if (r < 0)
		return r;
	fd = sd_varlink_take_fd(link, 0);
	r = fd < 0 ? fd : dir_read_fd(fd, &text);
	if (r < 0)
		return FAIL(err, r, "%s: %s", path, strerror(-r));
	screen_foreign_block(&shell->out, STYLE_PLAIN, buf_string(&text), text.length);
	screen_fresh_line(&shell->out);
	return 0;
}

int memory_report(struct shell *shell, const char *const args[], struct error *err)
{
	return args[0] ? show(shell, args[0], err) : list(shell, err);
}
