/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l6-agent/egress-log.h"

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/dir.h"
#include "base/json-text.h"
#include "l6-agent/egress-limits.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum { LOG_LINE_BYTES_MAX = 2048, LOG_MODE = 0600 };

static const char file_name[] = "requests.log", old_name[] = "requests.log.1";

struct egress_log {
	int folder_fd; /* borrowed */
	int fd;
	uint64_t size, max;
	struct egress_totals totals;
	struct egress_entry kept[EGRESS_LOG_KEPT];
	size_t next, n_kept;
};

static int open_file(struct egress_log *log)
{
	struct stat st;
	int fd =
		dir_open_nolink(log->folder_fd, file_name, O_WRONLY | O_CREAT | O_APPEND, LOG_MODE);

	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0) {
		int r = -errno;

		close_fd(&fd);
		return r;
	}
	log->fd = fd;
	log->size = (uint64_t)st.st_size;
	return 0;
}

int egress_log_open(int folder_fd, uint64_t max, struct egress_log **ret, struct error *err)
{
	struct egress_log *log = calloc(1, sizeof(*log));
	int r;

	if (!log)
		return FAIL(err, -ENOMEM, "out of memory");
	log->folder_fd = folder_fd;
	log->fd = -1;
	log->max = max;
	r = open_file(log);
	if (r < 0) {
		free(log);
		return FAIL(err, r, "%s: %s", file_name, strerror(-r));
	}
	*ret = log;
	return 0;
}

void egress_log_close(struct egress_log *log)
{
	if (!log)
		return;
	close_fd(&log->fd);
	free(log);
}

static int rotate(struct egress_log *log)
{
	if (renameat(log->folder_fd, file_name, log->folder_fd, old_name) < 0)
		return -errno;
	close_fd(&log->fd);
	log->fd = -1;
	return open_file(log);
}

static int format(struct buf *line, const struct egress_entry *entry)
{
	int r = buf_printf(line, "{\"timeUsec\":%llu,\"intent\":%lld,\"kind\":\"%s\",\"method\":",
			   (unsigned long long)entry->time_us, (long long)entry->intent,
			   entry->kind);

	if (r >= 0)
		r = json_text_string(line, entry->method);
	if (r >= 0)
		r = buf_add_string(line, ",\"host\":");
	if (r >= 0)
		r = json_text_string(line, entry->host);
	if (r >= 0)
		r = buf_printf(
			line,
			",\"status\":%d,\"bytesOut\":%llu,\"bytesIn\":%llu,\"rule\":%llu,"
			"\"attempts\":%u,\"secrets\":%u,\"totalUsec\":%llu,\"result\":\"%s\"}\n",
			entry->status, (unsigned long long)entry->bytes_out,
			(unsigned long long)entry->bytes_in, (unsigned long long)entry->rule,
			entry->attempts, entry->secrets, (unsigned long long)entry->total_us,
			entry->result);
	return r;
}

static int write_line(struct egress_log *log, const struct egress_entry *entry)
{
	auto_buf struct buf line = BUF(LOG_LINE_BYTES_MAX);
	int r = format(&line, entry);

	if (r >= 0 && log->size + line.length > log->max)
		r = rotate(log);
	if (r >= 0 && log->fd < 0)
		r = open_file(log);
	if (r >= 0)
		r = dir_write_all(log->fd, line.data, line.length);
	if (r >= 0)
		log->size += line.length;
	return r;
}

void egress_log_add(struct egress_log *log, const struct egress_entry *entry)
{
	log->totals.requests++;
	log->totals.bytes_out += entry->bytes_out;
	log->totals.bytes_in += entry->bytes_in;
	log->kept[log->next] = *entry;
	log->next = (log->next + 1) % EGRESS_LOG_KEPT;
	if (log->n_kept < EGRESS_LOG_KEPT)
		log->n_kept++;
	if (write_line(log, entry) < 0)
		log->totals.lost_lines++;
}

const struct egress_entry *egress_log_recent(const struct egress_log *log, size_t n)
{
	if (n >= log->n_kept)
		return NULL;
	return &log->kept[(log->next + EGRESS_LOG_KEPT - 1 - n) % EGRESS_LOG_KEPT];
}

struct egress_totals egress_log_totals(const struct egress_log *log)
{
	return log->totals;
}
