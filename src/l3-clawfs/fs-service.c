/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l3-clawfs/fs-service.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/dir.h"
#include "io.clawos.Fs.varlink.h"
#include "l3-clawfs/content.h"
#include "l3-clawfs/fs-batch.h"
#include "l3-clawfs/fs-wire.h"
#include "l3-clawfs/fs-write.h"
#include "l3-clawfs/identity.h"
#include "l3-clawfs/listing.h"
#include "l3-clawfs/path.h"

#include <string.h>

#define auto_json __attribute__((cleanup(sd_json_variant_unrefp)))

enum { CONNECTIONS_KEPT = 4 };
#define METHOD(name_) "io.clawos.Fs." name_

struct fs_service {
	struct fs_context context;
	sd_varlink_server *server;
};

/* Before a read: what is shown is durable. 1, or the reply's return value with the error sent. */
static int begin_read(struct fs_context *fs, sd_varlink *link)
{
	struct error err = { 0 };
	int r = batch_flush(fs->batch, &err);

	return r < 0 ? sd_varlink_error_errno(link, r) : 1;
}

/* The same for a method without parameters. */
static int begin_bare_read(struct fs_context *fs, sd_varlink *link, sd_json_variant *parameters)
{
	static const sd_json_dispatch_field none[] = { { 0 } };
	int r = sd_varlink_dispatch(link, parameters, none, NULL);

	return r != 0 ? r : begin_read(fs, link);
}

/* {name: array}, an empty array when array is NULL. */
static int reply_array(sd_varlink *link, const char *name, sd_json_variant *array)
{
	if (!array)
		return sd_varlink_replybo(link, SD_JSON_BUILD_PAIR_EMPTY_ARRAY(name));
	return sd_varlink_replybo(link, SD_JSON_BUILD_PAIR_VARIANT(name, array));
}

/* Puts bytes beside the reply as descriptor 0. */
static int push_content(sd_varlink *link, const struct buf *content)
{
	int fd = dir_sealed_memfd("content", buf_string(content), content->length), r;

	if (fd < 0)
		return fd;
	r = sd_varlink_push_fd(link, fd);
	if (r < 0)
		(void)close(fd); /* it was not taken */
	return r;
}

struct path_request {
	const char *path;
	sd_json_variant *version;
	int64_t depth;
};

static int on_read(sd_varlink *link, sd_json_variant *parameters, sd_varlink_method_flags_t flags,
		   void *userdata)
{
	static const sd_json_dispatch_field fields[] = {
		{ "path", SD_JSON_VARIANT_STRING, sd_json_dispatch_const_string,
		  offsetof(struct path_request, path), SD_JSON_MANDATORY },
		{ "version", SD_JSON_VARIANT_INTEGER, sd_json_dispatch_variant_noref,
		  offsetof(struct path_request, version), SD_JSON_NULLABLE },
		{ 0 },
	};
	auto_document struct document document = { 0 };
	auto_json sd_json_variant *record = NULL;
	struct path_request request = { 0 };
	struct fs_context *fs = userdata;
	char path[PATH_BYTES + 1];
	struct error err = { 0 };
	int r = sd_varlink_dispatch(link, parameters, fields, &request);

	(void)flags;
	if (r != 0)
		return r;
	if (path_document(request.path, path, &err) < 0)
		return wire_invalid_path(link, request.path, &err);
	r = begin_read(fs, link);
	if (r != 1)
		return r;
	r = document_find(fs->store, path, fs->owner, fs_number(request.version, 0), &document,
			  &err);
	if (r == 0)
		return wire_not_found(link, path);
	if (r > 0) {
		auto_buf struct buf content = BUF(document.bytes + 1);

		r = content_range(fs->store, document.id, document.version, 0, document.bytes,
				  &content, &err);
		if (r >= 0)
			r = wire_document(&document, &record, &err);
		if (r >= 0)
			r = push_content(link, &content) < 0
				    ? FAIL(&err, -ENOMEM, "no memory for the content")
				    : 0;
	}
	if (r < 0)
		return fs_fail(fs, link, r, &err);
	return sd_varlink_replybo(link, SD_JSON_BUILD_PAIR_VARIANT("document", record));
}

