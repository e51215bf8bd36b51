/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l7-shell/link.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "l7-shell/sanitise.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

enum { SENTENCE_BYTES_MAX = 4096 };

/* A blocking connection to run_fd/name; limit_us 0: however long it takes until there is room. */
static int connect_to(int run_fd, const char *name, uint64_t limit_us, struct error *err)
{
	const struct timeval limit = { .tv_sec = (time_t)(limit_us / CLOCK_SECOND_US),
				       .tv_usec = (suseconds_t)(limit_us % CLOCK_SECOND_US) };
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	auto_fd int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int n = snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/%s", run_fd,
			 name);

	assert(n > 0 && (size_t)n < sizeof(address.sun_path));
	if (fd < 0)
		return FAIL(err, -errno, "socket: %s", strerror(errno));
	if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) < 0)
		return FAIL(err, -errno, "socket: %s", strerror(errno));
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0) {
		int code = -errno;

		if (code == -ENOENT)
			return FAIL(err, code, "the system was stopped");
		return FAIL(err, code, "the system's \"%s\" socket does not answer: %s", name,
			    strerror(-code));
	}
	return take_fd(&fd);
}

int link_open_within(int run_fd, const char *name, uint64_t limit_us, sd_varlink **ret,
		     struct error *err)
{
	auto_link sd_varlink *link = NULL;
	auto_fd int fd = connect_to(run_fd, name, limit_us, err);
	int r;

	if (fd < 0)
		return fd;
	r = sd_varlink_connect_fd(&link, fd);
	if (r >= 0) {
		(void)take_fd(&fd); /* the connection's now */
		r = sd_varlink_set_allow_fd_passing_output(link, true);
	}
	if (r >= 0)
		r = sd_varlink_set_allow_fd_passing_input(link, true);
	if (r >= 0 && limit_us > 0)
		r = sd_varlink_set_relative_timeout(link, limit_us);
	if (r < 0)
		return FAIL(err, r, "connection to \"%s\": %s", name, strerror(-r));
	*ret = TAKE_PTR(link);
	return 0;
}

int link_open(int run_fd, const char *name, sd_varlink **ret, struct error *err)
{
	return link_open_within(run_fd, name, 0, ret, err);
}

sd_json_variant *link_field(sd_json_variant *object, const char *key)
{
	sd_json_variant *field = object && sd_json_variant_is_object(object)
					 ? sd_json_variant_by_key(object, key)
					 : NULL;

	return field && !sd_json_variant_is_null(field) ? field : NULL;
}

const char *link_string(sd_json_variant *object, const char *key)
{
	sd_json_variant *field = link_field(object, key);

	return field && sd_json_variant_is_string(field) ? sd_json_variant_string(field) : "";
}

int64_t link_integer(sd_json_variant *object, const char *key)
{
	sd_json_variant *field = link_field(object, key);

	return field && sd_json_variant_is_integer(field) ? sd_json_variant_integer(field) : 0;
}

int link_format(sd_json_variant *value, char **ret)
{
	const sd_json_format_flags_t compact = { 0 };

	return sd_json_variant_format(value, compact, ret);
}

bool link_boolean(sd_json_variant *object, const char *key)
{
	sd_json_variant *field = link_field(object, key);

	return field && sd_json_variant_is_boolean(field) && sd_json_variant_boolean(field);
}

/* The last part of an error's name, the parameter its sentence is about, what it means
 * (spec/errors.md). */
static const struct wire_error {
	const char *name, *key, *format;
	int code;
} wire_errors[] = {
	{ "UnknownThread", "thread", "there is no thread \"%s\"", -ENOENT },
	{ "UnknownTurn", "turn", "there is no turn %s", -ENOENT },
	{ "UnknownTool", "tool", "there is no tool \"%s\"", -ENOENT },
	{ "UnknownQuestion", "question", "question %s is not open (answered, or timed out)",
	  -ENOENT },
	{ "QuotaExceeded", "limit", "the limit %s is reached", -EDQUOT },
	{ "Denied", "reason", "denied: %s", -EACCES },
	{ "PermissionDenied", "reason", "only the owner of this state may do that%s", -EACCES },
	{ "InvalidArguments", "reason", "%s", -EINVAL },
	{ "NotNow", "reason", "%s", -EBUSY },
	{ "InvalidParameter", "parameter", "the system does not accept the value of \"%s\"",
	  -EINVAL },
	{ "AddressRefused", "address", "the address %s is not public", -EACCES },
	{ "InvalidPath", "path", "\"%s\" cannot be a document's path", -EINVAL },
	{ "MethodNotFound", "method", "the running system is another version: it has no %s",
	  -ENOSYS },
	{ "NotFound", "path", "there is no \"%s\"", -ENOENT },
	{ "NotConfigured", "reason", "not configured: %s", -ENODEV },
	{ "Disconnected", "reason", "the connection to the system broke%s", -ECONNRESET },
	{ "TimedOut", "reason", "the system did not answer in time%s", -ETIMEDOUT },
};

