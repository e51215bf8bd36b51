/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "base/cleanup.h"
#include "base/dir.h"
#include "l6-agent/field.h"
#include "l6-agent/memory-tools.h"

#include <assert.h>
#include <string.h>

static int add_labels(sd_json_variant *record, struct buf *out)
{
	sd_json_variant *labels = sd_json_variant_by_key(record, "labels");
	size_t n = labels ? sd_json_variant_elements(labels) : 0;
	int r = 0;

	for (size_t i = 0; i < n && r >= 0; i++) {
		const char *label = sd_json_variant_string(sd_json_variant_by_index(labels, i));

		r = buf_printf(out, "%s%s", i == 0 ? ", labels " : " ", label ? label : "");
	}
	return r;
}

static int format_hits(sd_json_variant *reply, struct label_set *labels, struct buf *out)
{
	sd_json_variant *hits = sd_json_variant_by_key(reply, "hits");
	size_t n = hits ? sd_json_variant_elements(hits) : 0;
	int r = 0;

	if (n == 0)
		return buf_add_string(out,
				      "Nothing in memory matches. memory_tree lists what there "
				      "is.");
	for (size_t i = 0; i < n && r >= 0; i++) {
		sd_json_variant *hit = sd_json_variant_by_index(hits, i);

		r = buf_printf(out, "%s[%zu] %s, version %lld", i > 0 ? "\n\n" : "", i + 1,
			       field_text(hit, "path", ""), field_number(hit, "version", 0));
		label_set_add_json(labels, sd_json_variant_by_key(hit, "labels"));
		if (r >= 0)
			r = add_labels(hit, out);
		if (r >= 0)
			r = buf_printf(out, "\n%s", field_text(hit, "text", ""));
	}
	return r;
}

static int format_documents(sd_json_variant *reply, struct label_set *labels, struct buf *out)
{
	sd_json_variant *documents = sd_json_variant_by_key(reply, "documents");
	size_t n = documents ? sd_json_variant_elements(documents) : 0;
	int r = 0;

	if (n == 0)
		return buf_add_string(out, "Nothing here.");
	for (size_t i = 0; i < n && r >= 0; i++) {
		sd_json_variant *document = sd_json_variant_by_index(documents, i);

		r = buf_printf(out, "%s%s (%lld bytes", i > 0 ? "\n" : "",
			       field_text(document, "path", ""),
			       field_number(document, "bytes", 0));
		label_set_add_json(labels, sd_json_variant_by_key(document, "labels"));
		if (r >= 0)
			r = add_labels(document, out);
		if (r >= 0)
			r = buf_add_char(out, ')');
	}
	return r;
}

static int format_document(sd_json_variant *reply, const char *before, struct buf *out)
{
	sd_json_variant *document = sd_json_variant_by_key(reply, "document");
	int r = buf_printf(out, "%s%s, version %lld, %lld bytes", before,
			   field_text(document, "path", ""), field_number(document, "version", 0),
			   field_number(document, "bytes", 0));

	return r < 0 ? r : add_labels(document, out);
}

static int format_read(sd_json_variant *reply, int content_fd, struct label_set *labels,
		       struct buf *out)
{
	sd_json_variant *document = sd_json_variant_by_key(reply, "document");
	int r = format_document(reply, "", out);

	label_set_add_json(labels, sd_json_variant_by_key(document, "labels"));
	if (r >= 0)
		r = buf_add_string(out, ":\n");
	return r < 0 ? r : dir_read_fd(content_fd, out);
}

/* The reason of a named error, as a sentence the model can act on. */
static int format_error(const char *error_id, sd_json_variant *reply, struct buf *out)
{
	const char *name = strrchr(error_id, '.');
	bool is_ours = strncmp(error_id, "io.clawos.Fs.", strlen("io.clawos.Fs.")) == 0;

	name = name ? name + 1 : error_id;
	if (is_ours && strcmp(name, "NotFound") == 0)
		return buf_printf(out,
				  "There is no \"%s\" in memory; memory_tree lists what there is.",
				  field_text(reply, "path", ""));
	if (is_ours && strcmp(name, "InvalidPath") == 0)
		return buf_printf(out, "\"%s\" is not a path in memory: %s.",
				  field_text(reply, "path", ""), field_text(reply, "reason", ""));
	if (is_ours && strcmp(name, "Denied") == 0)
		return buf_printf(out, "Denied: %s.", field_text(reply, "reason", ""));
	if (is_ours && strcmp(name, "QuotaExceeded") == 0)
		return buf_printf(out, "The limit %s (%lld) is reached; nothing was changed.",
				  field_text(reply, "limit", ""), field_number(reply, "value", 0));
	if (is_ours && strcmp(name, "VersionConflict") == 0)
		return buf_printf(out, "%s has changed: it is at version %lld now; read it again.",
				  field_text(reply, "path", ""), field_number(reply, "version", 0));
	if (is_ours && strcmp(name, "UnknownQuestion") == 0)
		return buf_add_string(out,
				      "The question has expired; the call has to be made again.");
	if (is_ours && strcmp(name, "InvalidArguments") == 0)
		return buf_printf(out, "%s.", field_text(reply, "reason", ""));
	return buf_printf(out, "Memory does not answer (%s); nothing is known about the call.",
			  field_text(reply, "reason", name));
}

int memory_reply_format(const struct memory_call *call, const char *error_id,
			sd_json_variant *reply, int content_fd, struct buf *text,
			struct memory_result *ret, struct error *err)
{
	struct memory_result result = { .outcome = MEMORY_DONE };
	int r = 0;

	if (error_id && strcmp(error_id, "io.clawos.Fs.ApprovalNeeded") == 0) {
		result.outcome = MEMORY_ASK;
		result.question = field_number(reply, "question", 0);
		r = buf_add_string(text, field_text(reply, "action", ""));
	} else if (error_id) {
		result.outcome = MEMORY_FAILED;
		r = format_error(error_id, reply, text);
	} else {
		switch (call->verb) {
		case MEMORY_SEARCH:
			r = format_hits(reply, &result.labels, text);
			break;
		case MEMORY_READ:
			r = format_read(reply, content_fd, &result.labels, text);
			break;
		case MEMORY_TREE:
			r = format_documents(reply, &result.labels, text);
			break;
		case MEMORY_WRITE:
		case MEMORY_LOG: /* shows nothing that the caller did not bring */
			r = format_document(reply, "Saved ", text);
			break;
		}
	}
	if (r < 0)
		return FAIL(err, r, "the reply of the memory does not fit: %s", strerror(-r));
	*ret = result;
	return 0;
}