/* A path that is no folder but a document: a listing of one. */
static int list_document(struct fs_context *fs, sd_varlink *link, const char *path)
{
	auto_document struct document document = { 0 };
	auto_json sd_json_variant *array = NULL;
	struct error err = { 0 };
	int r = document_find(fs->store, path, fs->owner, 0, &document, &err);

	if (r == 0)
		return path[0] ? wire_not_found(link, path) : reply_array(link, "documents", NULL);
	if (r > 0)
		r = wire_add_document(&document, &array, &err);
	return r < 0 ? fs_fail(fs, link, r, &err) : reply_array(link, "documents", array);
}

static int on_list(sd_varlink *link, sd_json_variant *parameters, sd_varlink_method_flags_t flags,
		   void *userdata)
{
	static const sd_json_dispatch_field fields[] = {
		{ "path", SD_JSON_VARIANT_STRING, sd_json_dispatch_const_string,
		  offsetof(struct path_request, path), SD_JSON_MANDATORY },
		{ "depth", SD_JSON_VARIANT_INTEGER, sd_json_dispatch_int64,
		  offsetof(struct path_request, depth), SD_JSON_MANDATORY },
		{ 0 },
	};
	auto_json sd_json_variant *array = NULL;
	struct path_request request = { 0 };
	struct fs_context *fs = userdata;
	char folder[PATH_BYTES + 1];
	struct error err = { 0 };
	int r = sd_varlink_dispatch(link, parameters, fields, &request);

	(void)flags;
	if (r != 0)
		return r;
	if (path_folder(request.path, folder, &err) < 0)
		return wire_invalid_path(link, request.path, &err);
	if (request.depth < 1 || request.depth > PATH_DEPTH) {
		(void)FAIL(&err, -EINVAL, "depth is 1 to %d", PATH_DEPTH);
		return wire_invalid(link, &err);
	}
	r = begin_read(fs, link);
	if (r != 1)
		return r;
	r = listing_read(fs->store, folder, fs->owner, (unsigned)request.depth, wire_add_document,
			 &array, &err);
	if (r < 0)
		return fs_fail(fs, link, r, &err);
	if (r == 1)
		return wire_quota(link, "fs.list_entries", store_quotas(fs->store)->list_entries);
	return array ? reply_array(link, "documents", array) : list_document(fs, link, folder);
}

static int on_search(sd_varlink *link, sd_json_variant *parameters, sd_varlink_method_flags_t flags,
		     void *userdata)
{
	struct search_request {
		const char *query;
		int64_t limit;
		sd_json_variant *labels;
	} request = { 0 };
	static const sd_json_dispatch_field fields[] = {
		{ "query", SD_JSON_VARIANT_STRING, sd_json_dispatch_const_string,
		  offsetof(struct search_request, query), SD_JSON_MANDATORY },
		{ "limit", SD_JSON_VARIANT_INTEGER, sd_json_dispatch_int64,
		  offsetof(struct search_request, limit), SD_JSON_MANDATORY },
		{ "labels", SD_JSON_VARIANT_ARRAY, sd_json_dispatch_variant_noref,
		  offsetof(struct search_request, labels), SD_JSON_MANDATORY },
		{ 0 },
	};
	auto_json sd_json_variant *hits = NULL;
	auto_free char *labels = NULL;
	struct fs_context *fs = userdata;
	struct error err = { 0 };
	int r = sd_varlink_dispatch(link, parameters, fields, &request);

	(void)flags;
	if (r != 0)
		return r;
	if (request.limit < 1 || request.limit > SEARCH_LIMIT_MAX)
		r = FAIL(&err, -EINVAL, "limit is 1 to %d", SEARCH_LIMIT_MAX);
	else
		r = wire_labels(request.labels, &labels, &err);
	if (r < 0)
		return wire_invalid(link, &err);
	r = begin_read(fs, link);
	if (r != 1)
		return r;
	r = search(fs->searcher, request.query, strlen(request.query), (unsigned)request.limit,
		   labels, wire_add_hit, &hits, &err);
	return r < 0 ? fs_fail(fs, link, r, &err) : reply_array(link, "hits", hits);
}

