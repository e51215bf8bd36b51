/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l3-clawfs/fs-wire.h"

#include "base/cleanup.h"
#include "l3-clawfs/labels.h"

#include <string.h>

#define ERROR(name_) "io.clawos.Fs." name_
#define auto_json __attribute__((cleanup(sd_json_variant_unrefp)))

static int parse_labels(const char *set, sd_json_variant **ret, struct error *err)
{
	int r = sd_json_parse(set, 0, ret, NULL, NULL);

	return r < 0 ? FAIL(err, -EUCLEAN, "memory.db: labels that are no JSON array") : 0;
}

int wire_document(const struct document *document, sd_json_variant **ret, struct error *err)
{
	auto_json sd_json_variant *labels = NULL;
	int r = parse_labels(document->labels, &labels, err);

	if (r < 0)
		return r;
	r = sd_json_buildo(ret, SD_JSON_BUILD_PAIR_STRING("path", document->path),
			   SD_JSON_BUILD_PAIR_INTEGER("owner", document->owner),
			   SD_JSON_BUILD_PAIR_INTEGER("version", document->version),
			   SD_JSON_BUILD_PAIR_VARIANT("labels", labels),
			   SD_JSON_BUILD_PAIR_STRING("author", document->author),
			   SD_JSON_BUILD_PAIR_UNSIGNED("bytes", document->bytes),
			   SD_JSON_BUILD_PAIR_UNSIGNED("createdUsec", document->created_us),
			   SD_JSON_BUILD_PAIR_UNSIGNED("updatedUsec", document->updated_us));
	return r < 0 ? FAIL(err, r, "a record could not be written: %s", strerror(-r)) : 0;
}

static int append(sd_json_variant **array, sd_json_variant *element, struct error *err)
{
	int r = sd_json_variant_append_array(array, element);

	return r < 0 ? FAIL(err, r, "out of memory") : 0;
}

int wire_add_document(const struct document *document, void *data, struct error *err)
{
	auto_json sd_json_variant *record = NULL;
	int r = wire_document(document, &record, err);

	return r < 0 ? r : append(data, record, err);
}

int wire_add_hit(const struct hit *hit, void *data, struct error *err)
{
	auto_json sd_json_variant *labels = NULL, *text = NULL, *record = NULL;
	const struct document *document = hit->document;
	int r = parse_labels(document->labels, &labels, err);

	if (r < 0)
		return r;
	r = sd_json_variant_new_stringn(&text, hit->text, hit->length);
	if (r >= 0)
		r = sd_json_buildo(&record, SD_JSON_BUILD_PAIR_STRING("path", document->path),
				   SD_JSON_BUILD_PAIR_INTEGER("owner", document->owner),
				   SD_JSON_BUILD_PAIR_INTEGER("version", document->version),
				   SD_JSON_BUILD_PAIR_VARIANT("labels", labels),
				   SD_JSON_BUILD_PAIR_UNSIGNED("offset", hit->offset),
				   SD_JSON_BUILD_PAIR_UNSIGNED("length", hit->length),
				   SD_JSON_BUILD_PAIR_REAL("score", hit->score),
				   SD_JSON_BUILD_PAIR_VARIANT("text", text));
	if (r < 0)
		return FAIL(err, r, "a hit could not be written: %s", strerror(-r));
	return append(data, record, err);
}

int wire_add_question(const struct question *question, void *data, struct error *err)
{
	static const char *const answers[] = { "open", "allowed", "refused" };
	auto_json sd_json_variant *record = NULL;
	int r = sd_json_buildo(&record, SD_JSON_BUILD_PAIR_INTEGER("question", question->id),
			       SD_JSON_BUILD_PAIR_STRING("path", question->path),
			       SD_JSON_BUILD_PAIR_STRING("action", question->action),
			       SD_JSON_BUILD_PAIR_UNSIGNED("createdUsec", question->created_us),
			       SD_JSON_BUILD_PAIR_STRING("answer", answers[question->answer]));

	if (r < 0)
		return FAIL(err, r, "a question could not be written: %s", strerror(-r));
	return append(data, record, err);
}

int wire_labels(sd_json_variant *array, char **ret, struct error *err)
{
	const char *labels[LABELS_MAX];
	size_t n = sd_json_variant_elements(array);

	if (n > LABELS_MAX)
		return FAIL(err, -EINVAL, "a document has at most %d labels", LABELS_MAX);
	for (size_t i = 0; i < n; i++) {
		labels[i] = sd_json_variant_string(sd_json_variant_by_index(array, i));
		if (!labels[i])
			return FAIL(err, -EINVAL, "a label is a string");
	}
	return labels_make(labels, n, ret, err);
}

int wire_not_found(sd_varlink *link, const char *path)
{
	return sd_varlink_errorbo(link, ERROR("NotFound"), SD_JSON_BUILD_PAIR_STRING("path", path));
}

int wire_denied(sd_varlink *link, const char *reason)
{
	return sd_varlink_errorbo(link, ERROR("Denied"),
				  SD_JSON_BUILD_PAIR_STRING("reason", reason));
}

int wire_invalid(sd_varlink *link, const struct error *err)
{
	return sd_varlink_errorbo(link, ERROR("InvalidArguments"),
				  SD_JSON_BUILD_PAIR_STRING("reason", err->text));
}

int wire_invalid_path(sd_varlink *link, const char *path, const struct error *err)
{
	return sd_varlink_errorbo(link, ERROR("InvalidPath"),
				  SD_JSON_BUILD_PAIR_STRING("path", path),
				  SD_JSON_BUILD_PAIR_STRING("reason", err->text));
}

int wire_quota(sd_varlink *link, const char *limit, uint64_t value)
{
	return sd_varlink_errorbo(link, ERROR("QuotaExceeded"),
				  SD_JSON_BUILD_PAIR_STRING("limit", limit),
				  SD_JSON_BUILD_PAIR_UNSIGNED("value", value));
}

int wire_conflict(sd_varlink *link, const char *path, int64_t version)
{
	return sd_varlink_errorbo(link, ERROR("VersionConflict"),
				  SD_JSON_BUILD_PAIR_STRING("path", path),
				  SD_JSON_BUILD_PAIR_INTEGER("version", version));
}

int wire_approval(sd_varlink *link, int64_t question, const char *action)
{
	return sd_varlink_errorbo(link, ERROR("ApprovalNeeded"),
				  SD_JSON_BUILD_PAIR_INTEGER("question", question),
				  SD_JSON_BUILD_PAIR_STRING("action", action));
}

int wire_unknown_question(sd_varlink *link, int64_t question)
{
	return sd_varlink_errorbo(link, ERROR("UnknownQuestion"),
				  SD_JSON_BUILD_PAIR_INTEGER("question", question));
}
