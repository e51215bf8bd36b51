/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l6-agent/job.h"

#include "base/cleanup.h"
#include "base/clock.h"

#include <string.h>

static const char *const kind_names[] = { "job", "subagent" };

const char *job_kind_name(enum job_kind kind)
{
	return kind_names[kind];
}

void job_free(struct job *job)
{
	if (!job)
		return;
	free(job->title);
	free((void *)job->tools);
	free(job->text);
	free(job);
}
DEFINE_CLEANUP(struct job *, job_free)

static bool parse_kind(const char *name, enum job_kind *ret)
{
	for (unsigned i = 0; i < sizeof(kind_names) / sizeof(kind_names[0]); i++) {
		if (name && strcmp(kind_names[i], name) == 0) {
			*ret = (enum job_kind)i;
			return true;
		}
	}
	return false;
}

/* A tool that is not known any more is one right less. */
static int load_tools(struct job *job, yyjson_val *array)
{
	yyjson_val *value;
	size_t i, max;

	job->tools = (const struct tool **)calloc(yyjson_arr_size(array) + 1, sizeof(*job->tools));
	if (!job->tools)
		return -ENOMEM;
	yyjson_arr_foreach(array, i, max, value)
	{
		const char *name = yyjson_get_str(value);
		const struct tool *tool = name ? tool_find(name) : NULL;

		if (tool)
			job->tools[job->n_tools++] = tool;
	}
	return 0;
}

int job_parse(yyjson_val *object, struct job **ret)
{
	CLEANUP(job_free_ptr) struct job *job = calloc(1, sizeof(*job));
	const char *title = payload_get_string(object, "title");
	int r;

	if (!job)
		return -ENOMEM;
	if (!title || !parse_kind(payload_get_string(object, "kind"), &job->kind))
		return -EBADMSG;
	job->parent = payload_get_number(object, "parent");
	job->turn = payload_get_number(object, "turn");
	job->calls_max = payload_get_number(object, "maxCalls");
	job->deadline_us = payload_get_number(object, "deadlineUsec");
	r = load_tools(job, yyjson_obj_get(object, "tools"));
	if (r < 0)
		return r;
	job->title = strdup(title);
	job->text = yyjson_val_write(object, 0, NULL);
	if (!job->title || !job->text)
		return -ENOMEM;
	*ret = TAKE_PTR(job);
	return 0;
}

void job_write(const struct job *job, struct payload *payload)
{
	yyjson_mut_doc *doc = payload->doc;
	yyjson_mut_val *object, *tools;

	if (payload->error < 0)
		return;
	object = yyjson_mut_obj_add_obj(doc, payload->root, "job");
	if (!yyjson_mut_obj_add_str(doc, object, "kind", job_kind_name(job->kind)) ||
	    !yyjson_mut_obj_add_strcpy(doc, object, "title", job->title) ||
	    !yyjson_mut_obj_add_uint(doc, object, "parent", job->parent) ||
	    !yyjson_mut_obj_add_uint(doc, object, "turn", job->turn) ||
	    !yyjson_mut_obj_add_uint(doc, object, "maxCalls", job->calls_max) ||
	    !yyjson_mut_obj_add_uint(doc, object, "deadlineUsec", job->deadline_us)) {
		payload->error = -ENOMEM;
		return;
	}
	tools = yyjson_mut_obj_add_arr(doc, object, "tools");
	for (size_t i = 0; i < job->n_tools; i++)
		if (!yyjson_mut_arr_add_str(doc, tools, job->tools[i]->name))
			payload->error = -ENOMEM;
}

bool job_has_tool(const struct job *job, const struct tool *tool)
{
	for (size_t i = 0; i < job->n_tools; i++)
		if (job->tools[i] == tool)
			return true;
	return false;
}

uint64_t job_calls_left(const struct job *job)
{
	return job->calls_max > job->calls ? job->calls_max - job->calls : 0;
}

uint64_t job_time_left_us(const struct job *job)
{
	uint64_t now = clock_realtime_us();

	return job->deadline_us > now ? job->deadline_us - now : 0;
}