static int on_history(sd_varlink *link, sd_json_variant *parameters,
		      sd_varlink_method_flags_t flags, void *userdata)
{
	static const sd_json_dispatch_field fields[] = {
		{ "path", SD_JSON_VARIANT_STRING, sd_json_dispatch_const_string,
		  offsetof(struct path_request, path), SD_JSON_MANDATORY },
		{ 0 },
	};
	auto_json sd_json_variant *versions = NULL;
	struct path_request request = { 0 };
	struct fs_context *fs = userdata;
	char path[PATH_BYTES + 1];
	struct error err = { 0 };
	int r = sd_varlink_dispatch(link, parameters, fields, &request);

	(void)flags;
	if (r != 0)
		return r;
	if (path_document(request.path, path, &err) < 0)
		return wire_invalid_path(link, request.path, &err);
	r = begin_read(fs, link);
	if (r != 1)
		return r;
	r = document_history(fs->store, path, fs->owner, wire_add_document, &versions, &err);
	if (r < 0)
		return fs_fail(fs, link, r, &err);
	return versions ? reply_array(link, "versions", versions) : wire_not_found(link, path);
}

static int on_identity(sd_varlink *link, sd_json_variant *parameters,
		       sd_varlink_method_flags_t flags, void *userdata)
{
	auto_json sd_json_variant *documents = NULL;
	struct fs_context *fs = userdata;
	const struct quotas *quotas = store_quotas(fs->store);
	auto_buf struct buf text = BUF(5 * quotas->document_bytes);
	int64_t generation = 0;
	struct error err = { 0 };
	int r = begin_bare_read(fs, link, parameters);

	(void)flags;
	if (r != 1)
		return r;
	r = identity_read(fs->store, fs->owner, &text, &generation, wire_add_document, &documents,
			  &err);
	if (r >= 0 && !documents && sd_json_variant_new_array(&documents, NULL, 0) < 0)
		r = FAIL(&err, -ENOMEM, "out of memory");
	if (r >= 0 && push_content(link, &text) < 0)
		r = FAIL(&err, -ENOMEM, "no memory for the content");
	if (r < 0)
		return fs_fail(fs, link, r, &err);
	return sd_varlink_replybo(link, SD_JSON_BUILD_PAIR_INTEGER("generation", generation),
				  SD_JSON_BUILD_PAIR_UNSIGNED("length", text.length),
				  SD_JSON_BUILD_PAIR_VARIANT("documents", documents));
}

static int on_questions(sd_varlink *link, sd_json_variant *parameters,
			sd_varlink_method_flags_t flags, void *userdata)
{
	auto_json sd_json_variant *questions = NULL;
	struct fs_context *fs = userdata;
	struct error err = { 0 };
	int r = begin_bare_read(fs, link, parameters);

	(void)flags;
	if (r != 1)
		return r;
	r = question_list(fs->store, clock_realtime_us(), wire_add_question, &questions, &err);
	return r < 0 ? fs_fail(fs, link, r, &err) : reply_array(link, "questions", questions);
}

