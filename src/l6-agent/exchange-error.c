/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l6-agent/exchange-error.h"

#include "l6-agent/field.h"

#include <stdio.h>
#include <string.h>
#include <systemd/sd-varlink.h>

const char *exchange_error_name(const char *error_id)
{
	const char *dot = strrchr(error_id, '.');

	return dot ? dot + 1 : error_id;
}

static int provider_failed(sd_json_variant *parameters, struct error *err)
{
	const char *what = field_text(parameters, "what", "protocol");
	const char *reason = field_text(parameters, "reason", "no reason was given");
	long long attempts = field_number(parameters, "attempts", 0);
	long long status = field_number(parameters, "status", 0);

	if (strcmp(what, "status") == 0)
		return FAIL(err, -EREMOTEIO, "the provider answered %lld: %s", status, reason);
	if (status > 0)
		return FAIL(err, -EHOSTDOWN, "the provider's answer broke off (%s): %s", what,
			    reason);
	if (attempts > 1)
		return FAIL(err, -EHOSTDOWN, "the provider did not answer (%s, %lld attempts): %s",
			    what, attempts, reason);
	return FAIL(err, -EHOSTDOWN, "the provider did not answer (%s): %s", what, reason);
}

int exchange_error_explain(const char *error_id, sd_json_variant *parameters, struct error *err)
{
	const char *name = exchange_error_name(error_id);
	const char *reason = field_text(parameters, "reason", name);

	if (strcmp(error_id, SD_VARLINK_ERROR_DISCONNECTED) == 0 ||
	    strcmp(error_id, SD_VARLINK_ERROR_PROTOCOL) == 0)
		return FAIL(err, -ECONNRESET, "the daemon that speaks to the model was lost");
	if (strcmp(error_id, SD_VARLINK_ERROR_TIMEOUT) == 0)
		return FAIL(err, -ETIMEDOUT, "no model can be asked: %s", reason);
	if (strcmp(name, "ProviderFailed") == 0)
		return provider_failed(parameters, err);
	if (strcmp(name, "TooLong") == 0)
		return FAIL(err, -E2BIG, "the conversation has %lld tokens, the model reads %lld",
			    field_number(parameters, "tokens", 0),
			    field_number(parameters, "limit", 0));
	if (strcmp(name, "NotConfigured") == 0)
		return FAIL(err, -ENODEV, "no model can be asked: %s", reason);
	if (strcmp(name, "ModelFailed") == 0)
		return FAIL(err, -EIO, "the local model failed: %s", reason);
	if (strcmp(name, "QuotaExceeded") == 0)
		return FAIL(err, -EDQUOT, "the limit %s = %lld is reached",
			    field_text(parameters, "limit", "?"),
			    field_number(parameters, "value", 0));
	if (strcmp(name, "BudgetExceeded") == 0)
		return FAIL(err, -EDQUOT, "%s", reason);
	if (strcmp(name, "Denied") == 0)
		return FAIL(err, -EACCES, "the request was refused: %s", reason);
	return FAIL(err, -EIO, "the model cannot be asked: %s", reason);
}

void exchange_error_add_wait(struct error *err, uint64_t wait_ms)
{
	enum { MINUTE = 60, HOUR = 60 * MINUTE, MOST = 6 * HOUR }; /* libcurl tells no more */
	uint64_t seconds = (wait_ms + 999) / 1000, unit = 1;
	const char *name = "s";
	size_t length = strlen(err->text);

	if (wait_ms == 0)
		return;
	if (seconds >= 2 * HOUR) {
		unit = HOUR;
		name = seconds < MOST ? "h" : "h or later";
	} else if (seconds >= 2 * MINUTE) {
		unit = MINUTE;
		name = "min";
	}
	(void)snprintf(err->text + length, sizeof(err->text) - length,
		       " (it says: again in %llu %s)",
		       (unsigned long long)((seconds + unit - 1) / unit), name); /* may be cut */
}
