/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l6-agent/memory-tools.h"

#include "base/cleanup.h"
#include "base/dir.h"
#include "l6-agent/field.h"

#include <assert.h>
#include <string.h>

enum {
	MEMORY_TEXT_BYTES = 4096, /* content in the message; more goes by descriptor */
	MEMORY_CONTENT_BYTES = 16 * 1024 * 1024,
	MEMORY_SEARCH_LIMIT = 5,
	MEMORY_TREE_DEPTH = 1,
};

#define auto_json __attribute__((cleanup(sd_json_variant_unrefp)))
#define METHOD(name_) "io.clawos.Fs." name_

void memory_call_free(struct memory_call *call)
{
	sd_json_variant_unref(call->parameters);
	close_fd(&call->content_fd);
	*call = (struct memory_call){ .content_fd = -1 };
}

/* Models write "/MEMORY.md" for a document that has no folder. */
static const char *relative(const char *path)
{
	while (*path == '/')
		path++;
	return path;
}

static int built(int r, struct error *err)
{
	return r < 0 ? FAIL(err, r, "the call could not be built: %s", strerror(-r)) : 0;
}

static int make_search(const char *query, int64_t limit, struct memory_call *ret, struct error *err)
{
	ret->verb = MEMORY_SEARCH;
	ret->method = METHOD("Search");
	return built(sd_json_buildo(&ret->parameters, SD_JSON_BUILD_PAIR_STRING("query", query),
				    SD_JSON_BUILD_PAIR_INTEGER("limit", limit),
				    SD_JSON_BUILD_PAIR_EMPTY_ARRAY("labels")),
		     err);
}

static int make_read(sd_json_variant *arguments, struct memory_call *ret, struct error *err)
{
	const char *path = relative(field_text(arguments, "path", ""));

	ret->verb = MEMORY_READ;
	ret->method = METHOD("Read");
	return built(sd_json_buildo(&ret->parameters, SD_JSON_BUILD_PAIR_STRING("path", path)),
		     err);
}

static int make_tree(sd_json_variant *arguments, struct memory_call *ret, struct error *err)
{
	const char *path = relative(field_text(arguments, "path", ""));
	int64_t depth = field_number(arguments, "depth", MEMORY_TREE_DEPTH);

	ret->verb = MEMORY_TREE;
	ret->method = METHOD("List");
	return built(sd_json_buildo(&ret->parameters, SD_JSON_BUILD_PAIR_STRING("path", path),
				    SD_JSON_BUILD_PAIR_INTEGER("depth", depth)),
		     err);
}

/* A write of text, in the message or beside it. */
static int make_write(const char *path, const char *text, size_t length, bool append,
		      const struct memory_intent *intent, struct memory_call *ret,
		      struct error *err)
{
	auto_json sd_json_variant *labels = NULL;
	static const struct label_set none = { 0 };
	bool beside = length > MEMORY_TEXT_BYTES;
	int r = label_set_to_json(intent->labels ? intent->labels : &none, &labels);

	if (r < 0)
		return built(r, err);
	ret->method = METHOD("Write");
	if (beside) {
		ret->content_fd = dir_sealed_memfd("memory-content", text, length);
		if (ret->content_fd < 0)
			return FAIL(err, ret->content_fd, "no memory for the content");
	}
	r = sd_json_buildo(
		&ret->parameters, SD_JSON_BUILD_PAIR_STRING("path", path),
		SD_JSON_BUILD_PAIR_CONDITION(!beside, "text", SD_JSON_BUILD_STRING(text)),
		SD_JSON_BUILD_PAIR_CONDITION(beside, "contentFd", SD_JSON_BUILD_INTEGER(0)),
		SD_JSON_BUILD_PAIR_UNSIGNED("length", length),
		SD_JSON_BUILD_PAIR_BOOLEAN("append", append),
		SD_JSON_BUILD_PAIR_VARIANT("labels", labels),
		SD_JSON_BUILD_PAIR_STRING("author", intent->author),
		SD_JSON_BUILD_PAIR_CONDITION(intent->question > 0, "question",
					     SD_JSON_BUILD_INTEGER(intent->question)));
	return built(r, err);
}

/* "- 10:31 text" as a line of the day's log; Log takes neither labels nor long lines. */
static int make_log(const char *content, const struct memory_intent *intent,
		    struct memory_call *ret, struct error *err)
{
	auto_buf struct buf line = BUF(MEMORY_CONTENT_BYTES), path = BUF(64);
	int r = buf_printf(&line, "- %s%s%s", intent->time ? intent->time : "",
			   intent->time ? " " : "", content);

	ret->verb = MEMORY_LOG;
	if (r < 0)
		return FAIL(err, r, "the content is too long");
	if (line.length <= MEMORY_TEXT_BYTES && (!intent->labels || intent->labels->n == 0)) {
		ret->method = METHOD("Log");
		return built(sd_json_buildo(&ret->parameters,
					    SD_JSON_BUILD_PAIR_STRING("date", intent->date),
					    SD_JSON_BUILD_PAIR_STRING("text", line.data),
					    SD_JSON_BUILD_PAIR_STRING("author", intent->author)),
			     err);
	}
	r = buf_add_char(&line, '\n');
	if (r >= 0)
		r = buf_printf(&path, "daily/%s.md", intent->date);
	if (r < 0)
		return FAIL(err, r, "the content is too long");
	return make_write(path.data, line.data, line.length, true, intent, ret, err);
}

static int make_target(sd_json_variant *arguments, const struct memory_intent *intent,
		       struct memory_call *ret, struct error *err)
{
	const char *target = relative(field_text(arguments, "target", "memory")),
		   *content = field_text(arguments, "content", NULL);
	bool append = field_flag(arguments, "append", true);

	if (!content)
		return FAIL(err, -EINVAL, "memory_write needs content");
	if (strcmp(target, "daily_log") == 0)
		return make_log(content, intent, ret, err);
	if (strcmp(target, "memory") == 0)
		target = "MEMORY.md";
	else if (strcmp(target, "heartbeat") == 0)
		target = "HEARTBEAT.md";
	ret->verb = MEMORY_WRITE;
	return make_write(target, content, strlen(content), append, intent, ret, err);
}

int memory_call_make(const char *tool, const char *arguments, const struct memory_intent *intent,
		     struct memory_call *ret, struct error *err)
{
	auto_json sd_json_variant *parsed = NULL;
	struct memory_call call = { .content_fd = -1 };
	int r = sd_json_parse(arguments, 0, &parsed, NULL, NULL);

	if (r < 0 || !sd_json_variant_is_object(parsed))
		return FAIL(err, -EINVAL, "the arguments are no JSON object");
	if (strcmp(tool, "memory_search") == 0)
		r = make_search(field_text(parsed, "query", ""),
				field_number(parsed, "limit", MEMORY_SEARCH_LIMIT), &call, err);
	else if (strcmp(tool, "memory_read") == 0)
		r = make_read(parsed, &call, err);
	else if (strcmp(tool, "memory_tree") == 0)
		r = make_tree(parsed, &call, err);
	else if (strcmp(tool, "memory_write") == 0)
		r = make_target(parsed, intent, &call, err);
	else
		r = FAIL(err, -EINVAL, "\"%s\" is not a memory tool", tool);
	if (r < 0)
		memory_call_free(&call);
	else
		*ret = call;
	return r;
}