/* The parameter as text of one harmless line. */
static int describe(sd_json_variant *parameters, const char *key, struct buf *out)
{
	sd_json_variant *field = link_field(parameters, key);
	auto_free char *text = NULL;
	int r;

	if (!field)
		return 0;
	if (sd_json_variant_is_string(field))
		return sanitise_text(sd_json_variant_string(field),
				     strlen(sd_json_variant_string(field)), SANITISE_LINE, out);
	r = link_format(field, &text);
	return r < 0 ? r : sanitise_json(text, out);
}

int link_error(const char *error_id, sd_json_variant *parameters, struct error *err)
{
	const char *dot = strrchr(error_id, '.'), *name = dot ? dot + 1 : error_id;
	auto_buf struct buf what = BUF(SENTENCE_BYTES_MAX);
	auto_buf struct buf shown = BUF(SENTENCE_BYTES_MAX);

	for (size_t i = 0; i < sizeof(wire_errors) / sizeof(wire_errors[0]); i++) {
		const struct wire_error *row = &wire_errors[i];
		const char *split = strstr(row->format, "%s");

		if (strcmp(row->name, name) != 0)
			continue;
		(void)describe(parameters, row->key, &what); /* the name alone still says it */
		if (strcmp(row->key, "limit") == 0 && link_integer(parameters, "value") > 0 &&
		    buf_printf(&what, " (%lld)", (long long)link_integer(parameters, "value")) < 0)
			buf_truncate(&what, 0);
		return FAIL(err, row->code, "%.*s%s%s", (int)(split - row->format), row->format,
			    buf_string(&what), split + 2);
	}
	if (strcmp(name, "System") == 0 && link_integer(parameters, "errno") > 0)
		return FAIL(err, -EREMOTEIO, "%s",
			    strerror((int)link_integer(parameters, "errno")));
	if (sanitise_text(error_id, strlen(error_id), SANITISE_LINE, &shown) < 0)
		buf_truncate(&shown, 0);
	(void)describe(parameters, "reason", &what);
	return FAIL(err, -EREMOTEIO, "%s%s%s", buf_string(&shown), what.length > 0 ? ": " : "",
		    buf_string(&what));
}

/* A connection that did not bring an answer. */
static int fail_call(int code, const char *method, struct error *err)
{
	if (code == -ECONNRESET || code == -EPIPE || code == -ENOTCONN)
		return FAIL(err, -ECONNRESET, "the connection to the system broke");
	if (code == -ETIMEDOUT || code == -ETIME)
		return FAIL(err, -ETIMEDOUT, "the system did not answer in time");
	return FAIL(err, code, "%s: %s", method, strerror(-code));
}

int link_call(sd_varlink *link, const char *method, sd_json_variant *parameters,
	      sd_json_variant **ret, struct error *err)
{
	sd_json_variant *reply = NULL; /* borrowed from the connection */
	const char *error_id = NULL;
	int r = sd_varlink_call(link, method, parameters, &reply, &error_id);

	if (r < 0)
		return fail_call(r, method, err);
	if (error_id)
		return link_error(error_id, reply, err);
	if (ret)
		*ret = sd_json_variant_ref(reply);
	return 0;
}

int link_ask(int run_fd, const char *name, const char *method, sd_json_variant *parameters,
	     sd_json_variant **ret, struct error *err)
{
	auto_link sd_varlink *link = NULL;
	int r = link_open(run_fd, name, &link, err);

	return r < 0 ? r : link_call(link, method, parameters, ret, err);
}