static int on_status(sd_varlink *link, sd_json_variant *parameters, sd_varlink_method_flags_t flags,
		     void *userdata)
{
	static const char *const counts[] = {
		"SELECT value FROM total WHERE name = 'documents'",
		"SELECT count(*) FROM version",
		"SELECT count(*) FROM chunk",
		"SELECT value FROM total WHERE name = 'bytes'",
		"SELECT count(*) FROM question WHERE answer = 0",
	};
	int64_t values[sizeof(counts) / sizeof(counts[0])] = { 0 };
	struct fs_context *fs = userdata;
	const struct quotas *quotas = store_quotas(fs->store);
	struct error err = { 0 };
	int r = begin_bare_read(fs, link, parameters);

	(void)flags;
	if (r != 1)
		return r;
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]) && r >= 0; i++)
		r = store_count(fs->store, counts[i], NULL, 0, &values[i], &err);
	if (r < 0)
		return fs_fail(fs, link, r, &err);
	return sd_varlink_replybo(
		link, SD_JSON_BUILD_PAIR_OBJECT(
			      "status", SD_JSON_BUILD_PAIR_INTEGER("documents", values[0]),
			      SD_JSON_BUILD_PAIR_INTEGER("versions", values[1]),
			      SD_JSON_BUILD_PAIR_INTEGER("chunks", values[2]),
			      SD_JSON_BUILD_PAIR_INTEGER("bytes", values[3]),
			      SD_JSON_BUILD_PAIR_INTEGER("questions", values[4]),
			      SD_JSON_BUILD_PAIR_UNSIGNED("documentsMax", quotas->documents),
			      SD_JSON_BUILD_PAIR_UNSIGNED("bytesMax", quotas->total_bytes),
			      SD_JSON_BUILD_PAIR_BOOLEAN("encrypted", false),
			      SD_JSON_BUILD_PAIR_BOOLEAN("vectors", false)));
}

static int bind_methods(struct fs_service *fs, struct error *err)
{
	int r = sd_varlink_server_bind_method_many(
		fs->server, METHOD("Write"), fs_on_write, METHOD("Log"), fs_on_log,
		METHOD("Answer"), fs_on_answer, METHOD("Read"), on_read, METHOD("List"), on_list,
		METHOD("Search"), on_search, METHOD("History"), on_history, METHOD("Identity"),
		on_identity, METHOD("Questions"), on_questions, METHOD("Status"), on_status);

	return r < 0 ? FAIL(err, r, "methods of io.clawos.Fs: %s", strerror(-r)) : 0;
}

int fs_service_open(const struct fs_service_options *options, struct fs_service **ret,
		    struct error *err)
{
	const uid_t peers[] = { options->owner, options->agent };
	const unsigned connections = (unsigned)store_quotas(options->store)->connections;
	/* the agent cannot take them all: the person answers, reads and edits in any case */
	const unsigned kept = connections > 4 * CONNECTIONS_KEPT ? CONNECTIONS_KEPT : 1;
	struct fs_service *fs = calloc(1, sizeof(*fs));
	int r;

	if (!fs)
		return FAIL(err, -ENOMEM, "out of memory");
	fs->context.store = options->store;
	fs->context.owner = options->owner;
	fs->context.agent = options->agent;
	r = searcher_open(options->store, &fs->context.searcher, err);
	if (r >= 0)
		r = batch_open(options->store, service_event(options->service), &fs->context.batch,
			       err);
	if (r >= 0)
		r = service_serve(
			options->service, "fs", &vl_interface_io_clawos_Fs,
			&(struct service_peers){ .uids = peers,
						 .n_uids = 2,
						 .connections_max = connections,
						 .connections_per_uid_max = connections - kept,
						 .message_bytes_max = SERVICE_MESSAGE_BYTES_MAX },
			&fs->context, &fs->server, err);
	if (r >= 0)
		r = bind_methods(fs, err);
	if (r < 0) {
		fs_service_close(fs);
		return r;
	}
	*ret = fs;
	return 0;
}

void fs_service_close(struct fs_service *fs)
{
	if (!fs)
		return;
	sd_varlink_server_unref(fs->server);
	batch_close(fs->context.batch);
	searcher_close(fs->context.searcher);
	free(fs);
}
